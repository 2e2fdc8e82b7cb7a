"""Defects that were found by reading the wedge: NMI in closed code, and user mode.

Each comment says what once went wrong. Those of arrivals and gates are in `test_past_defects.py`.
"""

from collections.abc import Callable

import pytest

from harness.booted import IF, Booted
from rom.wedge import virtual_cpu
from tests.interrupts.steps import (
    USER_DS,
    arrive,
    boundaries,
    code,
    delivered,
    enable,
    enabling,
    in_service,
    mask_interrupts,
    release,
    to_kernel,
    to_kernel_pending,
    vectors,
)
from tests.interrupts.test_user_mode import REGISTERS, esp0, in_user_mode, sysexit

NMI, BREAKPOINT = 2, 3

BASED_CS = 0x43
"""The spare descriptor of the GDT, as a code segment of user mode with a base of the test's."""


# --- NMI ---------------------------------------------------------------------------------------


def test_a_second_nmi_waits_for_the_iret_of_the_first_ones_handler(booted: Booted) -> None:
    # The handler was entered by an IRET, which lets the next NMI in: two deep, on one stack.
    mask_interrupts(booted)
    booted.machine.injector.nmi()
    booted.finish(booted.label("handler_logged"))
    booted.machine.injector.nmi()
    booted.finish()
    booted.settle()
    assert [(entry.vector, entry.depth) for entry in booted.log()] == [(NMI, 1), (NMI, 1)]
    assert booted.word("depth") == 0


def break_here(bare: Booted) -> None:
    """From `handler_logged`, take a breakpoint exception and be there again, one deeper."""
    again = bare.label("handler_logged")
    jump = again - (code(bare) + 6)
    bare.control.write(code(bare), b"\xcc\xe9" + jump.to_bytes(4, "little", signed=True))
    bare.control.set_registers(eip=code(bare))
    bare.finish(again)


@pytest.mark.parametrize(
    ("start", "waits"),
    [(enabling, [5]), (to_kernel_pending, [5]), (to_kernel, [])],
    ids=["enable-pending", "iret-pending", "iret-idle"],
)
@pytest.mark.parametrize("again", [False, True], ids=["one-nmi", "another-nmi"])
def test_a_breakpoint_in_the_handler_of_an_nmi_lets_nothing_into_closed_code(
    bare: Booted, start: Callable[[Booted], None], waits: list[int], again: bool
) -> None:
    # The breakpoint's handler got the real IF of guest code. What arrived there was recorded
    # behind the back of the interrupted code, which had looked already: late, or lost. And another
    # NMI, which the breakpoint's IRET lets in, set a flag that was taken for 256 entries.
    closed = range(bare.rom.symbol("closed_start"), bare.rom.symbol("closed_end"))

    def prepare() -> None:
        release(bare, 5, 3)
        mask_interrupts(bare)
        start(bare)

    for where in boundaries(bare, prepare, bare.label("returned"), bare.label("entry_25")):
        inside = bare.control.registers()["eip"] in closed
        bare.machine.injector.nmi()
        bare.finish(bare.label("handler_logged"))
        break_here(bare)
        assert delivered(bare)[-2:] == [NMI, BREAKPOINT], where
        if inside:
            assert bare.real_if() is False, where
        if again:
            bare.machine.injector.nmi()
        bare.machine.injector.raise_irq(3)
        bare.finish()
        bare.settle()
        external = [entry for entry in bare.log() if entry.vector >= 0x20]
        assert sorted(entry.vector for entry in external) == vectors(*sorted([*waits, 3])), where
        if inside:
            assert {entry.eip for entry in external} == {bare.label("returned")}, where
        waiting = bare.field("pending") & virtual_cpu.ARRIVALS
        assert (waiting, in_service(bare), bare.word("depth")) == (0, (0, 0), 0), where
        assert (bare.field("virtual_if"), bare.real_if()) == (IF, True), where


@pytest.mark.parametrize("further", [0, 1], ids=["after-the-sti", "before-the-cli"])
def test_an_nmi_in_the_window_of_a_delivery_leaves_it_open(bare: Booted, further: int) -> None:
    # Its IRET returned with the real IF off, so that 5 came before 3, which outranks it.
    mask_interrupts(bare)
    arrive(bare, 5, 3)
    assert bare.recorded() == vectors(5)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.rom.symbol("settle_again"))
    while not bare.real_if():
        bare.control.step()
    for _ in range(further):
        bare.control.step()
    bare.machine.injector.nmi()
    bare.finish()
    assert delivered(bare) == [NMI, *vectors(3, 5)]
    assert (bare.recorded(), in_service(bare)) == ([], (0, 0))
    assert (bare.field("virtual_if"), bare.real_if()) == (IF, True)


# --- user mode ---------------------------------------------------------------------------------


