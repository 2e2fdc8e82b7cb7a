"""Handlers that others interrupt: none is lost, none is doubled, and each keeps its rank."""

from collections.abc import Sequence

import pytest

from harness.booted import IF, Booted
from tests.interrupts.steps import (
    Enabling,
    arrive,
    delivered,
    enable,
    execute,
    in_service,
    iret,
    mask_interrupts,
    release,
    set_mask,
    vectors,
)


def during_the_handler_of(booted: Booted, line: int, *arrivals: int) -> None:
    """Raise lines while the handler of another is running, which has sent no EOI so far.

    The guest is at `returned` with interrupts enabled before and after.
    """
    booted.machine.injector.lower_irq(line)
    booted.machine.injector.raise_irq(line)
    booted.finish(booted.label("handler_logged"))
    assert delivered(booted)[-1:] == vectors(line)
    for other in arrivals:
        booted.machine.injector.lower_irq(other)
        booted.machine.injector.raise_irq(other)
    booted.settle()


def balanced(booted: Booted) -> bool:
    """Whether each interrupt accepted had its handler and its EOI, and all handlers have ended."""
    return (in_service(booted), booted.word("depth"), booted.real_if()) == ((0, 0), 0, True)


def nothing_waits(bare: Booted) -> bool:
    return (bare.recorded(), bare.field("pending")) == ([], 0)


@pytest.mark.parametrize("specific", [0, 1], ids=["non-specific-eoi", "specific-eoi"])
@pytest.mark.parametrize(("running", "higher"), [(5, 3), (1, 0), (7, 9), (8, 0)])
def test_a_higher_one_that_arrives_in_a_masked_handler_follows_it(
    booted: Booted, running: int, higher: int, specific: int
) -> None:
    # The handler's non-specific EOI clears the recorded one's bit in service, not its own: with
    # one of them lost or merged the books would be out for ever.
    mask_interrupts(booted)
    booted.set_word("eoi_specific", specific)
    enable(booted)
    for _ in range(12):
        booted.clear_log()
        during_the_handler_of(booted, running, higher)
        assert delivered(booted) == vectors(running, higher)
        assert booted.word("deepest") == 1
        assert balanced(booted)


def test_a_higher_one_waits_in_the_8259_while_a_masked_handler_runs(bare: Booted) -> None:
    # Accepted now, it would lose its in-service bit to the handler's non-specific EOI.
    mask_interrupts(bare)
    enable(bare)
    bare.machine.injector.raise_irq(5)
    bare.finish(bare.label("handler_logged"))
    assert bare.real_if() is False
    bare.machine.injector.raise_irq(3)
    bare.finish(bare.label("handler_leave"))
    assert bare.recorded() == []
    assert delivered(bare) == vectors(5)
    bare.settle()
    assert delivered(bare) == vectors(5, 3)
    assert nothing_waits(bare)
    assert balanced(bare)


@pytest.mark.parametrize("running", [3, 12])
def test_a_lower_one_waits_until_the_handlers_eoi(booted: Booted, running: int) -> None:
    mask_interrupts(booted)
    enable(booted)
    during_the_handler_of(booted, running, 5)
    assert delivered(booted) == vectors(running, 5)
    assert booted.word("deepest") == 1
    assert balanced(booted)


def test_the_same_line_again_while_its_handler_runs_is_delivered_again(booted: Booted) -> None:
    mask_interrupts(booted)
    enable(booted)
    during_the_handler_of(booted, 5, 5)
    assert delivered(booted) == vectors(5, 5)
    assert balanced(booted)


# --- handlers that enable ----------------------------------------------------------------------


@pytest.mark.parametrize("other", [0, 3, 5, 7, 9])
def test_a_handler_that_enables_after_its_eoi_is_interrupted_by_any(
    booted: Booted, other: int
) -> None:
    mask_interrupts(booted)
    booted.set_word("enable_after", 0x25)
    enable(booted)
    during_the_handler_of(booted, 5, other)
    first, second = booted.log()
    assert (first.vector, second.vector) == (0x25, 0x20 + other)
    assert (first.depth, second.depth) == (1, 2)
    assert second.eflags & IF
    assert balanced(booted)


@pytest.mark.parametrize("higher", [0, 3, 9])
def test_a_handler_that_enables_before_its_eoi_is_interrupted_by_a_higher_one(
    booted: Booted, higher: int
) -> None:
    mask_interrupts(booted)
    booted.set_word("enable_before", 0x25)
    enable(booted)
    during_the_handler_of(booted, 5, higher)
    assert [(entry.vector, entry.depth) for entry in booted.log()] == [
        (0x25, 1),
        (0x20 + higher, 2),
    ]
    assert balanced(booted)


def test_a_handler_that_enables_before_its_eoi_is_not_interrupted_by_a_lower_one(
    booted: Booted,
) -> None:
    mask_interrupts(booted)
    booted.set_word("enable_before", 0x23)
    enable(booted)
    booted.machine.injector.raise_irq(3)
    booted.finish(booted.label("handler_logged"))
    booted.machine.injector.raise_irq(5)
    booted.finish(booted.label("handler_eoi"))
    assert delivered(booted) == vectors(3)
    booted.settle()
    assert delivered(booted) == vectors(3, 5)
    assert balanced(booted)


