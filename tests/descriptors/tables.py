"""Descriptors and gates as bytes, and the guest's selectors (Intel SDM 3A, 3.4.5 and 6.11)."""

import struct

from harness.booted import Booted
from harness.machine.control import read_u32
from harness.machine.processor import ProcessorState

KERNEL_CS, KERNEL_DS, TSS, LDT, FAR_DS, SPARE, LAST = 0x08, 0x10, 0x28, 0x30, 0x38, 0x40, 0x48
LOCAL_DS = 0x0C
"""The data segment in the guest's LDT."""

FREE = 0x400000
"""Guest memory that nothing uses: 4 MiB and up."""

BUSY_TSS = 0x8B00
"""Present, 32-bit TSS, busy: bits 8-15 of the descriptor's high dword."""

CLOBBERED = frozenset({"eax", "ecx", "edx", "eip", "eflags"})
"""What a call by the standard convention may leave changed (VMI ABI, section 2)."""

INTERRUPT_GATE, TRAP_GATE, TASK_GATE, GATE_16 = 0x8E, 0x8F, 0x85, 0x86


def segment(base: int, access: int, limit: int = 0xFFFFF) -> int:
    """A flat-granular 32-bit segment; `access` is 0x9a for code and 0x92 for data of ring 0."""
    high = base & 0xFF000000 | 0x00C00000 | limit & 0xF0000 | access << 8 | base >> 16 & 0xFF
    return high << 32 | (base & 0xFFFF) << 16 | limit & 0xFFFF


def gate(offset: int, kind: int = INTERRUPT_GATE, selector: int = KERNEL_CS, dpl: int = 0) -> int:
    """A gate of the IDT; `kind` holds the present bit and the type."""
    return (offset >> 16) << 48 | (kind | dpl << 5) << 40 | selector << 16 | offset & 0xFFFF


def register(limit: int, base: int) -> bytes:
    """The operand of SetGDT and SetIDT."""
    return struct.pack("<HI", limit, base)


def set_table(booted: Booted, call: str, limit: int, base: int) -> None:
    """Make a table the GDT or IDT through SetGDT or SetIDT."""
    operand = FREE + 0x8000
    booted.control.write(operand, register(limit, base))
    booted.call(call, eax=operand)


def write_entry(booted: Booted, call: str, table: int, index: int, value: int) -> dict[str, int]:
    """Make a Write*Entry call, and answer the registers at its return."""
    return booted.call(call, (value >> 32,), eax=table, edx=index, ecx=value & 0xFFFFFFFF)


def entry(booted: Booted, table: int, index: int) -> int:
    """The eight bytes of a table's entry as a number."""
    at = table + 8 * index
    return read_u32(booted.control, at) | read_u32(booted.control, at + 4) << 32


def processor(booted: Booted) -> ProcessorState:
    """The processor with the hidden parts of its segment registers."""
    return booted.machine.monitor.processor()
