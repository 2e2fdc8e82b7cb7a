"""What SeaBIOS checks of an option ROM that QEMU hands it (`-option-rom`), in its order.

The order and the consequences are those of SeaBIOS's optionrom_setup; the fields are those of the
PCI Firmware Specification, "ROM header", and of the BIOS Boot Specification.
"""

from collections.abc import Iterator

from harness.doctor import expansion
from harness.doctor.check import NOTE, Check, Group
from harness.doctor.field import SIZE_OFFSET, announced, kept, number, raw, shown
from harness.report.log import FAIL, PASS
from rom.interface.headers import ROM_UNIT

SIGNATURE = b"\x55\xaa"
INIT = 3
"""Offset of the 16-bit init; the BIOS makes a far call to it."""

AREA = range(0xC0000, 0xF0000)
"""Where SeaBIOS puts option ROMs, and some memory of its own behind them."""

ROOM = 0x18000
"""Bytes of the area that are free in any case; on `pc` with a VGA BIOS it was 114688."""

VMI_CHECKSUM = 7
"""Offset of the byte that a VMI ROM keeps free, which may hold the checksum."""

NEAR_JUMP, SHORT_JUMP, FAR_RETURN = 0xE9, 0xEB, 0xCB

_OTHER_FILES = (
    (b"\xaa\x55", "Its bytes are swapped in pairs", "Swap them back (dd conv=swab)."),
    (b"MZ", "This is a DOS or EFI program", "Take the option ROM that was made from it."),
    (b"\x7fELF", "This is an ELF file", "Make a flat image from it (objcopy -O binary)."),
    (b"\x1f\x8b", "This is a gzip file", "Unpack it (gunzip)."),
    (b"PK\x03\x04", "This is a zip file", "Unpack it."),
    (b":", "This looks like Intel HEX, text", "Convert it (objcopy -I ihex -O binary)."),
    (b"S0", "This looks like Motorola S-records", "Convert it (objcopy -I srec -O binary)."),
    (b"\0\0", "It begins with zeros", "Look for the image further back, or make it anew."),
    (b"\xff\xff", "It begins as erased flash does", "Read the chip again, from its start."),
)


def seabios(content: bytes, size: int) -> Group:
    """The checks for a file of `size` bytes that begins with `content`."""
    return Group("SeaBIOS runs it, given by -option-rom", tuple(_checks(content, size)))


def is_option_rom(content: bytes) -> bool:
    """Whether it begins as an option ROM does; of anything else there is no more to say."""
    return content[: len(SIGNATURE)] == SIGNATURE


def signature(name: str, content: bytes, consequence: str = "it is passed over silently") -> Check:
    """The first two bytes, and what the file may be when they are others."""
    value, wanted = raw(content, 0, 2), SIGNATURE.hex(" ")
    if is_option_rom(content):
        return Check(name, PASS, 0, value, wanted)
    what, advice = "This is no option ROM", "Begin the image with 55 aa."
    for start, said, todo in _OTHER_FILES:
        if content.startswith(start):
            what, advice = said, todo
            break
    for place in range(ROM_UNIT, len(content), ROM_UNIT):
        if content[place : place + 2] == SIGNATURE:
            advice = f"An image may begin at {place:#x}: cut off what is before it."
            break
    return Check(name, FAIL, 0, value, wanted, f"{what}: {consequence}.", advice)


def _checks(content: bytes, size: int) -> Iterator[Check]:
    yield _room(size)
    yield signature("seabios/signature", content)
    if not is_option_rom(content):
        return
    yield _size_byte(content)
    if not announced(content):
        return
    yield _size_and_file(content, size)
    yield _checksum(content)
    yield _init(content)
    yield from expansion.checks(kept(content))


