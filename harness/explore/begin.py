"""The state in which a call begins: every register and flag tells whether it came back."""

import struct
from collections.abc import Sequence
from dataclasses import replace

from harness.booted import Booted
from harness.explore.calls import FAR_DS, IN_USER, KERNEL_DS, USER_DS, Variant
from harness.explore.start import Start
from harness.explore.state import PATTERN, STACK_RANGE, State
from rom.interface.call import Segments
from rom.interface.calls import by_name

STACK = 768
"""Bytes of the kernel's stack that are part of a state."""

MARKED = {
    **{"eax": 0xA1A2A3A4, "ecx": 0xC1C2C3C4, "edx": 0xD1D2D3D4, "ebx": 0xB1B2B3B4},
    **{"ebp": 0xE1E2E3E4, "esi": 0x51525354, "edi": 0xF1F2F3F4},
}


CALLERS = (0xCAFFFF01, 0xCAFFFF02, 0xCAFFFF03)
"""What stands above a call's own part of the stack; what leads to user mode has nothing there."""

FLAGS = 0x2408D5
"""EFLAGS that are set at the stub: AC and ID, and all arithmetic ones."""


def sysenter_esp(top: int) -> int:
    """The kernel's stack after SYSENTER, clear of what interrupts user code: that is at the top."""
    return top - 320


def begin_state(
    booted: Booted, variant: Variant, start: Start, base: State, memory: Sequence[bytes]
) -> State:
    """The state at a call's stub, or at the SYSENTER that leads there.

    base: the start's state; memory: what the ranges of the call hold. All registers that are no
    arguments hold values of their own. DS and ES reach nothing when the call's row says that it
    may not rely on them; FS and GS never do.
    """
    top, stub = booted.label("kernel_stack_top"), booted.rom.stub(variant.call)
    row = by_name(variant.call)
    stack = (booted.label("returned"), *variant.stack) if row.returns else variant.stack
    data = KERNEL_DS if row.segments is Segments.FLAT else FAR_DS
    segments = {"ds": data, "es": data, "fs": FAR_DS, "gs": FAR_DS}
    if variant.to_user or start.by_sysenter:
        # An IRET to user mode makes null what the user may not have.
        segments = dict.fromkeys(segments, USER_DS)
    if start.by_sysenter:
        stack = (stub, *stack)
        bottom = sysenter_esp(top)
        place = {"eip": IN_USER, "esp": base["esp"]}
    else:
        stack = stack if variant.to_user else (*stack, *CALLERS)
        bottom = base["esp"] - 4 * len(stack)
        place = {"eip": stub, "esp": bottom}
    below = bytes([PATTERN]) * (bottom - (top - STACK))
    flags = {"eflags": base["eflags"] | FLAGS}
    pics = replace(base.pics, imr=0 if variant.masked is None else 1 << variant.masked)
    begin = State(base.registers, (*base.memory, *memory), pics)
    begin = begin.with_memory(STACK_RANGE, below + struct.pack(f"<{len(stack)}I", *stack))
    return begin.with_registers({**MARKED, **segments, **variant.registers, **place, **flags})
