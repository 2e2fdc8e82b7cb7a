"""What a BIOS checks of the ROM of a PCI device (QEMU: `romfile=`) before it copies the image.

What it copied is then checked as every option ROM is.

A file may hold several images, for several kinds of firmware. The BIOS walks over them by their
PCI data structures until one is for it (PCI Firmware Specification, "PCI data structure").
"""

from collections.abc import Iterator
from dataclasses import replace

from harness.doctor.check import NOTE, Check, Group
from harness.doctor.field import SIZE_OFFSET, announced, number, raw, shown
from harness.doctor.optionrom import is_option_rom, signature
from harness.report.log import FAIL, PASS
from rom.interface.headers import PCI_SIGNATURE, ROM_UNIT, SIZES, offset_of

POINTER = offset_of("vmi_rom_header", "pci_header_offs")
"""Offset of the pointer to the PCI data structure; the same in every option ROM."""

FOR_A_BIOS = 0
CODE_TYPES = {0: "for a BIOS", 1: "for Open Firmware", 2: "for HP PA-RISC", 3: "for EFI"}
LAST_IMAGE = 0x80


def pci_card(content: bytes) -> Group:
    """The checks of each image in turn, to the first that a BIOS would run."""
    return Group("A BIOS finds it on a PCI device", tuple(_checks(content)))


def _checks(content: bytes) -> Iterator[Check]:
    start, count = 0, 1
    while True:
        image = content[start:]
        name = "pci" if count == 1 else f"pci/image-{count}"
        found = list(_structure(image, name))
        yield from (_moved(check, start) for check in found)
        if any(check.verdict == FAIL for check in found):
            return
        place = number(image, POINTER, 2) or 0
        code_type = number(image, place + offset_of("pci_data", "code_type"), 1)
        if code_type == FOR_A_BIOS:
            yield _moved(_image_length(image, place, name), start)
            return
        last = number(image, place + offset_of("pci_data", "indicator"), 1) or 0
        length = number(image, place + offset_of("pci_data", "image_length"), 2) or 0
        if (stop := _no_next(name, start + place, last, length)) is not None:
            yield stop
            return
        start, count = start + length * ROM_UNIT, count + 1


def _moved(check: Check, start: int) -> Check:
    """The same check of an image that begins elsewhere in the file."""
    return check if check.offset is None else replace(check, offset=check.offset + start)


def _structure(image: bytes, name: str) -> Iterator[Check]:
    yield signature(f"{name}/signature", image)
    if not is_option_rom(image):
        return
    place = number(image, POINTER, 2)
    value, wanted = shown(place, 2), f"an offset, then {PCI_SIGNATURE.decode()}"
    if place and place < len(image):
        value += f" -> {raw(image, place, 4)}"
    if not place or image[place : place + 4] != PCI_SIGNATURE:
        detail = "The pointer leads to no PCI data structure: the image is passed over silently."
        advice = "Right for a ROM that no PCI device has; else put its offset there."
        yield Check(f"{name}/data-structure", FAIL, POINTER, value, wanted, detail, advice)
        return
    if len(image) < place + SIZES["pci_data"]:
        detail = f"The PCI data structure is cut off after {len(image) - place} bytes."
        advice = f"It has {SIZES['pci_data']} bytes; take the whole file."
        yield Check(f"{name}/data-structure", FAIL, place, value, wanted, detail, advice)
        return
    yield Check(f"{name}/data-structure", PASS, POINTER, value, wanted)
    yield _alignment(place, name)
    yield _length(image, place, name)
    yield _ids(image, place, name)
    yield _code_type(image, place, name)


def _alignment(place: int, name: str) -> Check:
    value, wanted = shown(place, 2), "a multiple of 4"
    if place % 4 == 0:
        return Check(f"{name}/alignment", PASS, POINTER, value, wanted)
    detail = "SeaBIOS warns of it in its log and goes on; other BIOSes may not."
    return Check(f"{name}/alignment", NOTE, POINTER, value, wanted, detail, "Move the structure.")


def _length(image: bytes, place: int, name: str) -> Check:
    offset = place + offset_of("pci_data", "length")
    length = number(image, offset, 2)
    value, wanted = shown(length, 2), f"0x{SIZES['pci_data']:04x} or more"
    if (length or 0) >= SIZES["pci_data"]:
        return Check(f"{name}/length", PASS, offset, value, wanted)
    detail = "SeaBIOS does not look at the structure's length; other BIOSes do."
    return Check(f"{name}/length", NOTE, offset, value, wanted, detail, "Correct it.")


def _ids(image: bytes, place: int, name: str) -> Check:
    offset = place + offset_of("pci_data", "vendor")
    vendor = number(image, offset, 2)
    device = number(image, place + offset_of("pci_data", "device"), 2)
    value = f"{vendor:04x}:{device:04x}"
    detail = "The device must have the same vendor and device id."
    return Check(f"{name}/ids", PASS, offset, value, "the device's ids", detail)


def _code_type(image: bytes, place: int, name: str) -> Check:
    offset = place + offset_of("pci_data", "code_type")
    code_type = number(image, offset, 1) or 0
    kind = CODE_TYPES.get(code_type, "for nothing known")
    value = f"{shown(code_type, 1)} {kind}"
    if code_type == FOR_A_BIOS:
        return Check(f"{name}/code-type", PASS, offset, value, "0x00")
    detail = f"This image is {kind}; a BIOS goes on to the next one."
    advice = "If it holds BIOS code, set the code type to 0."
    return Check(f"{name}/code-type", NOTE, offset, value, "0x00", detail, advice)


def _no_next(name: str, place: int, indicator: int, length: int) -> Check | None:
    """Why there is no image behind this one, if so. place: of its structure, in the file."""
    if indicator & LAST_IMAGE:
        offset = place + offset_of("pci_data", "indicator")
        detail = "This is the last image, and none was for a BIOS."
        advice = "Add an image of code type 0, or boot with the firmware that these are for."
        value = shown(indicator, 1)
        return Check(f"{name}/last-image", FAIL, offset, value, "a further image", detail, advice)
    if length == 0:
        offset = place + offset_of("pci_data", "image_length")
        detail = "An image of length 0 leads back to itself: the BIOS looks for ever."
        advice = f"Put the image's length there, in units of {ROM_UNIT} bytes."
        return Check(f"{name}/image-length", FAIL, offset, "0x0000", "not 0", detail, advice)
    return None


def _image_length(image: bytes, place: int, name: str) -> Check:
    """The image's length in the PCI data structure beside the size byte."""
    offset = place + offset_of("pci_data", "image_length")
    length = number(image, offset, 2) or 0
    value, wanted = f"{length * ROM_UNIT} bytes", f"{announced(image)} bytes or more"
    if length * ROM_UNIT >= announced(image):
        return Check(f"{name}/image-length", PASS, offset, value, wanted)
    detail = f"The size byte at {SIZE_OFFSET:#x} says more than the PCI data structure."
    advice = "SeaBIOS goes by the size byte; make the two agree."
    return Check(f"{name}/image-length", NOTE, offset, value, wanted, detail, advice)
