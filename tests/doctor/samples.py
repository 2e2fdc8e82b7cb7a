"""Option ROMs made by hand, as other people make them, and ours with a byte spoilt."""

from harness.doctor.check import Check, Diagnosis, Group
from rom.interface.headers import PciData, PnpExpansion

RETF = b"\xcb"
SPIN = b"\xeb\xfe"
PCI, PNP, NAME, ENTRY = 0x20, 0x40, 0x60, 0x80


def summed(image: bytes | bytearray, place: int = -1) -> bytes:
    """The image with one byte changed so that all add up to 0."""
    content = bytearray(image)
    content[place] = 0
    content[place] = -sum(content) & 0xFF
    return bytes(content)


def plain(code: bytes = RETF, size: int = 512) -> bytes:
    """A ROM as a book from before Plug and Play has it: signature, size, code, checksum."""
    image = bytearray(size)
    image[:3] = bytes((0x55, 0xAA, size // 512))
    image[3 : 3 + len(code)] = code
    return summed(image)


def network_card(code_type: int = 0, bev: int = ENTRY, size: int = 1024, last: int = 0x80) -> bytes:
    """A ROM of a card to boot from: PCI data structure, PnP header, bootstrap entry."""
    image = bytearray(plain(size=size))
    image[0x18:0x1C] = bytes((PCI, 0, PNP, 0))
    image[PCI : PCI + 24] = PciData(
        signature=b"PCIR",
        vendor=0x8086,
        device=0x100E,
        length=24,
        image_length=size // 512,
        code_type=code_type,
        indicator=last,
    ).dumps()
    header = PnpExpansion(
        signature=b"$PnP", revision=1, length=2, product_offs=NAME, bootstrap_offs=bev
    ).dumps()
    image[PNP : PNP + 32] = summed(header, 9)
    image[NAME : NAME + 9] = b"Some card"
    image[ENTRY] = RETF[0]
    return summed(image)


def spoilt(image: bytes, offset: int, data: bytes, mend: bool = True) -> bytes:
    """A VMI ROM with some bytes replaced; its checksum is right again unless told otherwise."""
    content = bytearray(image)
    content[offset : offset + len(data)] = data
    return summed(content, 7) if mend else bytes(content)


def found(of: Group | Diagnosis, name: str) -> Check:
    """The first check of this name, without the group's name before it."""
    groups = of.groups if isinstance(of, Diagnosis) else (of,)
    checks = [check for group in groups for check in group.checks]
    return next(check for check in checks if check.id.partition("/")[2] == name)


def names(group: Group) -> list[str]:
    """The names of the checks, in their order."""
    return [check.id.partition("/")[2] for check in group.checks]
