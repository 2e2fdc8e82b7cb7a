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


@pytest.mark.parametrize(
    "then", [("iret",), ("call EnableInterrupts",), ("eoi master", "iret", "eoi slave")]
)
def test_a_lower_line_that_came_before_one_that_waits_holds_it_back_until_its_eoi(
    bare: Booted, then: tuple[str, ...]
) -> None:
    # The EOI for line 5 ends line 9, which waits; then 5 is due again, by a gate that masks none.
    masked = ("call DisableInterrupts", "raise 9", "eoi master", "gate 5 trap", "eoi master 5")
    first = ("raise 5", "call EnableInterrupts", "resume on", "lower 5", "raise 5")
    difference = play(bare, events((*first, *masked, "iret", *then)))
    assert difference is None, str(difference)


def test_an_edge_behind_one_that_waits_holds_it_back_no_longer_than_its_handler(
    bare: Booted,
) -> None:
    # The EOI for line 1 ends line 0, which waits, so that its second edge comes before it.
    masked = ("call DisableInterrupts", "raise 0", "lower 0", "raise 0", "eoi master")
    difference = play(
        bare, events(("raise 1", "call EnableInterrupts", "resume on", *masked, "iret", "iret"))
    )
    assert difference is None, str(difference)


@pytest.mark.parametrize("gate", ["trap", "interrupt"])
@pytest.mark.parametrize("lines", [(7, 5), (12, 1), (5, 1)], ids=str)
def test_of_two_edges_of_a_line_that_was_ended_early_one_comes_at_a_time(
    bare: Booted, lines: tuple[int, int], gate: str
) -> None:
    low, high = lines
    first = (f"raise {low}", "call EnableInterrupts", "resume on", "call DisableInterrupts")
    edges = (f"raise {high}", f"lower {high}", f"raise {high}", "eoi master", f"gate {high} {gate}")
    difference = play(bare, events((*first, *edges, "iret", "raise 0", "iret", "iret")))
    assert difference is None, str(difference)
