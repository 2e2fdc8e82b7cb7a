"""The PnP expansion headers of an option ROM: when its init runs, and whether it can be booted.

SeaBIOS asks for the text `$PnP` alone; checksum and length are for other BIOSes (Plug and Play
BIOS Specification, "option ROM header").
"""

from collections.abc import Iterator

from harness.doctor.check import NOTE, Check
from harness.doctor.field import number, raw, shown, text
from harness.report.log import PASS
from rom.interface.headers import PNP_SIGNATURE, SIZES, offset_of

POINTER = offset_of("vmi_rom_header", "pnp_header_offs")
"""Offset of the pointer to the first header; the same in every option ROM."""

_UNIT = 16
_CHECKSUM = offset_of("pnp_expansion", "checksum")
_LENGTH = offset_of("pnp_expansion", "length")
_NEXT = offset_of("pnp_expansion", "next_offs")
_PRODUCT = offset_of("pnp_expansion", "product_offs")
_CONNECTION = offset_of("pnp_expansion", "boot_connection_offs")
_BOOTSTRAP = offset_of("pnp_expansion", "bootstrap_offs")


def checks(image: bytes) -> Iterator[Check]:
    """The checks of all headers of an image, and of what they promise."""
    first = number(image, POINTER, 2)
    if not first or not _is_header(image, first):
        yield _none(image, first)
        return
    detail = "The init runs while the BIOS looks for option ROMs."
    value = f"{shown(first, 2)} -> {raw(image, first, 4)}"
    yield Check("seabios/pnp", PASS, POINTER, value, "$PnP", detail)
    seen: dict[int, None] = {}  # in their order
    place: int | None = first
    while place and _is_header(image, place) and place not in seen:
        seen[place] = None
        yield _sum(image, place)
        entry = _boot_entry(image, place)
        yield entry
        if entry.value == "none":
            return
        place = number(image, place + _NEXT, 2)
    if place in seen:
        detail = "The headers lead back to one another, and SeaBIOS follows them for ever."
        value = shown(place, 2)
        advice = "Let the last header's next be 0."
        yield Check(
            "seabios/pnp-next", NOTE, next(reversed(seen)) + _NEXT, value, "0", detail, advice
        )


def _is_header(image: bytes, place: int) -> bool:
    return image[place : place + 4] == PNP_SIGNATURE


def _none(image: bytes, first: int | None) -> Check:
    value = shown(first, 2)
    if first:
        value += f" -> {raw(image, first, 4)}"
    detail = (
        "Without a PnP header the ROM counts as one from before Plug and Play: its init runs last, "
        "right before the boot, and it is offered as no boot device."
    )
    advice = "If it needs the BIOS's services or is to be booted, give it a $PnP header."
    return Check("seabios/pnp", NOTE, POINTER, value, "$PnP", detail, advice)


def _sum(image: bytes, place: int) -> Check:
    length = (number(image, place + _LENGTH, 1) or 0) * _UNIT
    total = sum(image[place : place + length]) & 0xFF
    offset, value = place + _CHECKSUM, f"{shown(total, 1)} over {length} bytes"
    wanted = f"0x00 over {SIZES['pnp_expansion']} bytes"
    if length >= SIZES["pnp_expansion"] and total == 0:
        return Check("seabios/pnp-checksum", PASS, offset, value, wanted)
    detail = "SeaBIOS does not look; other BIOSes ignore a PnP header with a wrong sum."
    advice = "Set the length (in 16-byte units) and make the header's bytes add up to 0."
    return Check("seabios/pnp-checksum", NOTE, offset, value, wanted, detail, advice)


def _boot_entry(image: bytes, place: int) -> Check:
    """What the header offers to boot from; SeaBIOS asks for a bootstrap entry first."""
    product = text(image, number(image, place + _PRODUCT, 2) or len(image))
    wanted = "an offset in the image, or none"
    for kind, field in (("BEV", _BOOTSTRAP), ("BCV", _CONNECTION)):
        if not (entry := number(image, place + field, 2)):
            continue
        value = f"{kind} {shown(entry, 2)}"
        if entry >= len(image):
            detail = f"The {kind} is outside the image; the machine hangs when it is called."
            offset, advice = place + field, "Correct the offset."
            return Check("seabios/boot-entry", NOTE, offset, value, wanted, detail, advice)
        name = f'"{product}"' if product else "a device without a name"
        what = "can be booted from" if kind == "BEV" else "is called to add drives"
        detail = f"In the boot menu it is {name}, which {what}."
        return Check("seabios/boot-entry", PASS, place + field, value, wanted, detail)
    return Check("seabios/boot-entry", PASS, place + _BOOTSTRAP, "none", wanted)
