"""What Linux checks before it accepts a VMI ROM, in its order (VMI ABI, "acceptance test")."""

from collections.abc import Iterator
from dataclasses import dataclass

from rom.interface.call import GENERATIONS
from rom.interface.headers import (
    LICENSES,
    PCI_DEVICE,
    PCI_VENDOR,
    ROM_SIGNATURE,
    VMI_INIT,
    VROM_SIGNATURE,
    offset_of,
)

_NUMBERS = (  # number, what, field of the header, bytes, expected, message
    (
        1,
        "ROM signature",
        "rom_signature",
        2,
        ROM_SIGNATURE,
        "This is no option ROM: the guest goes on at the next 2 KiB silently.",
    ),
    (
        2,
        "VMI signature",
        "vrom_signature",
        4,
        VROM_SIGNATURE,
        "This is no VMI ROM: the guest goes on at the next 2 KiB silently.",
    ),
    (
        3,
        "major version",
        "api_version_maj",
        1,
        GENERATIONS["3.0"].major,
        "The guest reports a mismatched ROM version and goes on.",
    ),
)


@dataclass(frozen=True)
class ProbeStep:
    """One check: at which offset of the ROM, what was found there and what was expected.

    `fatal` says that a guest refuses the ROM when this check fails. `message` says in a sentence
    what the guest does then, and is '' for a check that passed.
    """

    number: int
    what: str
    offset: int
    found: str
    expected: str
    passed: bool
    fatal: bool
    message: str


def probe(window: bytes, init_eax: int | None = None) -> list[ProbeStep]:
    """Check a ROM as Linux does, in its order, up to the first failure that is fatal.

    `window` starts where the ROM does; what is beyond its end fails its check as missing.
    `init_eax` is what VMI_Init answered in EAX; None leaves the seventh check out. Of a good ROM
    there are six steps, or seven. Nothing is raised for any content.
    """
    steps: list[ProbeStep] = []
    for step in all_steps(window, init_eax):
        steps.append(step)
        if step.fatal and not step.passed:
            break
    return steps


def accepted(steps: list[ProbeStep]) -> bool:
    """Answer whether a guest uses the ROM of which these are the steps of `probe`."""
    return all(step.passed or not step.fatal for step in steps)


def _read(window: bytes, offset: int, size: int) -> int | None:
    field = window[offset : offset + size]
    return int.from_bytes(field, "little") if len(field) == size else None


def _hex(value: int | None, size: int) -> str:
    return "missing" if value is None else f"0x{value:0{2 * size}X}"


def all_steps(window: bytes, init_eax: int | None = None) -> Iterator[ProbeStep]:
    """The same as `probe`, but also what Linux does not come to behind a failure."""
    for number, what, field, size, expected, message in _NUMBERS:
        offset = offset_of("vmi_rom_header", field)
        value = _read(window, offset, size)
        passed = value == expected
        found, wanted = _hex(value, size), _hex(expected, size)
        yield _step(number, what, offset, found, wanted, passed, message)
    yield _pci_header(window)
    yield _pci_ids(window)
    yield _license(window)
    if init_eax is not None:
        message = "The guest reports that the ROM failed to initialize and runs natively."
        found = _hex(init_eax, 4)
        yield _step(7, "VMI_Init's EAX", VMI_INIT, found, _hex(0, 4), init_eax == 0, message)


def _step(
    number: int,
    what: str,
    offset: int,
    found: str,
    expected: str,
    passed: bool,
    message: str,
    fatal: bool = True,
) -> ProbeStep:
    said = "" if passed else message
    return ProbeStep(number, what, offset, found, expected, passed, fatal, said)


def _pci_header(window: bytes) -> ProbeStep:
    offset = offset_of("vmi_rom_header", "pci_header_offs")
    value = _read(window, offset, 2)
    message = "The guest reports a ROM without PCI header and goes on."
    return _step(4, "PCI header offset", offset, _hex(value, 2), "not 0", bool(value), message)


def _pci_ids(window: bytes) -> ProbeStep:
    header = _read(window, offset_of("vmi_rom_header", "pci_header_offs"), 2) or 0
    offset = header + offset_of("pci_data", "vendor")
    vendor = _read(window, offset, 2)
    device = _read(window, header + offset_of("pci_data", "device"), 2)
    passed = (vendor, device) == (PCI_VENDOR, PCI_DEVICE)
    found = f"{_hex(vendor, 2)}:{_hex(device, 2)}"
    expected = f"{_hex(PCI_VENDOR, 2)}:{_hex(PCI_DEVICE, 2)}"
    message = "The guest reports an unknown manufacturer and accepts the ROM."
    return _step(5, "PCI ids", offset, found, expected, passed, message, fatal=False)


def _license(window: bytes) -> ProbeStep:
    pointer = offset_of("vmi_rom_header", "license_offs")
    offset = _read(window, pointer, 2)
    if offset:
        # 32 bytes show more than any accepted string; the NUL must be among them.
        text, end, _ = window[offset : offset + 32].partition(b"\0")
        found = repr(text.decode("latin-1")) if end else "no string ended by a NUL"
        passed = bool(end) and text in LICENSES
    else:
        offset, found, passed = pointer, "no offset", False
    expected = " or ".join(repr(name.decode()) for name in LICENSES)
    message = "The guest reports a ROM that is not under the GPL and goes on."
    return _step(6, "licence string", offset, found, expected, passed, message)
