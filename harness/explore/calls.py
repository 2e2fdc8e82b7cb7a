"""The calls as they are swept: arguments, where each leads, and what memory it writes.

The guest is `checks`: flat, with no paging, so the calls for page tables write to plain memory.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.booted import IF

KERNEL_CS, KERNEL_DS, USER_CS, USER_DS = 0x08, 0x10, 0x1B, 0x23
TSS, LDT, FAR_DS, SPARE = 0x28, 0x30, 0x38, 0x40
RESET = 0x2
"""EFLAGS with nothing set but the bit that always is."""

FREE = 0x400000
"""Guest memory that nothing uses: 4 MiB and up."""

SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP = 0x174, 0x175, 0x176
BY_SYSENTER, IN_USER = FREE + 0x300, FREE + 0x310
"""Where SYSENTER leads: a RET, which takes the stub's address from the stack; and where user code
executes it."""

OTHER_ENTRY = FREE + 0x1FFF0
"""A handler for vector 24 whose address has no half in common with that of the guest's own."""

SET, CLEAR, AS_BEFORE = "set", "clear", "as before"

INTERRUPT_CALLS = (
    *("EnableInterrupts", "DisableInterrupts", "GetInterruptMask", "SetInterruptMask"),
    *("IRET", "SYSEXIT", "Halt"),
)
DESCRIPTOR_CALLS = (
    *("SetGDT", "GetGDT", "SetIDT", "GetIDT", "SetLDT", "GetLDT", "SetTR", "GetTR"),
    *("WriteGDTEntry", "WriteLDTEntry", "WriteIDTEntry", "UpdateKernelStack"),
)
GROUPS = {"interrupts": INTERRUPT_CALLS, "descriptors": DESCRIPTOR_CALLS}
"""What a sweep can be asked for by one word."""

NOT_SWEPT: Mapping[str, str] = {
    "Reboot": "it resets the machine, so what came before it cannot be looked at",
    "Shutdown": "it does not come back",
    "SetInitialAPState": "it starts another processor",
    "RDPMC": "TCG has no performance counters, and answers by #UD",
}
"""Calls that a sweep of one processor leaves out, and why."""


@dataclass(frozen=True)
class Variant:
    """A call with its arguments. `after` is the virtual IF that it leaves.

    `stack`: dwords from ESP up at the stub, above the return address of calls that have one. `end`:
    the label where it leads. `results`: registers that carry its answer. `writes`: memory that it
    may change, as address and bytes; `block_writes` the same by offset in the ROM's RAM block.
    `notes`: data of the ROM's, as label and bytes, where it notes what changes by itself, such as
    the time. `masked`: a line that the call may have raised, so it is masked at the 8259.
    """

    name: str
    call: str
    registers: Mapping[str, int] = field(default_factory=dict, hash=False)
    stack: tuple[int, ...] = ()
    after: str = AS_BEFORE
    end: str = "returned"
    results: tuple[str, ...] = ()
    writes: tuple[tuple[int, int], ...] = ()
    block_writes: tuple[tuple[int, int], ...] = ()
    notes: tuple[tuple[str, int], ...] = ()
    masked: int | None = None

    @property
    def to_user(self) -> bool:
        """Whether the call leaves for user mode."""
        return self.end == "user_code"


def variants(labels: Mapping[str, int], control_registers: Mapping[str, int]) -> list[Variant]:
    """Every call that is swept, with arguments for the guest of these labels.

    control_registers: what CR0, CR3 and CR4 hold, by name; they are set to the same again.
    """
    return [
        *_interrupts(labels),
        *_descriptors(labels),
        *_processor(control_registers),
        *_memory(),
        *_ports(),
        *_others(),
    ]


def operands(labels: Mapping[str, int]) -> Iterator[tuple[int, bytes]]:
    """What must stand in guest memory before the calls: address and bytes."""
    yield FREE, struct.pack("<HI", 0x4F, labels["gdt"])
    yield FREE + 8, struct.pack("<HI", 0x7FF, labels["idt"])
    jump = labels["entry_24"] - (OTHER_ENTRY + 5)
    yield BY_SYSENTER, b"\xc3"
    yield IN_USER, b"\x0f\x34"  # SYSENTER
    yield OTHER_ENTRY, b"\xe9" + struct.pack("<i", jump)


