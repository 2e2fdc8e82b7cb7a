"""Flags and small numbers of the calls (VMI ABI, "semantics"; EFLAGS: Intel SDM vol 1, 3.4.3)."""

from enum import IntEnum, IntFlag


class PageType(IntFlag):
    """What AllocatePage and ReleasePage are told of a page."""

    PT = 0x01
    PD = 0x02
    PDP = 0x04
    PML4 = 0x08
    PAE = 0x10
    CLONE = 0x20  # AllocatePage only: the last three arguments count
    ZEROED = 0x40  # AllocatePage only


class PteFlag(IntFlag):
    """What SetPxE, SetPxELong, UpdatePxE and UpdatePxELong are told of an entry.

    0x10 and 0x20 mean other things here than in PageType.
    """

    PT = 0x01
    PD = 0x02
    PDP = 0x04
    PML4 = 0x08
    CURRENT_AS = 0x10  # the entry is of the address space in use; the linear address is valid
    DEFER = 0x20  # may be queued until the next invalidation or flush


PTE_VA_MASK = 0xFFFFF000
"""The bits beside the PteFlag flags: the linear address that the entry maps."""


class FlushFlag(IntFlag):
    """What FlushTLB flushes."""

    TLB = 1
    GLOBAL = 2


class LazyMode(IntEnum):
    """What SetLazyMode allows to be queued; a value, not a set of bits."""

    OFF = 0
    MMU = 1
    CPU = 2


class Counter(IntEnum):
    """Counters of GetCycleCounter, in cycles; real = available + stolen."""

    REAL = 0
    AVAILABLE = 1
    STOLEN = 2


class AlarmFlag(IntFlag):
    """Flags of SetAlarm, beside the Counter in ALARM_COUNTER_MASK."""

    PERIODIC = 0x100
    LVTT = 0x10000  # vector of the local APIC's timer entry; without it, IRQ0 of the PIC


ALARM_COUNTER_MASK = 0xFF
"""The bits of SetAlarm's and CancelAlarm's flags that hold the Counter."""


class RebootKind(IntEnum):
    """What Reboot does."""

    SOFT = 0
    HARD = 1


class Eflags(IntFlag):
    """Bits of EFLAGS; bit 1 is always set and has no name."""

    CF = 0x1
    PF = 0x4
    AF = 0x10
    ZF = 0x40
    SF = 0x80
    TF = 0x100
    IF = 0x200
    DF = 0x400
    OF = 0x800
    IOPL = 0x3000
    NT = 0x4000
    RF = 0x10000
    VM = 0x20000
    AC = 0x40000
    VIF = 0x80000
    VIP = 0x100000
    ID = 0x200000


EFLAGS_IF = 0x200
"""The interrupt mask of GetInterruptMask and SetInterruptMask: Eflags.IF as a plain number."""
