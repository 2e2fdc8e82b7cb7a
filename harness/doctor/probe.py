"""What Linux's VMI probe checks, and what Linux then calls without a look.

The checks are those of `rom.interface.probe`; here each has its advice.
"""

from collections.abc import Iterator

from harness.doctor.check import NOTE, Check, Group
from harness.doctor.field import kept, number, raw, shown
from harness.report.log import FAIL, PASS
from rom.interface.headers import GET_RELOCATION_INFO, VMI_INIT, offset_of
from rom.interface.probe import ProbeStep, all_steps

_NAMES = {  # number of the step -> check, advice
    1: ("signature", "Begin the image with 55 aa."),
    2: ("vmi-signature", 'Put "cVmi" (63 56 6d 69) there, if this is to be a VMI ROM.'),
    3: ("version", "Build the ROM for generation 3.0, the only one that Linux asks for."),
    4: ("pci-header", "Put the offset of a PCI data structure there."),
    5: ("pci-ids", "Put 15ad:0801 there, if the warning in the boot messages disturbs."),
    6: ("licence", 'Point the word at 0x16 to the text "GPL" or "GPL v2", ended by a NUL.'),
}
_OLD = {6: "of autumn 2005", 13: "of spring 2006"}
"""Major versions that were before 3.0; their calls have other numbers and other entries."""

_JUMP = 0xE9
_ENTRY_SIZE = 8


def linux(content: bytes) -> Group:
    """The checks of a file, as it will be in memory: as much of it as its size byte says."""
    return Group("Linux's VMI probe takes it, once it is in memory", tuple(_checks(kept(content))))


def _checks(image: bytes) -> Iterator[Check]:
    pci_header = True
    for step in all_steps(image):
        if step.number == 5 and not pci_header:
            continue
        yield _check(step, image)
        if step.number <= 2 and not step.passed:
            return  # no VMI ROM: what would be VMI fields are other things
        if step.number == 4:
            pci_header = step.passed
    yield _entry("linux/vmi-init", image, VMI_INIT)
    yield _entry("linux/get-relocation-info", image, GET_RELOCATION_INFO)
    yield _virtual_top(image)


def _check(step: ProbeStep, image: bytes) -> Check:
    name, advice = _NAMES[step.number]
    verdict = PASS if step.passed else FAIL if step.fatal else NOTE
    detail = step.message
    if step.number == 3 and (age := _OLD.get(number(image, step.offset, 1) or 0)):
        detail = f"{detail} This is the interface {age}."
    todo = "" if step.passed else advice
    return Check(f"linux/{name}", verdict, step.offset, step.found, step.expected, detail, todo)


def _entry(name: str, image: bytes, offset: int) -> Check:
    """The code that Linux calls there; it looks at none of it."""
    code = image[offset : offset + _ENTRY_SIZE]
    value, wanted = raw(image, offset, 5), "32-bit code"
    if len(code) < _ENTRY_SIZE:
        detail = f"The image ends at {len(image):#x}, and Linux calls what is behind it."
        advice = "Take the whole file, and mind that its size byte counts all of it."
        return Check(name, FAIL, offset, value, wanted, detail, advice)
    if not any(code) or set(code) == {0xFF}:
        detail = "There is no code, and Linux calls it all the same."
        return Check(name, FAIL, offset, value, wanted, detail, "Put a jump to the code there.")
    if code[0] == _JUMP:
        distance = int.from_bytes(code[1:5], "little", signed=True)
        target = offset + 5 + distance
        if not 0 <= target < len(image):
            detail = f"It jumps to {target:#x}, which is outside the image."
            return Check(name, FAIL, offset, value, wanted, detail, "Correct the jump.")
        return Check(name, PASS, offset, value, wanted, f"It jumps to {target:#x}.")
    return Check(name, PASS, offset, value, wanted)


def _virtual_top(image: bytes) -> Check:
    offset = offset_of("vmi_rom_header", "virtual_top")
    value = number(image, offset, 4)
    if not value:
        return Check("linux/virtual-top", PASS, offset, shown(value, 4), "0, or a page's address")
    detail = f"Linux leaves the ROM all linear addresses from {value:08X} up, before it calls Init."
    name = "linux/virtual-top"
    return Check(name, PASS, offset, shown(value, 4), "0, or a page's address", detail)
