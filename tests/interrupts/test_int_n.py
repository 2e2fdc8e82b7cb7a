"""INT n where the real IF is off, or gates change, or something waits: it is no hardware's."""

import pytest

from harness.booted import IF, Booted
from rom.wedge import virtual_cpu
from tests.interrupts.steps import (
    KERNEL_DS,
    RESET,
    arrive,
    code,
    delivered,
    execute,
    mask,
    mask_interrupts,
    release,
    user_frame,
    vectors,
)
from tests.interrupts.test_gates import DPL_3, TRAP_TYPE, gate, write_gate
from tests.interrupts.test_past_defects_modes import aside
from tests.interrupts.test_sysenter import enter

CARRY = 1
IOPL3 = 0x3000
NMI, PLAIN, SOFTWARE = 2, 0x40, 0x80
"""Vectors; PLAIN has a gate of DPL 0."""

INT_PLAIN = b"\xcd\x40"
CARRIES = pytest.mark.parametrize("carry", [b"\xf8", b"\xf9"], ids=["carry clear", "carry set"])
"""CLC or STC before: no flag but IF says whether the real one is on."""


def make_trap_gate(booted: Booted, vector: int) -> None:
    low, high = gate(booted, vector)
    write_gate(booted, vector, low, high | TRAP_TYPE)


def inside(booted: Booted, machine_code: bytes) -> None:
    """Run these bytes in the handler that runs, to the handler that they enter."""
    booted.control.write(code(booted), machine_code)
    booted.control.set_registers(eip=code(booted))
    booted.finish(booted.label("handler_logged"))


@CARRIES
def test_over_a_recorded_vector_it_is_entered_at_once(bare: Booted, carry: bytes) -> None:
    mask_interrupts(bare)
    arrive(bare, 5)
    execute(bare, carry + INT_PLAIN)
    assert (delivered(bare), bare.recorded()) == ([PLAIN], vectors(5))


def three_wait(bare: Booted) -> None:
    """Enabled, in the handlers of 3 and 1 before their EOIs, with 5 recorded."""
    mask_interrupts(bare)
    arrive(bare, 5, 3)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("entry_23"))
    aside(bare, "EnableInterrupts")
    bare.machine.injector.raise_irq(1)
    bare.finish(bare.label("entry_21"))
    aside(bare, "EnableInterrupts")
    assert bare.field("pending") == 3


@CARRIES
def test_in_an_nmis_handler_behind_a_trap_gate_it_shows_interrupts_enabled(
    bare: Booted, carry: bytes
) -> None:
    # The real IF is off there, and the guest enabled.
    make_trap_gate(bare, NMI)
    three_wait(bare)
    bare.clear_log()
    bare.machine.injector.nmi()
    bare.finish(bare.label("handler_logged"))
    assert (bare.real_if(), bare.field("virtual_if")) == (False, IF)
    inside(bare, carry + INT_PLAIN)
    [_, seen] = bare.log()
    assert (seen.vector, seen.eflags & (IF | CARRY)) == (PLAIN, IF | carry[0] & CARRY)


def test_after_sysenter_a_trap_gates_handler_is_masked_with_the_real_if_on(bare: Booted) -> None:
    make_trap_gate(bare, PLAIN)
    enter(bare)
    bare.control.step()
    bare.clear_log()
    bare.control.set_registers(ds=KERNEL_DS, es=KERNEL_DS)
    bare.control.write(code(bare), INT_PLAIN)
    bare.control.set_registers(eip=code(bare))
    there = bare.finish(bare.label(f"entry_{PLAIN:02x}"))
    assert there["eflags"] & ~0xD5 == RESET | IF
    assert bare.field("virtual_if") == 0
    bare.finish(bare.label("handler_logged"))
    [seen] = bare.log()
    assert (seen.vector, seen.mask, seen.eflags & IF) == (PLAIN, 0, 0)


def test_one_of_user_mode_whose_gate_becomes_a_trap_gate_leaves_user_codes_if(
    bare: Booted,
) -> None:
    # An NMI's handler changes it after the processor has read it.
    mask_interrupts(bare)
    at = code(bare)
    bare.control.write(at, b"\xfa\xf9\xcd\x80\xeb\xfe")  # cli; stc; int; jmp .
    _, cs, _, *rest = user_frame(bare)
    bare.prepare_at(bare.rom.stub("IRET"), (at, cs, RESET | IF | IOPL3, *rest))
    bare.finish(bare.rom.symbol(f"vector_{SOFTWARE:02x}"))
    bare.machine.injector.nmi()
    here = bare.finish(bare.label("handler_logged"))
    low, high = gate(bare, SOFTWARE)
    bare.call(
        "WriteIDTEntry",
        (high | TRAP_TYPE,),
        **{"eax": bare.label("idt"), "edx": SOFTWARE, "ecx": low, "esp": here["esp"] - 0x80},
    )
    bare.control.set_registers(**here)
    bare.finish(bare.label(f"entry_{SOFTWARE:02x}"))
    bare.finish(bare.label("handler_logged"))
    [_, seen] = bare.log()
    assert (seen.vector, seen.eip, seen.mask, seen.eflags & IF) == (SOFTWARE, at + 4, 0, 0)


def test_a_vector_for_software_is_not_taken_for_the_line_of_its_low_bits(bare: Booted) -> None:
    # 83h was noted as line 3, which then held back 1.
    vector = 0x83
    low, high = gate(bare, vector)
    write_gate(bare, vector, low, high | DPL_3)
    mask_interrupts(bare)
    arrive(bare, 7, 3)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("entry_23"))
    aside(bare, "EnableInterrupts")
    aside(bare, "DisableInterrupts")
    arrive(bare, 1, 0)
    assert bare.recorded() == vectors(7, 1)
    here = bare.control.registers()
    bare.prepare_at(bare.rom.stub("EnableInterrupts"), (bare.label("returned"),), esp=here["esp"])
    bare.finish(bare.label("entry_20"))
    aside(bare, "EnableInterrupts")
    here = bare.control.registers()
    execute(bare, bytes((0xCD, vector)), esp=here["esp"] - 0x80, eax=0)
    assert delivered(bare) == [vector]
    release(bare, 0, 1, 3, 7)
    bare.machine.injector.outb(0x20, 0x60)  # EOI of 0
    stack = bare.control.registers()["esp"] - 0x100
    bare.prepare_at(bare.rom.stub("EnableInterrupts"), (bare.label("returned"),), esp=stack)
    assert bare.control.run_to(bare.label("entry_21"), bare.label("returned")) == bare.label(
        "entry_21"
    )
    assert bare.field("pending") & virtual_cpu.ARRIVALS == 3
    assert mask(bare) == 0
