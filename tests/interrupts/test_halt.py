"""Halt enables and waits: it wakes by what arrives, and never sleeps over it."""

import pytest

from harness.booted import IF, Booted
from harness.machine.snapshot import Snapshot
from tests.interrupts.steps import (
    arrive,
    boundaries,
    delivered,
    fall_asleep,
    in_service,
    mask,
    mask_interrupts,
    release,
    vectors,
)


def arm_timer(booted: Booted, count: int) -> None:
    """One interrupt by line 0, `count` ticks of 0.84 us after the guest runs on (8254, mode 0)."""
    for port, value in ((0x43, 0x30), (0x40, count & 0xFF), (0x40, count >> 8)):
        booted.machine.injector.outb(port, value)


def test_halt_sleeps_while_nothing_comes(booted: Booted) -> None:
    mask_interrupts(booted)
    booted.prepare("Halt")
    assert fall_asleep(booted)
    assert booted.word("entered") == 0
    assert booted.real_if() is True


def test_a_line_wakes_halt(booted: Booted) -> None:
    mask_interrupts(booted)
    booted.prepare("Halt")
    assert fall_asleep(booted)
    booted.machine.injector.raise_irq(5)
    after = booted.finish()
    assert delivered(booted) == vectors(5)
    assert after["esp"] == booted.label("kernel_stack_top")
    assert mask(booted) == IF
    assert in_service(booted) == (0, 0)


def test_halt_sleeps_virtually_enabled(bare: Booted) -> None:
    mask_interrupts(bare)
    bare.prepare("Halt")
    assert fall_asleep(bare)
    assert (bare.field("virtual_if"), bare.field("real_if")) == (IF, IF)


@pytest.mark.parametrize("count", [1, 30000], ids=["at-once", "asleep"])
def test_the_timer_wakes_halt(booted: Booted, count: int) -> None:
    mask_interrupts(booted)
    arm_timer(booted, count)
    booted.call("Halt")
    assert delivered(booted) == vectors(0)
    assert mask(booted) == IF


def test_halt_wakes_each_time(booted: Booted) -> None:
    mask_interrupts(booted)
    for _ in range(20):
        booted.call("DisableInterrupts")
        arm_timer(booted, 40)
        booted.call("Halt")
    assert delivered(booted) == vectors(0) * 20
    assert in_service(booted) == (0, 0)


def test_what_is_pending_keeps_halt_from_sleeping(booted: Booted) -> None:
    mask_interrupts(booted)
    arrive(booted, 5)
    assert booted.word("entered") == 0
    booted.call("Halt")
    assert delivered(booted) == vectors(5)
    assert in_service(booted) == (0, 0)


def test_all_that_is_pending_comes_before_halt_returns(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, 7, 5, 3)
    bare.call("Halt")
    assert delivered(bare) == vectors(3, 5, 7)
    assert (bare.recorded(), bare.real_if()) == ([], True)


@pytest.mark.parametrize("start", ["masked", "enabled"])
def test_no_wakeup_is_lost_wherever_it_comes(booted: Booted, start: str) -> None:
    # Raised at each boundary from Halt's first instruction to the HLT itself. With interrupts
    # enabled before, those of the open part are delivered and over, as on the bare machine: then
    # Halt sleeps, and another has to wake it.
    label = "halt_sleep" if "halt_sleep" in booted.rom.rom.symbols else "Halt"
    hlt = booted.rom.symbol(label) + 1  # behind the STI

    def prepare() -> None:
        mask_interrupts(booted)
        if start == "enabled":
            booted.call("EnableInterrupts")
        release(booted, 5, 3)
        booted.prepare("Halt")

    for count, where in enumerate(boundaries(booted, prepare, hlt)):
        booted.machine.injector.raise_irq(5)
        if count == 1 and start == "enabled":
            assert fall_asleep(booted), where
            booted.machine.injector.raise_irq(3)
            booted.finish()
            assert delivered(booted) == vectors(5, 3), where
        else:
            booted.finish()
            assert delivered(booted) == vectors(5), where
        assert in_service(booted) == (0, 0), where
        assert mask(booted) == IF, where


def test_halt_goes_to_sleep_again_after_it_woke(booted: Booted) -> None:
    mask_interrupts(booted)
    arrive(booted, 5)
    booted.call("Halt")
    booted.prepare("Halt")
    assert fall_asleep(booted)
    assert delivered(booted) == vectors(5)


def test_an_nmi_ends_halt(booted: Booted) -> None:
    mask_interrupts(booted)
    booted.prepare("Halt")
    assert fall_asleep(booted)
    booted.machine.injector.nmi()
    booted.finish()
    assert delivered(booted) == [2]
    assert mask(booted) == IF
    assert booted.real_if() is True


def test_an_nmi_in_halt_loses_no_wakeup(bare: Booted) -> None:
    # The NMI's IRET ends the shadow of the STI: line 5 is then taken before the HLT, and a HLT
    # after it would sleep on. Both come at each boundary up to the HLT.
    hlt = bare.rom.symbol("halt_sleep") + 1

    def prepare() -> None:
        mask_interrupts(bare)
        release(bare, 5)
        bare.prepare("Halt")

    for where in boundaries(bare, prepare, hlt):
        bare.machine.injector.nmi()
        bare.machine.injector.raise_irq(5)
        bare.finish(bare.label("returned"))
        bare.settle()
        assert sorted(delivered(bare)) == [2, 0x25], where
        assert (bare.recorded(), in_service(bare)) == ([], (0, 0)), where
        assert (bare.field("virtual_if"), bare.real_if()) == (IF, True), where


def test_a_line_raised_in_the_handler_of_an_nmi_ends_halt(bare: Booted) -> None:
    hlt = bare.rom.symbol("halt_sleep") + 1

    def prepare() -> None:
        mask_interrupts(bare)
        release(bare, 5)
        bare.prepare("Halt")

    for where in boundaries(bare, prepare, hlt):
        bare.machine.injector.nmi()
        bare.finish(bare.label("handler_logged"))
        bare.machine.injector.raise_irq(5)
        bare.finish()
        bare.settle()
        assert delivered(bare) == [2, 0x25], where
        assert (bare.recorded(), in_service(bare)) == ([], (0, 0)), where
        assert (bare.field("virtual_if"), bare.real_if()) == (IF, True), where


def test_halt_in_a_handler_before_its_eoi_loses_no_wakeup(bare: Booted) -> None:
    # Line 5 waits for the EOI of 3, whose handler has enabled: nothing is due, so Halt sleeps
    # over it, and line 1 is to wake it wherever it comes.
    mask_interrupts(bare)
    bare.set_word("enable_before", 0x23)
    arrive(bare, 5, 3)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("handler_eoi"))
    stack = bare.control.registers()["esp"] - 64
    in_handler = Snapshot(bare.machine, "in-handler", [bare.control])
    in_handler.save()
    first = bare.rom.stub("Halt")

    def prepare() -> None:
        in_handler.restore()
        bare.prepare_at(first, (bare.label("returned"),), esp=stack)

    for where in boundaries(bare, prepare, bare.rom.symbol("halt_sleep") + 1):
        late = bare.control.registers()["eip"] != first
        bare.machine.injector.raise_irq(1)
        if not late:  # the real IF is on here: it comes before the Halt
            assert fall_asleep(bare), where
            bare.machine.injector.lower_irq(0)
            bare.machine.injector.raise_irq(0)
        bare.finish()
        assert delivered(bare) == [0x23, 0x21, *([] if late else [0x20])], where
        assert bare.recorded() == vectors(5), where
