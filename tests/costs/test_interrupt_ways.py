"""The budgets of the ways that a guest goes most: arrivals, returns, and calls with little to do.

Counted in instructions of the ROM's. Each is what the way takes when it is not the slow one, which
asks the 8259s or looks through what waits.
"""

from collections.abc import Callable

import pytest

from harness.booted import Booted
from tests.costs.counting import instructions
from tests.interrupts.steps import (
    KERNEL_CS,
    RESET,
    enable,
    kernel_frame,
    mask_interrupts,
    user_frame,
)

SYSENTER_CS = 0x174

Stand = Callable[[Booted], int]
"""Stands at the first instruction of a way, and answers where it ends."""


def to_kernel(bare: Booted) -> int:
    bare.prepare_at(bare.rom.stub("IRET"), kernel_frame(bare))
    return bare.label("returned")


def to_kernel_masked(bare: Booted) -> int:
    bare.prepare_at(bare.rom.stub("IRET"), kernel_frame(bare, RESET))
    return bare.label("returned")


def to_user(bare: Booted) -> int:
    bare.prepare_at(bare.rom.stub("IRET"), user_frame(bare))
    return bare.label("user_code")


def by_sysexit(bare: Booted) -> int:
    stack = bare.label("user_stack_top")
    bare.call("WRMSR", ecx=SYSENTER_CS, eax=KERNEL_CS, edx=0)
    bare.prepare("SYSEXIT", edx=bare.label("user_code"), ecx=stack)
    return bare.label("user_code")


def enabling_after_user_mode(bare: Booted) -> int:
    mask_interrupts(bare)
    bare.call("UpdateKernelStack", eax=0x10, edx=bare.label("kernel_stack_top"))
    bare.prepare("EnableInterrupts")
    return bare.label("returned")


def going_to_sleep(bare: Booted) -> int:
    bare.prepare("Halt")
    return bare.rom.symbol("halt_woken") - 1  # HLT


def interrupt(bare: Booted) -> int:
    return _raise(bare)


def interrupt_in_user_mode(bare: Booted) -> int:
    in_user_mode(bare)
    return _raise(bare)


def interrupt_while_masked(bare: Booted) -> int:
    mask_interrupts(bare)
    _raise(bare)
    return bare.label("returned")


def software_interrupt_while_masked(bare: Booted) -> int:
    mask_interrupts(bare)
    return _execute(bare, b"\xcd\x80", 0x80)


def software_interrupt_in_user_mode(bare: Booted) -> int:
    in_user_mode(bare)
    return _execute(bare, b"\xcd\x80", 0x80)


def breakpoint(bare: Booted) -> int:
    return _execute(bare, b"\xcc", 3)


def breakpoint_in_user_mode(bare: Booted) -> int:
    in_user_mode(bare)
    return _execute(bare, b"\xcc", 3)


def in_user_mode(bare: Booted) -> None:
    bare.prepare_at(bare.rom.stub("IRET"), user_frame(bare))
    bare.finish(bare.label("user_code"))


def _raise(bare: Booted) -> int:
    bare.machine.injector.lower_irq(5)
    bare.machine.injector.raise_irq(5)
    bare.finish(bare.rom.symbol("vector_25"))
    return bare.label("entry_25")


def _execute(bare: Booted, code: bytes, vector: int) -> int:
    place = bare.control.registers()["eip"]
    bare.control.write(place, code)
    bare.finish(bare.rom.symbol(f"vector_{vector:02x}"))
    return bare.label(f"entry_{vector:02x}")


BUDGETS: dict[Stand, int] = {
    to_kernel: 23,
    to_kernel_masked: 21,
    to_user: 11,
    by_sysexit: 8,
    enabling_after_user_mode: 7,
    going_to_sleep: 8,
    interrupt: 46,
    interrupt_in_user_mode: 53,
    interrupt_while_masked: 29,
    software_interrupt_while_masked: 87,
    software_interrupt_in_user_mode: 53,
    breakpoint: 64,
    breakpoint_in_user_mode: 60,
}


@pytest.mark.parametrize("stand", BUDGETS, ids=lambda stand: stand.__name__)
def test_a_way_of_bare_with_little_to_do_keeps_its_budget(bare: Booted, stand: Stand) -> None:
    enable(bare)
    end = stand(bare)
    assert instructions(bare, end) <= BUDGETS[stand]
