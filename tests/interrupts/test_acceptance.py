"""The way of one interrupt, as a person follows it in GDB: by symbols and source lines."""

from collections.abc import Iterator

import pytest

from harness.booted import IF, Booted
from harness.machine.debugger import Debugger
from tests.interrupts.steps import (
    KERNEL_CS,
    Enabling,
    arrive,
    delivered,
    enable,
    in_service,
    iret,
    mask,
    mask_interrupts,
    set_mask,
    vectors,
)


def follow(booted: Booted, *symbols: str) -> Iterator[tuple[str, str]]:
    """Run to one symbol after the other; the function and file that GDB shows at each."""
    gdb = booted.control
    assert isinstance(gdb, Debugger)
    for symbol in symbols:
        at = gdb.run_to(gdb.symbol(symbol))
        where = gdb.location(at)
        yield where.function, where.file.rpartition("/")[2]


def test_a_masked_interrupt_is_recorded_in_the_wedge(bare_in_gdb: Booted) -> None:
    mask_interrupts(bare_in_gdb)
    assert bare_in_gdb.real_if() is True
    bare_in_gdb.machine.injector.raise_irq(5)
    assert list(follow(bare_in_gdb, "external_masked", "returned")) == [
        ("external_masked", "arrive.s"),
        ("returned", "start.s"),
    ]
    assert bare_in_gdb.recorded() == vectors(5)
    assert bare_in_gdb.real_if() is False
    assert bare_in_gdb.word("entered") == 0


def test_enabling_delivers_what_was_recorded(bare_in_gdb: Booted) -> None:
    mask_interrupts(bare_in_gdb)
    arrive(bare_in_gdb, 5)
    bare_in_gdb.prepare("EnableInterrupts")
    passed = follow(bare_in_gdb, "enable_pending", "settle", "enter", "handler_logged", "IRET")
    assert list(passed) == [
        ("enable_pending", "deliver.s"),
        ("settle", "deliver.s"),
        ("enter", "arrive.s"),
        ("handler_logged", "handlers.s"),
        ("IRET", "deliver.s"),
    ]
    bare_in_gdb.finish()
    assert delivered(bare_in_gdb) == vectors(5)
    assert bare_in_gdb.real_if() is True


@pytest.mark.parametrize("enabling", [enable, set_mask, iret])
def test_masked_it_waits_and_enabled_it_comes_once(debugged: Booted, enabling: Enabling) -> None:
    mask_interrupts(debugged)
    debugged.machine.injector.keyboard_byte(0x1C)
    debugged.settle()
    assert debugged.word("entered") == 0
    assert mask(debugged) == 0
    enabling(debugged)
    [seen] = debugged.log()
    assert (seen.vector, seen.eip, seen.cs) == (0x21, debugged.label("returned"), KERNEL_CS)
    assert (seen.eflags & IF, seen.mask) == (IF, 0)
    assert mask(debugged) == IF
    debugged.settle()
    assert debugged.word("entered") == 1
    assert in_service(debugged) == (0, 0)


def test_the_higher_in_rank_comes_first(debugged: Booted) -> None:
    mask_interrupts(debugged)
    arrive(debugged, 5, 3)
    enable(debugged)
    assert delivered(debugged) == vectors(3, 5)
    assert in_service(debugged) == (0, 0)


def test_halt_wakes(debugged: Booted) -> None:
    mask_interrupts(debugged)
    arrive(debugged, 5)
    debugged.call("Halt")
    assert delivered(debugged) == vectors(5)
    assert mask(debugged) == IF
