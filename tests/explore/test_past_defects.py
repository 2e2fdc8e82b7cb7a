"""Differences between the ROM and the model that there once were."""

import pytest

from harness.booted import Booted
from harness.explore.beside import play
from tests.explore.test_allowances import events

CLOSED = ("call WriteGDTEntry", "call SetIDT", "call SetIOPLMask", "gate 5 trap")
"""Events whose work is done with the real IF off."""


@pytest.mark.parametrize("call", CLOSED)
def test_after_sysenter_a_table_call_lets_no_interrupt_in(bare: Booted, call: str) -> None:
    difference = play(bare, events(("user", "sysenter", "raise 5", call)))
    assert difference is None, str(difference)


@pytest.mark.parametrize("call", CLOSED)
def test_in_an_nmis_handler_a_table_call_keeps_the_real_if_off(bare: Booted, call: str) -> None:
    difference = play(bare, events(("nmi", "raise 5", call)))
    assert difference is None, str(difference)


@pytest.mark.parametrize("entry", ["int 0x4", "int 0x80", "fault", "nmi"])
def test_after_sysenter_an_iret_with_if_clear_says_that_the_guest_is_masked(
    bare: Booted, entry: str
) -> None:
    difference = play(bare, events(("user", "sysenter", "resume off", entry, "raise 5", "iret")))
    assert difference is None, str(difference)


@pytest.mark.parametrize("gate", ["gate 9 interrupt", "gate 9 trap", "gate 9 none"])
@pytest.mark.parametrize("fault", [(), ("fault",)], ids=["base", "fault"])
def test_what_was_recorded_comes_before_user_code_with_if_clear(
    bare: Booted, gate: str, fault: tuple[str, ...]
) -> None:
    before = ("user off", *fault, "call EnableInterrupts") if fault else ()
    back = "iret" if fault else "user off"
    after = ("eoi slave", "eoi master", "raise 1", "iret")
    difference = play(
        bare, events((*before, gate, "call DisableInterrupts", "raise 9", back, *after))
    )
    assert difference is None, str(difference)
