"""The processor's state as QEMU's monitor prints it, hidden parts of the segments included.

GDB's remote protocol does not carry the descriptor tables, and QEMU 7.2 sends FS's base where its
target description promises that of CS. So the monitor's `info registers` is the source.
"""

import re
from dataclasses import dataclass
from typing import Any

from harness.errors import MachineError

_VALUE = re.compile(r"\b(E[A-D]X|E[SD]I|E[BS]P|EIP|EFL|CPL|HLT|CR[0234])=([0-9a-f]+)")
_SEGMENT = re.compile(
    r"^(ES|CS|SS|DS|FS|GS|LDT|TR) *=([0-9a-f]{4}) ([0-9a-f]{8}) ([0-9a-f]{8}) ([0-9a-f]{8})", re.M
)
_TABLE = re.compile(r"^(GDT|IDT)= +([0-9a-f]{8}) ([0-9a-f]{8})", re.M)


PLACE = "print/x $pc"
"""Asks QEMU's human monitor for CS base plus EIP of the processor that it looks at; a twentieth of
the time of `info registers`."""


@dataclass(frozen=True)
class Segment:
    """A segment register with its hidden part; flags: bits 8..23 of the descriptor's high word."""

    selector: int
    base: int
    limit: int
    flags: int


@dataclass(frozen=True)
class Table:
    """GDTR or IDTR: linear base and limit in bytes."""

    base: int
    limit: int


@dataclass(frozen=True)
class ProcessorState:
    """One processor, stopped or caught in passing; all values unsigned, 32 bits."""

    eax: int
    ecx: int
    edx: int
    ebx: int
    esp: int
    ebp: int
    esi: int
    edi: int
    eip: int
    eflags: int
    cpl: int
    halted: bool
    cs: Segment
    ss: Segment
    ds: Segment
    es: Segment
    fs: Segment
    gs: Segment
    ldt: Segment
    tr: Segment
    gdt: Table
    idt: Table
    cr0: int
    cr2: int
    cr3: int
    cr4: int

    @property
    def linear_eip(self) -> int:
        """The linear address of the next instruction: CS base plus EIP."""
        return (self.cs.base + self.eip) & 0xFFFFFFFF


def linear_eip(said: str) -> int:
    """The linear address of the next instruction, from what QEMU's monitor answered to PLACE.

    Raises MachineError when that is no number.
    """
    try:
        return int(said, 16) & 0xFFFFFFFF
    except ValueError:
        raise MachineError(f"QEMU did not say where it stands; it printed: {said[:200]}") from None


def parse_registers(text: str) -> ProcessorState:
    """Read what `info registers` printed for one processor; raises MachineError if it is not."""
    state: dict[str, Any] = {}
    for name, value in _VALUE.findall(text):
        state[name.lower()] = int(value, 16)
    for name, *parts in _SEGMENT.findall(text):
        state[name.lower()] = Segment(*(int(part, 16) for part in parts))
    for name, *parts in _TABLE.findall(text):
        state[name.lower()] = Table(*(int(part, 16) for part in parts))
    try:
        state["eflags"] = state.pop("efl")
        state["halted"] = bool(state.pop("hlt"))
        return ProcessorState(**state)
    except (KeyError, TypeError) as error:
        raise MachineError(
            f"QEMU's `info registers` could not be read ({error}); it printed: {text.strip()[:200]}"
        ) from error
