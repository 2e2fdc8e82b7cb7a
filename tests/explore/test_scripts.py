"""Sequences that forty random ones may miss, by the ROM and the model."""

import pytest

from harness.booted import Booted
from harness.explore.beside import play
from tests.explore.test_allowances import ENABLE, events

SCRIPTS = {
    # A call that turns the real IF off and on must not turn it on while a vector is recorded.
    "table-call-over-a-recorded-one": ("raise 5", "call SetIDT", "raise 1", ENABLE),
    # The frame that SYSEXIT builds for what is pending has to carry user code back.
    "pending-at-sysexit": ("raise 5", "sysexit", "eoi master", "iret", "raise 1"),
    # Lines 1 and 9 are both in service, and are the same input of their chips.
    "same-input-of-both-chips": (
        *("raise 9", "raise 1", ENABLE, "eoi master", "iret"),
        *("eoi slave", "eoi master", "iret"),
    ),
    # The slave has a line in service that the master knows no more of.
    "eoi-at-the-master-first": (ENABLE, "raise 8", "eoi master", ENABLE, "raise 9", "eoi slave"),
    "sysenter-and-back": (
        *("sysexit", "sysenter", ENABLE, "raise 5", "eoi master", "iret"),
        *("user", "sysenter", "nmi", "iret", "raise 1", ENABLE),
    ),
    "trap-gate": ("gate 5 trap", ENABLE, "raise 5", "raise 1", "eoi master", "iret", "iret"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_goes_as_the_model_says(booted: Booted, name: str) -> None:
    difference = play(booted, events(SCRIPTS[name]))
    assert difference is None, str(difference)
