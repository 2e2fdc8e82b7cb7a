"""A vector of no 8259 whose low three bits are those of a line that waits is not that line."""

import pytest

from harness.booted import Booted
from tests.interrupts.steps import (
    arrive,
    delivered,
    execute,
    in_service,
    mask_interrupts,
    vectors,
)
from tests.interrupts.test_waiting import in_a_handler, in_a_handler_above_one_that_is_over

LINE = 7
OF_THE_APIC = 0xEF  # Linux gives it to the timer of the local APIC; line 7 is 27h
OTHER_LOW_BITS = 0xEA


by_the_local_apic = pytest.mark.not_on(machine="isapc", reason="its 486 has no local APIC")


@by_the_local_apic
def test_a_vector_of_the_local_apic_over_what_waits_takes_nothing_away(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, LINE)
    bare.machine.injector.message(0, OF_THE_APIC)
    bare.call("EnableInterrupts")
    bare.settle()
    assert delivered(bare) == [OF_THE_APIC, 0x20 + LINE]
    assert (bare.recorded(), in_service(bare)) == ([], (0, 0))


def test_int_n_in_a_handler_takes_nothing_from_what_that_holds_back(bare: Booted) -> None:
    esp = in_a_handler(bare, LINE)
    here = bare.control.registers()
    execute(bare, b"\xcd\x47", esp=esp)
    bare.control.set_registers(**here)
    bare.finish()
    bare.settle()
    assert delivered(bare) == [0x23, 0x47, 0x20 + LINE]
    assert bare.recorded() == []


@by_the_local_apic
def test_what_waits_is_held_back_while_the_handler_of_such_a_vector_runs(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, LINE)
    bare.machine.injector.message(0, OF_THE_APIC)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("handler_logged"))
    assert [entry.vector for entry in bare.log()] == [OF_THE_APIC]
    assert (bare.real_if(), bare.recorded()) == (False, [0x20 + LINE])
    assert bare.field("pending") & 0xFF == 1


@by_the_local_apic
def test_one_that_waits_in_the_midst_is_not_that_vector_either(bare: Booted) -> None:
    esp = in_a_handler(bare)
    bare.call("DisableInterrupts", esp=esp)
    arrive(bare, LINE + 8)
    assert bare.recorded() == vectors(5, LINE + 8)
    bare.machine.injector.message(0, OF_THE_APIC)
    bare.call("EnableInterrupts", esp=esp)
    bare.settle()
    assert delivered(bare) == [0x23, OF_THE_APIC, *vectors(LINE + 8)]
    assert bare.recorded() == vectors(5)  # under 3, which sent no EOI


def test_one_that_is_over_does_not_hide_the_same_input_of_the_other_8259(bare: Booted) -> None:
    in_a_handler_above_one_that_is_over(bare, 11)
    assert (delivered(bare), bare.recorded()) == (vectors(3, 11), vectors(5))


@by_the_local_apic
def test_a_vector_of_no_line_is_not_taken_for_the_last_line_in_service(bare: Booted) -> None:
    bare.set_word("enable_before", *vectors(LINE))
    bare.call("DisableInterrupts")
    arrive(bare, LINE)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("handler_eoi"))
    esp = bare.control.registers()["esp"] - 64
    bare.call("DisableInterrupts", esp=esp)
    arrive(bare, 5)
    bare.machine.injector.message(0, OTHER_LOW_BITS)
    bare.clear_log()
    bare.prepare("EnableInterrupts", esp=esp)
    bare.finish(bare.label("handler_logged"))
    assert delivered(bare) == [OTHER_LOW_BITS]
    assert (bare.real_if(), bare.recorded()) == (False, vectors(5))
    assert bare.field("pending") & 0xFF == 1
