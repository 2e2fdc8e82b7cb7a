"""Defects that were found by reading the wedge: arrivals, gates and the calls that close it.

Each comment says what once went wrong. Those of NMI and user mode are in
`test_past_defects_nmi_user.py`.
"""

from collections.abc import Callable

import pytest

from harness.booted import IF, Booted
from harness.machine.control import read_u32
from rom.wedge import virtual_cpu
from tests.interrupts.steps import (
    arrive,
    boundaries,
    code,
    delivered,
    enable,
    in_service,
    kernel_frame,
    mask,
    mask_interrupts,
    release,
    vectors,
)

BAD_CS = 0x48
"""A selector of a null descriptor: an IRET that names it is a #GP."""

RPL = 3 << 16
"""The RPL bits of the selector in a gate's low dword."""

POISON = b"\xa5\x5a\xa5\x5a"
POISONED = 256
"""Bytes below ESP that are poisoned before an arrival."""

GUESTS_LEAVE = 32
"""Bytes below the processor's frame that a ROM may use (VMI ABI, section 2)."""


def to_the_handler_of_3_with_5_waiting(bare: Booted) -> None:
    """Stand in 3's handler, which has enabled and sent no EOI, while 5 is recorded."""
    mask_interrupts(bare)
    bare.set_word("enable_before", 0x23)
    arrive(bare, 5, 3)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("handler_eoi"))
    assert (delivered(bare), bare.recorded()) == (vectors(3), vectors(5))


def gate(booted: Booted, vector: int) -> tuple[int, int]:
    """The two dwords of the guest's gate."""
    at = booted.label("idt") + 8 * vector
    return read_u32(booted.control, at), read_u32(booted.control, at + 4)


def write_gate(booted: Booted, vector: int, low: int, high: int) -> None:
    booted.call("WriteIDTEntry", (high,), eax=booted.label("idt"), edx=vector, ecx=low)


# --- order and number --------------------------------------------------------------------------


def test_two_that_outrank_a_running_handler_follow_it_in_their_order(booted: Booted) -> None:
    # The first was accepted at once and lost its in-service bit to the handler's EOI: 5, 3, 1.
    mask_interrupts(booted)
    enable(booted)
    booted.machine.injector.raise_irq(5)
    booted.finish(booted.label("handler_logged"))
    booted.machine.injector.raise_irq(1)
    booted.finish(booted.label("handler_no_key"))
    booted.machine.injector.raise_irq(3)
    booted.finish()
    booted.settle()
    assert delivered(booted) == vectors(5, 1, 3)
    assert booted.word("deepest") == 1
    assert in_service(booted) == (0, 0)


def test_a_line_that_comes_again_after_each_eoi_does_not_fill_the_stack_of_arrivals(
    bare: Booted,
) -> None:
    # Each turn left an entry, as the line was in service again: the 25th was written past the end.
    to_the_handler_of_3_with_5_waiting(bare)
    turns = 40
    for turn in range(turns):
        bare.finish(bare.label("eoi_master"))
        bare.control.step()
        release(bare, 3)
        bare.machine.injector.raise_irq(3)
        entries = bare.field("pending") & 0xFF
        assert entries <= virtual_cpu.MOST_ARRIVALS, f"{entries} in turn {turn}"
    bare.finish()
    assert delivered(bare) == [*vectors(3) * (turns + 1), *vectors(5)]
    assert bare.word("depth") == 0
    assert (bare.field("pending"), bare.recorded(), in_service(bare)) == (0, [], (0, 0))
    assert (bare.field("virtual_if"), bare.real_if()) == (IF, True)


# --- calls that close the wedge for a while ----------------------------------------------------


def write_gdt_entry(bare: Booted) -> None:
    bare.prepare("WriteGDTEntry", (0,), eax=bare.label("gdt"), edx=8, ecx=0)


def write_ldt_entry(bare: Booted) -> None:
    bare.prepare("WriteLDTEntry", (0,), eax=bare.label("ldt"), edx=2, ecx=0)


def write_idt_entry(bare: Booted) -> None:
    low, high = gate(bare, 0x60)
    bare.prepare("WriteIDTEntry", (high,), eax=bare.label("idt"), edx=0x60, ecx=low)


def set_idt(bare: Booted) -> None:
    bare.prepare("SetIDT", eax=bare.label("idt_register"))


