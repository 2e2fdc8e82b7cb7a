"""Differences between the ROM and the model that are the ROM's: each ends with its mending."""

import pytest

from harness.booted import Booted
from harness.explore.beside import play
from tests.explore.test_allowances import events

CLOSED = ("call WriteGDTEntry", "call SetIDT", "call SetIOPLMask", "gate 5 trap")


@pytest.mark.xfail(
    reason="a call that ends in leave_closed executes STI after SYSENTER", strict=True
)
@pytest.mark.parametrize("call", CLOSED)
def test_after_sysenter_a_table_call_lets_no_interrupt_in(bare: Booted, call: str) -> None:
    difference = play(bare, events(("user", "sysenter", "raise 5", call)))
    assert difference is None, str(difference)


@pytest.mark.xfail(
    reason="a call that ends in leave_closed executes STI in an NMI's handler", strict=True
)
@pytest.mark.parametrize("call", CLOSED)
def test_in_an_nmis_handler_a_table_call_keeps_the_real_if_off(bare: Booted, call: str) -> None:
    difference = play(bare, events(("nmi", "raise 5", call)))
    assert difference is None, str(difference)
