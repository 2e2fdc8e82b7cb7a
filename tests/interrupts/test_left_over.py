"""What was left above the last entry of the stack of arrivals is no entry."""

from harness.booted import IF, Booted
from rom.wedge.virtual_cpu import MOST_ARRIVALS
from tests.interrupts.steps import (
    arrive,
    boundaries,
    delivered,
    enable,
    mask_interrupts,
    vectors,
)
from tests.interrupts.test_past_defects_modes import write_gdt


def leave_over(bare: Booted) -> None:
    """Have each place above the last entry look as if it waited."""
    fields, count = bare.rom.rom.manifest["virtual_cpu"], bare.field("pending") & 0xFF
    for name in ("arrival_vector", "arrival_line"):
        above = bare.rom.block + fields[name]["offset"] + count
        bare.control.write(above, b"\xff" * (MOST_ARRIVALS - count))


def test_with_none_that_waits_an_nmi_in_closed_code_leaves_the_real_if_on(bare: Booted) -> None:
    def prepare() -> None:
        enable(bare)
        leave_over(bare)
        write_gdt(bare, 8)

    for where in boundaries(bare, prepare, bare.label("returned")):
        bare.machine.injector.nmi()
        bare.finish(bare.label("handler_logged"))
        bare.finish()
        assert (bare.field("real_if"), bare.real_if()) == (IF, True), where


def test_a_line_is_entered_over_what_waits_and_over_nothing_else(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, 5, 0)
    leave_over(bare)
    bare.set_word("enable_before", 0x20)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("handler_eoi"))
    assert (delivered(bare), bare.recorded()) == (vectors(0), vectors(5))
