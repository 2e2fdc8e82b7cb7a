"""Each call that returns, with input that makes sense and the results that are known beforehand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.booted import IF, Booted
from harness.machine.control import read_u32
from tests.descriptors.tables import FREE, KERNEL_DS, LDT, TSS, register

WINDOW = 0x7FF000
"""A page of the guests with paging that nothing uses."""

SYSENTER_ESP = 0x175
PORT = 0x80
"""A port that takes writes and answers with ones."""

BUFFER = FREE + 0x8000


@dataclass(frozen=True)
class Sample:
    """A call's registers and stack; `results` by register, those that are not known left out.

    `arrange` is carried out when the machine stands at the stub.
    """

    registers: Mapping[str, int] = field(default_factory=dict)
    stack: tuple[int, ...] = ()
    results: Mapping[str, int] = field(default_factory=dict)
    arrange: Callable[[], None] = lambda: None


def sample(booted: Booted, call: str) -> Sample:
    """The sample of a call in the guest `every-paged`. Raises KeyError for a call without one."""
    return {
        **_processor(booted),
        **_descriptors(booted),
        **_interrupts(booted),
        **_pages(booted),
        **_ports(booted),
        **_others(booted),
    }[call]


def _processor(booted: Booted) -> dict[str, Sample]:
    state = booted.machine.monitor.processor()
    return {
        "CPUID": Sample({"eax": 0, "ecx": 0}),
        "WRMSR": Sample({"ecx": SYSENTER_ESP, "eax": 0x12345678, "edx": 0}),
        "RDMSR": Sample({"ecx": SYSENTER_ESP}, results={"eax": 0x23456789, "edx": 0}),
        "SetCR0": Sample({"eax": state.cr0}),
        "SetCR2": Sample({"eax": 0x12345678}),
        "SetCR3": Sample({"eax": state.cr3}),
        "SetCR4": Sample({"eax": state.cr4}),
        "GetCR0": Sample(results={"eax": state.cr0}),
        "GetCR2": Sample(results={"eax": state.cr2}),
        "GetCR3": Sample(results={"eax": state.cr3}),
        "GetCR4": Sample(results={"eax": state.cr4}),
        "WBINVD": Sample(),
        "SetDR": Sample({"eax": 3, "edx": 0x12345678}),
        "GetDR": Sample({"eax": 2}, results={"eax": 0x22222222}),
        # TCG has no performance counters and raises #UD: the handler skips the instruction.
        "RDPMC": Sample({"ecx": 0}, arrange=lambda: booted.set_word("skip_fault", 2)),
        "RDTSC": Sample(),
        "CLTS": Sample(),
    }


def _descriptors(booted: Booted) -> dict[str, Sample]:
    gdt, idt, ldt = (booted.label(name) for name in ("gdt", "idt", "ldt"))
    booted.control.write(BUFFER, register(0x4F, gdt) + bytes(2) + register(0x7FF, idt))
    gate = read_u32(booted.control, idt + 8 * 255), read_u32(booted.control, idt + 8 * 255 + 4)
    return {
        "SetGDT": Sample({"eax": BUFFER}),
        "GetGDT": Sample({"eax": BUFFER + 16}),
        "SetIDT": Sample({"eax": BUFFER + 8}),
        "GetIDT": Sample({"eax": BUFFER + 16}),
        "SetLDT": Sample({"eax": LDT}),
        "GetLDT": Sample(results={"eax": 0}),
        "SetTR": Sample({"eax": TSS}),
        "GetTR": Sample(results={"eax": TSS}),
        "WriteGDTEntry": Sample({"eax": gdt, "edx": 9, "ecx": 0xFFFF}, (0x00CF9200,)),
        "WriteLDTEntry": Sample({"eax": ldt, "edx": 2, "ecx": 0xFFFF}, (0x00CF9200,)),
        "WriteIDTEntry": Sample({"eax": idt, "edx": 255, "ecx": gate[0]}, (gate[1],)),
        "UpdateKernelStack": Sample({"eax": KERNEL_DS, "edx": booted.label("kernel_stack_top")}),
    }


def _interrupts(booted: Booted) -> dict[str, Sample]:
    return {
        "EnableInterrupts": Sample(),
        "DisableInterrupts": Sample(),
        "GetInterruptMask": Sample(results={"eax": IF if booted.virtual_if() else 0}),
        "SetInterruptMask": Sample({"eax": IF}),
        "Halt": Sample(arrange=lambda: booted.machine.injector.raise_irq(5)),
    }


def _pages(booted: Booted) -> dict[str, Sample]:
    entry = booted.label("page_tables") + 4 * (WINDOW >> 12)
    return {
        "SetPxE": Sample({"eax": WINDOW | 7, "edx": entry, "ecx": WINDOW | 0x11}),
        "SetPxELong": Sample({"eax": 0x1007, "edx": 0x80000000, "ecx": FREE}, (WINDOW | 0x11,)),
        "UpdatePxE": Sample({"eax": entry, "edx": WINDOW | 0x11}),
        "UpdatePxELong": Sample({"eax": FREE, "edx": WINDOW | 0x11}),
        "MachineToPhysical": Sample({"eax": 0x123456}, results={"eax": 0x123456}),
        "PhysicalToMachine": Sample({"eax": 0x123456}, results={"eax": 0x123456}),
        "AllocatePage": Sample({"eax": 0x602, "edx": 0x22, "ecx": 0x601}, (768, 256)),
        "ReleasePage": Sample({"eax": 0x602, "edx": 0x02}),
        "InvalPage": Sample({"eax": WINDOW}),
        "FlushTLB": Sample({"eax": 3}),
        "SetLinearMapping": Sample({"eax": 1, "edx": 0xC0000000, "ecx": 2048}, (0,)),
        "SetLazyMode": Sample({"eax": 1}),
    }


def _ports(booted: Booted) -> dict[str, Sample]:
    into = {"edx": PORT, "edi": BUFFER, "ecx": 3}
    out = {"edx": PORT, "esi": BUFFER, "ecx": 3}
    moved = {"L": BUFFER + 12, "B": BUFFER + 3, "W": BUFFER + 6}
    read = {"L": 0xFFFFFFFF, "B": 0x123456FF, "W": 0x1234FFFF}
    found: dict[str, Sample] = {}
    for width, end in moved.items():
        value = {"eax": 0x12345678, "edx": PORT}
        found[f"IN{width}"] = Sample(value, results={"eax": read[width]})
        found[f"OUT{width}"] = Sample(value)
        found[f"INS{width}"] = Sample(into, results={"edi": end, "ecx": 0})
        found[f"OUTS{width}"] = Sample(out, results={"esi": end, "ecx": 0})
    return {**found, "SetIOPLMask": Sample({"eax": 0}), "IODelay": Sample()}


def _others(booted: Booted) -> dict[str, Sample]:
    nowhere = 9  # local APIC of a processor that there is not
    return {
        "SetInitialAPState": Sample({"eax": BUFFER, "edx": nowhere}),
        "APICWrite": Sample({"eax": 0x80, "edx": 0}),
        "APICRead": Sample({"eax": 0x30}),
        "GetCycleFrequency": Sample(),
        "GetCycleCounter": Sample({"eax": 2}, results={"eax": 0, "edx": 0}),
        "SetAlarm": Sample({"eax": 2, "edx": 0, "ecx": 0}, (0, 0)),
        "CancelAlarm": Sample({"eax": 2}, results={"eax": 0}),
        "GetWallclockTime": Sample(),
        "WallclockUpdated": Sample(results={"eax": 0}),
        "SetCallbacks": Sample(),
    }