def _interrupts(labels: Mapping[str, int]) -> Iterator[Variant]:
    returned, user = labels["returned"], labels["user_code"]
    user_rest = (labels["user_stack_top"], USER_DS)
    yield Variant("EnableInterrupts", "EnableInterrupts", after=SET)
    yield Variant("DisableInterrupts", "DisableInterrupts", after=CLEAR)
    yield Variant("GetInterruptMask", "GetInterruptMask", results=("eax",))
    for value, after in ((IF, SET), (0xFFFFFFFF & ~IF, CLEAR)):
        yield Variant(f"SetInterruptMask({value:x})", "SetInterruptMask", {"eax": value}, (), after)
    for name, image, after in (("set", IF, SET), ("clear", 0, CLEAR)):
        frame = (returned, KERNEL_CS, RESET | image)
        yield Variant(f"IRET(kernel, IF {name})", "IRET", {}, frame, after)
    to_user = (user, USER_CS, RESET | IF, *user_rest)
    yield Variant("IRET(user)", "IRET", {}, to_user, SET, "user_code")
    given = {"edx": user, "ecx": user_rest[0]}
    yield Variant("SYSEXIT", "SYSEXIT", given, (), SET, "user_code")
    yield Variant("Halt", "Halt", after=SET)


def _descriptors(labels: Mapping[str, int]) -> Iterator[Variant]:
    gdt, idt, ldt, tss = (labels[name] for name in ("gdt", "idt", "ldt", "tss"))
    yield Variant("SetGDT", "SetGDT", {"eax": FREE}, writes=((gdt, 0x50),))
    yield Variant("SetIDT", "SetIDT", {"eax": FREE + 8})
    for call in ("GetGDT", "GetIDT"):
        yield Variant(call, call, {"eax": FREE + 16}, writes=((FREE + 16, 8),))
    yield Variant("SetLDT", "SetLDT", {"eax": LDT}, writes=((gdt, 0x50),))
    yield Variant("SetTR", "SetTR", {"eax": TSS}, writes=((gdt + TSS, 8),))
    for call in ("GetLDT", "GetTR"):
        yield Variant(call, call, results=("eax",))
    entry = {"ecx": 0x5678FFFF}
    for call, table, index in (("WriteGDTEntry", gdt, 9), ("WriteLDTEntry", ldt, 2)):
        given = {"eax": table, "edx": index, **entry}
        yield Variant(call, call, given, (0x12CF9234,), writes=((table + 8 * index, 8),))
    # Vector 24 is the one that arrives: no moment may show it a gate that is half the old one.
    gate = (KERNEL_CS << 16 | OTHER_ENTRY & 0xFFFF, OTHER_ENTRY & 0xFFFF0000 | 0x8E00)
    yield Variant(
        "WriteIDTEntry",
        "WriteIDTEntry",
        {"eax": idt, "edx": 0x24, "ecx": gate[0]},
        (gate[1],),
        writes=((idt + 8 * 0x24, 8),),
        block_writes=((0x800 + 8 * 0x24, 8),),
    )
    given = {"eax": KERNEL_DS, "edx": labels["kernel_stack_top"] - 0x100}
    yield Variant("UpdateKernelStack", "UpdateKernelStack", given, writes=((tss + 4, 8),))


def _processor(control_registers: Mapping[str, int]) -> Iterator[Variant]:
    results = ("eax", "ebx", "ecx", "edx")
    yield Variant("CPUID", "CPUID", {"eax": 0, "ecx": 0}, results=results)
    msr = {"ecx": SYSENTER_EIP, "eax": BY_SYSENTER, "edx": 0}  # as it is
    yield Variant("WRMSR", "WRMSR", msr)
    yield Variant("RDMSR", "RDMSR", {"ecx": 0x174}, results=("eax", "edx"))
    for number in (0, 3, 4):
        yield Variant(f"SetCR{number}", f"SetCR{number}", {"eax": control_registers[f"cr{number}"]})
        yield Variant(f"GetCR{number}", f"GetCR{number}", results=("eax",))
    yield Variant("SetCR2", "SetCR2", {"eax": 0})
    yield Variant("GetCR2", "GetCR2", results=("eax",))
    for call in ("WBINVD", "CLTS", "RDTSC"):
        yield Variant(call, call)
    yield Variant("SetDR", "SetDR", {"eax": 3, "edx": 0})
    yield Variant("GetDR", "GetDR", {"eax": 3}, results=("eax",))


