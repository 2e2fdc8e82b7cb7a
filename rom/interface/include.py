"""The interface for assembly sources: one `.set` a name, in a text that a guest includes."""

from collections.abc import Iterator, Mapping
from enum import IntEnum, IntFlag

from rom.interface import headers
from rom.interface.call import generation_named
from rom.interface.calls import calls_of
from rom.interface.constants import (
    ALARM_COUNTER_MASK,
    PTE_VA_MASK,
    AlarmFlag,
    Counter,
    Eflags,
    FlushFlag,
    LazyMode,
    PageType,
    PteFlag,
    RebootKind,
)
from rom.interface.relocation import RelocationType

_LAYOUT_PREFIXES = {
    "vmi_rom_header": "VMI_HEADER",
    "pci_data": "PCI_DATA",
    "pnp_expansion": "PNP",
    "vmi_ap_state": "VMI_AP",
    "table_register": "TABLE_REGISTER",
}
_SINGLE = {
    "VMI_ROM_SIGNATURE": headers.ROM_SIGNATURE,
    "VMI_VROM_SIGNATURE": headers.VROM_SIGNATURE,
    "VMI_PCI_SIGNATURE": int.from_bytes(headers.PCI_SIGNATURE, "little"),
    "VMI_PNP_SIGNATURE": int.from_bytes(headers.PNP_SIGNATURE, "little"),
    "VMI_PCI_VENDOR": headers.PCI_VENDOR,
    "VMI_PCI_DEVICE": headers.PCI_DEVICE,
    "VMI_PROBE_START": headers.PROBE_START,
    "VMI_PROBE_END": headers.PROBE_END,
    "VMI_PROBE_STEP": headers.PROBE_STEP,
    "VMI_ROM_UNIT": headers.ROM_UNIT,
}


def symbols(generation: str = "3.0") -> dict[str, int]:
    """Answer the names of the include and their values, in its order.

    Raises UnknownCall for a generation that is not known.
    """
    return {name: value for _, group in _groups(generation) for name, value in group.items()}


def assembly_include(generation: str = "3.0") -> str:
    """Answer the include: AT&T `.set NAME, value` lines, comments on lines of their own.

    Raises UnknownCall for a generation that is not known.
    """
    lines = [
        f"# VMI {generation} for assembly sources. Generated from the table of calls: edit that."
    ]
    for title, group in _groups(generation):
        lines += ["", f"# {title}"]
        lines += [f".set {name}, {_shown(name, value)}" for name, value in group.items()]
    return "\n".join(lines) + "\n"


def _shown(name: str, value: int) -> str:
    return str(value) if name.startswith("VMI_CALL_") else f"{value:#x}"


def _groups(generation: str) -> Iterator[tuple[str, Mapping[str, int]]]:
    version = generation_named(generation)
    yield (
        "The version in the ROM header",
        {"VMI_API_VERSION_MAJ": version.major, "VMI_API_VERSION_MIN": version.minor},
    )
    calls = calls_of(generation)
    yield "Numbers of the calls", {f"VMI_CALL_{c.name}": c.numbers[generation] for c in calls}
    yield "Types of relocation, in DL", _named("VMI_RELOC", RelocationType)
    yield "Finding the ROM", _SINGLE
    for layout, prefix in _LAYOUT_PREFIXES.items():
        offsets = headers.fields_of(layout).items()
        named = {f"{prefix}_{field.upper()}": offset for field, offset in offsets}
        yield (
            f"Offsets in struct {layout}, and its size",
            {
                **named,
                f"{prefix}_SIZE": headers.SIZES[layout],
            },
        )
    pages = {**_named("VMI_PAGE", PageType), **_named("VMI_PAGE", PteFlag)}
    yield "Flags of pages and of their entries", {**pages, "VMI_PAGE_VA_MASK": PTE_VA_MASK}
    yield "FlushTLB", _named("VMI_FLUSH", FlushFlag)
    yield "SetLazyMode", _named("VMI_LAZY", LazyMode)
    yield "GetCycleCounter", _named("VMI_COUNTER", Counter)
    yield (
        "SetAlarm",
        {**_named("VMI_ALARM", AlarmFlag), "VMI_ALARM_COUNTER_MASK": ALARM_COUNTER_MASK},
    )
    yield "Reboot", _named("VMI_REBOOT", RebootKind)
    yield "EFLAGS", _named("EFLAGS", Eflags)


def _named(prefix: str, kind: type[IntEnum] | type[IntFlag]) -> dict[str, int]:
    # By __members__: iterating an IntFlag leaves out fields of more than one bit, such as IOPL.
    return {f"{prefix}_{name}": int(member) for name, member in kind.__members__.items()}