@pytest.mark.parametrize("start", [write_gdt_entry, write_ldt_entry, write_idt_entry, set_idt])
def test_what_arrives_in_a_call_on_a_table_and_in_its_handler_is_delivered_by_the_return(
    bare: Booted, start: Callable[[Booted], None]
) -> None:
    # A handler taken before the call's CLI left the second one recorded: the call returned with
    # the virtual IF on, the real one off, and nobody to deliver it.
    def prepare() -> None:
        release(bare, 5, 3)
        mask_interrupts(bare)
        enable(bare)
        start(bare)

    end = bare.label("returned") if start is not set_idt else bare.rom.symbol("shadow_table")
    for where in boundaries(bare, prepare, end):
        bare.machine.injector.raise_irq(5)
        bare.finish(bare.label("handler_logged"))
        bare.machine.injector.raise_irq(3)
        bare.finish()
        assert delivered(bare) == vectors(5, 3), where
        assert (bare.field("virtual_if"), bare.real_if()) == (IF, True), where
        assert (bare.field("pending"), in_service(bare)) == (0, (0, 0)), where


def test_a_fault_of_irets_own_that_is_not_returned_from_can_enable(booted: Booted) -> None:
    # Its handler ran with the real IF off, and enabling, with nothing pending, left it off.
    mask_interrupts(booted)
    _, _, eflags = kernel_frame(booted)
    frame = (booted.label("returned"), BAD_CS, eflags)
    booted.prepare_at(booted.rom.stub("IRET"), frame)
    booted.finish(booted.label("handler_logged"))
    [seen] = booted.log()
    assert (seen.vector, seen.error, seen.mask) == (13, BAD_CS, 0)
    enable(booted)  # from the top of the stack, as a kernel that ends the process does
    assert (mask(booted), booted.real_if()) == (IF, True)
    booted.clear_log()
    arrive(booted, 5)
    assert delivered(booted) == vectors(5)


# --- gates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["enabled", "masked"])
def test_the_rpl_in_a_gates_selector_does_not_count(booted: Booted, state: str) -> None:
    # The handler was entered by an IRET to that RPL: a #GP, and no interrupt.
    low, high = gate(booted, 0x25)
    write_gate(booted, 0x25, low | RPL, high)
    mask_interrupts(booted)
    if state == "enabled":
        enable(booted)
    arrive(booted, 5)
    enable(booted)
    assert delivered(booted) == vectors(5)
    assert in_service(booted) == (0, 0)


# --- the stack below the frame -----------------------------------------------------------------


def enabled(bare: Booted) -> None:
    mask_interrupts(bare)
    enable(bare)
    bare.machine.injector.raise_irq(5)


def masked(bare: Booted) -> None:
    mask_interrupts(bare)
    bare.machine.injector.raise_irq(5)


def over_pending(bare: Booted) -> None:
    to_the_handler_of_3_with_5_waiting(bare)
    bare.machine.injector.raise_irq(1)


def without_a_gate(bare: Booted) -> None:
    write_gate(bare, 0x25, 0, 0)
    enabled(bare)


def instruction(bare: Booted, machine_code: bytes, **registers: int) -> None:
    mask_interrupts(bare)
    bare.control.write(code(bare), machine_code)
    bare.prepare_at(code(bare), (), **registers)


def protection(bare: Booted) -> None:
    instruction(bare, b"\x8e\xe0", eax=0x1000)  # movl %eax, %fs


@pytest.mark.parametrize(
    ("arrival", "end", "pushed"),
    [
        (enabled, "entry_25", 12),
        (masked, "returned", 12),
        (over_pending, "entry_21", 12),
        (without_a_gate, "entry_0d", 12),
        (lambda bare: instruction(bare, b"\xcc"), "entry_03", 12),
        (protection, "entry_0d", 16),
    ],
    ids=["enabled", "masked", "over-pending", "without-a-gate", "exception", "with-error-code"],
)
def test_an_arrival_uses_no_more_below_its_frame_than_guests_leave(
    bare: Booted, arrival: Callable[[Booted], None], end: str, pushed: int
) -> None:
    # Over something pending it used 36 bytes: the last word was the guest's own.
    arrival(bare)
    esp = bare.control.registers()["esp"]
    bare.control.write(esp - POISONED, POISON * (POISONED // 4))
    bare.finish(bare.label(end))
    below = bare.control.read(esp - POISONED, POISONED)
    words = [below[at : at + 4] for at in range(0, POISONED, 4)]
    untouched = next(index for index, word in enumerate(words) if word != POISON)
    used = POISONED - pushed - 4 * untouched
    assert 0 < used <= GUESTS_LEAVE