def _memory() -> Iterator[Variant]:
    entry, value = FREE + 0x100, FREE | 7
    yield Variant("SetPxE", "SetPxE", {"eax": value, "edx": entry, "ecx": 0}, writes=((entry, 4),))
    given = {"eax": value, "edx": 0, "ecx": entry}
    yield Variant("SetPxELong", "SetPxELong", given, (0,), writes=((entry, 8),))
    for call in ("UpdatePxE", "UpdatePxELong"):
        yield Variant(call, call, {"eax": entry, "edx": 0})
    for call in ("MachineToPhysical", "PhysicalToMachine"):
        yield Variant(call, call, {"eax": 0x123456}, results=("eax",))
    given = {"eax": 0x602, "edx": 0x22, "ecx": 0x601}
    yield Variant("AllocatePage", "AllocatePage", given, (768, 256))
    yield Variant("ReleasePage", "ReleasePage", {"eax": 0x602, "edx": 2})
    yield Variant("InvalPage", "InvalPage", {"eax": FREE})
    yield Variant("FlushTLB", "FlushTLB", {"eax": 3})
    given = {"eax": 1, "edx": 0xC0000000, "ecx": 2048}
    yield Variant("SetLinearMapping", "SetLinearMapping", given, (0,))
    yield Variant("SetLazyMode", "SetLazyMode", {"eax": 1})


def _ports() -> Iterator[Variant]:
    buffer = FREE + 0x200
    for width in "BWL":
        given = {"eax": 0x12345678, "edx": 0x80}
        yield Variant(f"IN{width}", f"IN{width}", given, results=("eax",))
        yield Variant(f"OUT{width}", f"OUT{width}", given)
        given = {"edx": 0x80, "edi": buffer, "ecx": 3}
        results = ("edi", "ecx")
        writes = ((buffer, 12),)
        yield Variant(f"INS{width}", f"INS{width}", given, results=results, writes=writes)
        given = {"edx": 0x80, "esi": buffer, "ecx": 3}
        yield Variant(f"OUTS{width}", f"OUTS{width}", given, results=("esi", "ecx"))
    yield Variant("SetIOPLMask", "SetIOPLMask", {"eax": 0x1000})
    yield Variant("IODelay", "IODelay")


def _others() -> Iterator[Variant]:
    yield Variant("APICRead", "APICRead", {"eax": 0x30}, results=("eax",))
    yield Variant("APICWrite", "APICWrite", {"eax": 0x80, "edx": 0})
    yield Variant("GetCycleFrequency", "GetCycleFrequency", results=("eax", "edx"))
    yield Variant("GetCycleCounter", "GetCycleCounter", {"eax": 0})
    yield Variant("CancelAlarm", "CancelAlarm", {"eax": 0}, results=("eax",))
    clock = (("wall_base", 16), ("rtc_second", 28))
    yield Variant("GetWallclockTime", "GetWallclockTime")
    yield Variant("WallclockUpdated", "WallclockUpdated", notes=clock)
    yield from _alarms()
    yield Variant("SetCallbacks", "SetCallbacks")


def _alarms() -> Iterator[Variant]:
    """Alarms far ahead, by IRQ0, and by LVTT, which the guest has masked."""
    ahead = {"edx": 0, "ecx": 1 << 30}
    yield Variant(
        *("SetAlarm(IRQ0, one-shot)", "SetAlarm", {"eax": 0, **ahead}, (0, 0)),
        notes=(("irq0_expiry", 12),),
        masked=0,
    )
    yield Variant(
        *("SetAlarm(LVTT, periodic)", "SetAlarm", {"eax": 0x10100, **ahead}, (1 << 28, 0)),
        notes=(("lvtt_periodic", 16),),
    )