@pytest.mark.parametrize("knob", ["enable_before", "enable_after"])
@pytest.mark.parametrize("enabling", [enable, set_mask, iret])
def test_a_recorded_lower_one_waits_for_the_eoi_of_a_higher_one_that_enables(
    booted: Booted, enabling: Enabling, knob: str
) -> None:
    # Line 5 is accepted first, then line 3 outranks it: 5 must neither come into 3's handler
    # before its EOI nor be forgotten.
    mask_interrupts(booted)
    booted.set_word(knob, 0x23)
    for _ in range(5):
        booted.clear_log()
        arrive(booted, 5, 3)
        assert booted.word("entered") == 0
        enabling(booted)
        assert delivered(booted) == vectors(3, 5)
        assert balanced(booted)
        release(booted, 5, 3)
        booted.call("DisableInterrupts")


def test_a_recorded_one_is_held_back_while_a_higher_one_is_in_service(bare: Booted) -> None:
    mask_interrupts(bare)
    bare.set_word("enable_before", 0x23)
    arrive(bare, 5, 3)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("handler_eoi"))
    # The handler of 3 has enabled and sent no EOI.
    assert delivered(bare) == vectors(3)
    assert bare.field("virtual_if") == IF
    assert bare.recorded() == vectors(5)
    assert bare.real_if() is True
    bare.machine.injector.raise_irq(1)  # what outranks both comes at once
    bare.finish(bare.label("handler_logged"))
    assert delivered(bare) == vectors(3, 1)
    bare.finish()
    assert delivered(bare) == vectors(3, 1, 5)
    assert nothing_waits(bare)
    assert balanced(bare)


@pytest.mark.parametrize(
    ("arrivals", "before", "expected"),
    [
        ((7, 5, 3, 1, 0), 0x21, (0, 1, 3, 5, 7)),
        ((7, 9, 3, 1), 0x29, (1, 9, 3, 7)),
        ((12, 0, 8, 5), 0x20, (0, 12, 8, 5)),
    ],
)
def test_a_tower_of_ranks_comes_down_in_order(
    bare: Booted, arrivals: Sequence[int], before: int, expected: Sequence[int]
) -> None:
    mask_interrupts(bare)
    bare.set_word("enable_before", before)
    arrive(bare, *arrivals)
    enable(bare)
    assert delivered(bare) == vectors(*expected)
    assert nothing_waits(bare)
    assert balanced(bare)


def test_handlers_that_enable_do_not_pile_up(booted: Booted) -> None:
    # Each arrival comes when the last handler is about to leave: its frame must be gone by then.
    mask_interrupts(booted)
    booted.set_word("enable_after", 0x25)
    arrive(booted, 5)
    enable(booted)
    booted.clear_log()
    for _ in range(30):
        during_the_handler_of(booted, 5, 3)
        assert balanced(booted)
    assert booted.word("entered") == 60
    assert booted.word("deepest") == 2
    assert booted.control.registers()["esp"] == booted.label("kernel_stack_top")


# --- what is not an edge of a well-behaved line ------------------------------------------------


def test_a_second_edge_behind_a_recorded_one_is_delivered_too(bare: Booted) -> None:
    # A difference to the bare 8259, which would have merged the two: never too few.
    mask_interrupts(bare)
    arrive(bare, 5, 5)
    enable(bare)
    assert delivered(bare) == vectors(5, 5)
    assert nothing_waits(bare)
    assert balanced(bare)


def test_a_level_triggered_line_that_drops_while_recorded_is_delivered_all_the_same(
    bare: Booted,
) -> None:
    mask_interrupts(bare)
    arrive(bare, 11)
    release(bare, 11)
    assert bare.recorded() == vectors(11)
    enable(bare)
    assert delivered(bare) == vectors(11)
    assert nothing_waits(bare)
    assert balanced(bare)


@pytest.mark.not_on(machine="isapc", reason="its 8259s have no ELCR, and all lines are edges")
def test_a_level_triggered_line_is_delivered_until_its_device_is_served(booted: Booted) -> None:
    mask_interrupts(booted)
    arrive(booted, 11)
    assert booted.word("entered") == 0
    booted.prepare("EnableInterrupts")
    for _ in range(3):
        booted.finish(booted.label("handler_logged"))
    release(booted, 11)
    booted.finish()
    assert delivered(booted) == vectors(11, 11, 11)
    assert balanced(booted)


def test_vectors_that_no_8259_has_in_service_leave_what_waits_alone(bare: Booted) -> None:
    # INT 0x40 in the handler of 3, which has enabled: it says nothing of any EOI.
    mask_interrupts(bare)
    bare.set_word("enable_before", 0x23)
    arrive(bare, 5, 3)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("handler_eoi"))
    state = bare.control.registers()
    execute(bare, b"\xcd\x40", esp=state["esp"] - 64)
    assert delivered(bare) == [0x23, 0x40]
    bare.control.set_registers(**state)
    bare.finish()
    assert delivered(bare) == [0x23, 0x40, 0x25]
    assert nothing_waits(bare)
    assert balanced(bare)


def test_with_automatic_eoi_nothing_is_accepted_over_what_waits(bare: Booted) -> None:
    # The 8259 then ranks nothing once it was acknowledged, so the real IF has to hold it off.
    for port, value in ((0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 3), (0x21, 0)):
        bare.machine.injector.outb(port, value)
    mask_interrupts(bare)
    arrive(bare, 5, 7)
    assert in_service(bare) == (0, 0)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("handler_logged"))
    assert bare.recorded() != []
    assert bare.real_if() is False
    bare.machine.injector.raise_irq(4)
    bare.finish()
    bare.settle()
    assert sorted(delivered(bare)) == vectors(4, 5, 7)
    assert bare.word("deepest") == 1
    assert nothing_waits(bare)
    assert balanced(bare)
