"""What a backend is: how it translates the calls, and the source that does it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rom.interface.relocation import RelocationType


@dataclass(frozen=True)
class Backend:
    """One hypervisor's side of the ROM.

    `translation` says for each call that the backend provides how a guest reaches its stub. The
    stub's label is the call's name, or what `stubs` says instead. A call that is not in
    `translation` answers NONE, so the guest keeps its native code. `open_files`, `closed_files` and
    `data_files` are named from `rom/`, or are paths of other files (see `wedge/source.py`).
    """

    name: str
    summary: str
    translation: Mapping[str, RelocationType]
    open_files: tuple[str | Path, ...]
    closed_files: tuple[str | Path, ...] = ()
    data_files: tuple[str | Path, ...] = ("wedge/data.s",)
    stubs: Mapping[str, str] = field(default_factory=dict)

    def stub(self, call: str) -> str:
        """The label of a call's stub."""
        return self.stubs.get(call, call)

    @property
    def lazy(self) -> bool:
        """Whether disabling interrupts leaves the real IF on, so that there is closed code."""
        return bool(self.closed_files)


NO_RETURN: Mapping[str, RelocationType] = dict.fromkeys(
    ("IRET", "SYSEXIT", "Reboot", "Shutdown"), RelocationType.JUMP_REL
)
"""Calls that do not return: a jump leaves the guest's stack as the stub wants it."""

INTERRUPTS: Mapping[str, RelocationType] = dict.fromkeys(
    ("EnableInterrupts", "DisableInterrupts", "GetInterruptMask", "SetInterruptMask", "Halt"),
    RelocationType.CALL_REL,
)

DESCRIPTORS: Mapping[str, RelocationType] = dict.fromkeys(
    (
        *("SetGDT", "GetGDT", "SetIDT", "GetIDT", "SetLDT", "GetLDT", "SetTR", "GetTR"),
        *("WriteGDTEntry", "WriteLDTEntry", "WriteIDTEntry", "UpdateKernelStack"),
    ),
    RelocationType.CALL_REL,
)

SHARED_FILES = (
    *("wedge/processor.s", "wedge/mmu.s", "wedge/ports.s"),
    *(
        "wedge/apic.s",
        "wedge/clock.s",
        "wedge/timer.s",
        "wedge/lvtt.s",
        "wedge/wallclock.s",
        "wedge/start.s",
    ),
)
"""Source of the calls below: the same in every ROM that has the machine to itself."""

SHARED: Mapping[str, RelocationType] = dict.fromkeys(
    (
        *("CPUID", "WRMSR", "RDMSR", "RDPMC", "RDTSC", "CLTS", "WBINVD", "SetDR", "GetDR"),
        *("SetCR0", "SetCR2", "SetCR3", "SetCR4", "GetCR0", "GetCR2", "GetCR3", "GetCR4"),
        *("SetPxE", "SetPxELong", "UpdatePxE", "UpdatePxELong", "AllocatePage", "ReleasePage"),
        *("InvalPage", "FlushTLB", "SetLinearMapping", "MachineToPhysical", "PhysicalToMachine"),
        *("INL", "INB", "INW", "INSL", "INSB", "INSW"),
        *("OUTL", "OUTB", "OUTW", "OUTSL", "OUTSB", "OUTSW"),
        *("SetIOPLMask", "IODelay", "SetLazyMode", "SetCallbacks"),
        *("APICRead", "APICWrite", "GetCycleFrequency", "GetCycleCounter"),
        "SetInitialAPState",
        *("SetAlarm", "CancelAlarm", "GetWallclockTime", "WallclockUpdated"),
    ),
    RelocationType.CALL_REL,
)
"""Calls by CALL_REL although some do nothing: early 3.0 guests know no NOP, and Linux fetches the
page table calls as pointers."""

NEEDED_FEATURES: Mapping[str, int] = dict.fromkeys(
    (
        *("RDTSC", "GetCycleFrequency", "GetCycleCounter", "SetAlarm", "CancelAlarm"),
        *("GetWallclockTime", "WallclockUpdated"),
    ),
    4,
)
"""Calls that a processor without a feature does not have: the feature's bit in EDX of CPUID leaf 1
(Intel SDM 2A, CPUID). Bit 4 is the time stamp counter; the timer group is provided whole or not at
all."""