def _room(size: int) -> Check:
    name, value, wanted = "seabios/room", f"{size} bytes", f"{ROOM} at most, to be sure"
    shorter = "Make the file shorter: keep only the image for a BIOS (code type 0)."
    if size > len(AREA):
        detail = f"The whole file is copied first, and {AREA.start:X}-{AREA.stop - 1:X} is smaller."
        return Check(name, FAIL, None, value, f"{len(AREA)} at most", detail, shorter)
    if size > ROOM:
        detail = "Whether there is room for the file depends on the other ROMs of the machine."
        return Check(name, NOTE, None, value, wanted, detail, "A real boot tells: --boot.")
    return Check(name, PASS, None, value, wanted)


def _size_byte(content: bytes) -> Check:
    value = number(content, SIZE_OFFSET, 1)
    wanted = f"units of {ROM_UNIT} bytes"
    if value:
        return Check("seabios/size", PASS, SIZE_OFFSET, shown(value, 1), wanted)
    detail = "An image of no size is passed over silently."
    advice = f"Put the size of the image there, in units of {ROM_UNIT} bytes."
    return Check("seabios/size", FAIL, SIZE_OFFSET, shown(value, 1), wanted, detail, advice)


def _size_and_file(content: bytes, size: int) -> Check:
    claimed = announced(content)
    name, value, wanted = "seabios/file-size", f"{size} bytes", f"{claimed} bytes"
    if size < claimed:
        detail = (
            f"The image says {claimed} bytes and the file ends {claimed - size} earlier: "
            "the rest is zero in QEMU, and anything elsewhere."
        )
        advice = "The file may be cut off; if not, pad it with zeros."
        return Check(name, NOTE, SIZE_OFFSET, value, wanted, detail, advice)
    if size > claimed:
        detail = f"Of the file only the first {claimed} bytes stay in memory."
        advice = "Right for a file of several images; else raise the size and mend the checksum."
        return Check(name, NOTE, SIZE_OFFSET, value, wanted, detail, advice)
    return Check(name, PASS, SIZE_OFFSET, value, wanted)


def _checksum(content: bytes) -> Check:
    total = sum(kept(content)) & 0xFF
    name, value = "seabios/checksum", shown(total, 1)
    place = VMI_CHECKSUM if content[8:12] == b"cVmi" else min(announced(content), len(content)) - 1
    if total == 0:
        return Check(name, PASS, None, value, "0x00")
    mended = content[place] - total & 0xFF if place < len(content) else 0
    detail = f"All {announced(content)} bytes must add up to 0 modulo 256, and these do not."
    advice = (
        f"If the image is whole, make one byte that nothing reads smaller by {total:#04x}: "
        f"the one at {place:#x} would be {mended:#04x}."
    )
    return Check(name, FAIL, place, value, "0x00", detail, advice)


def _init(content: bytes) -> Check:
    code = kept(content)[INIT : INIT + 3]
    name, value, wanted = "seabios/init", raw(content, INIT, 3), "16-bit code"
    target = jump_target(code, INIT)
    if not any(code) or set(code) == {0xFF}:
        detail = "There is no code where the BIOS enters the image; it will not come back."
        return Check(name, NOTE, INIT, value, wanted, detail, "Put a far return (cb) there.")
    if target is not None and not INIT <= target < announced(content):
        detail = f"The init jumps to {target:#x}, which is outside the image."
        return Check(name, NOTE, INIT, value, wanted, detail, "Correct the jump.")
    if code[0] == FAR_RETURN:
        return Check(name, PASS, INIT, value, wanted, "It returns at once.")
    where = "" if target is None else f"It jumps to {target:#x}."
    return Check(name, PASS, INIT, value, wanted, where)


def jump_target(code: bytes, offset: int) -> int | None:
    """Where the jump that the 16-bit code begins with leads, from the start of its segment."""
    if len(code) >= 3 and code[0] == NEAR_JUMP:
        return offset + 3 + int.from_bytes(code[1:3], "little") & 0xFFFF
    if len(code) >= 2 and code[0] == SHORT_JUMP:
        return offset + 2 + int.from_bytes(code[1:2], "little", signed=True) & 0xFFFF
    return None