def halt_in_user_mode(bare: Booted) -> int:
    """Have `user_code` at the EIP of `halt_sleep`, by a segment with a base; answers that EIP."""
    eip = bare.rom.symbol("halt_sleep")
    base = bare.label("user_code") - eip
    low = (base & 0xFFFF) << 16 | 0xFFFF
    high = base & 0xFF000000 | 0x00CFFA00 | base >> 16 & 0xFF
    bare.call("WriteGDTEntry", (high,), eax=bare.label("gdt"), edx=BASED_CS >> 3, ecx=low)
    return eip


def iret_to(bare: Booted, eip: int, esp: int) -> dict[str, int]:
    """IRET to user code at EIP in that segment; the registers there, no instruction executed."""
    frame = (eip, BASED_CS, 0x2 | IF, bare.label("user_stack_top"), USER_DS)
    bare.prepare_at(bare.rom.stub("IRET"), frame, esp=esp)
    return bare.finish(bare.label("user_code"))


def test_what_is_delivered_over_user_code_at_the_eip_of_halt_does_not_move_it(
    bare: Booted,
) -> None:
    # It was taken for Halt's sleep, which is over when something is delivered.
    eip = halt_in_user_mode(bare)
    mask_interrupts(bare)
    arrive(bare, 5)
    after = iret_to(bare, eip, bare.label("kernel_stack_top"))
    [seen] = bare.log()
    assert (seen.vector, seen.eip, seen.cs) == (0x25, eip, BASED_CS)
    assert (after["eip"], after["cs"], after["eflags"] & IF) == (eip, BASED_CS, IF)


def test_an_nmi_over_user_code_at_the_eip_of_halt_does_not_move_it(bare: Booted) -> None:
    # The NMI that ends Halt ended this code's first instruction instead.
    eip = halt_in_user_mode(bare)
    mask_interrupts(bare)
    iret_to(bare, eip, bare.label("kernel_stack_top"))
    bare.machine.injector.nmi()
    bare.finish(bare.label("handler_logged"))
    [seen] = bare.log()
    assert (seen.vector, seen.eip, seen.cs) == (NMI, eip, BASED_CS)


def test_user_code_at_the_eip_of_halt_runs_with_the_real_if_on_while_something_waits(
    bare: Booted,
) -> None:
    # It was resumed as Halt's sleep is, which sets the real IF by an STI of its own.
    eip = halt_in_user_mode(bare)
    mask_interrupts(bare)
    bare.set_word("enable_before", 0x23)
    arrive(bare, 5, 3)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("handler_eoi"))
    assert bare.recorded() == vectors(5)
    after = iret_to(bare, eip, bare.control.registers()["esp"])
    assert (after["eip"], after["cs"], after["eflags"] & IF) == (eip, BASED_CS, IF)
    assert bare.recorded() == vectors(5)


def test_a_sysexit_from_above_esp0_with_something_pending_keeps_the_registers(
    bare: Booted,
) -> None:
    # The frame at ESP0 was written over the registers that were saved on the stack.
    top = esp0(bare)
    at_kernel = bare.control.registers()
    for above in range(0, 44, 4):
        bare.control.set_registers(**at_kernel)
        release(bare, 5)
        mask_interrupts(bare)
        arrive(bare, 5)
        sysexit(bare, esp=top + above, **REGISTERS)
        in_user_mode(bare)
        after = bare.control.registers()
        assert {name: after[name] for name in REGISTERS} == REGISTERS, f"{above} above ESP0"
        assert delivered(bare) == vectors(5), f"{above} above ESP0"
        end = top + above if 0 < above <= 36 else top
        assert bare.log()[0].frame == end - 20, f"{above} above ESP0"
        assert in_service(bare) == (0, 0)


def test_the_handler_of_an_nmi_can_enable(booted: Booted) -> None:
    # The real IF stayed off: nothing told EnableInterrupts that it was.
    enable(booted)
    booted.prepare_at(booted.label("returned"))
    booted.machine.injector.nmi()
    booted.finish(booted.label("handler_logged"))
    enable(booted)
    assert booted.real_if() is True


@pytest.mark.parametrize("line", [3, 5, 12])
def test_a_line_between_the_two_halves_of_enabling_behind_a_masked_nmi_is_delivered_once(
    bare: Booted, line: int
) -> None:
    # What looks for finished handlers took a flag for 256 entries and overwrote the wedge.
    mask_interrupts(bare)
    bare.machine.injector.nmi()
    bare.settle()
    bare.clear_log()
    bare.prepare("EnableInterrupts")
    bare.control.step()
    bare.machine.injector.raise_irq(line)
    bare.finish()
    bare.settle()
    assert delivered(bare) == vectors(line)
    assert bare.recorded() == []
    assert in_service(bare) == (0, 0)
