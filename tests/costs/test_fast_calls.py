"""The budgets of the fast calls, counted in instructions from the stub's first to its RET."""

from collections.abc import Mapping

import pytest

from harness.booted import IF, Booted
from tests.costs.counting import instructions

BUDGETS: Mapping[tuple[str, int], int] = {
    ("DisableInterrupts", 0): 2,
    ("GetInterruptMask", 0): 3,
    ("EnableInterrupts", 0): 4,
    ("SetInterruptMask", IF): 6,
    ("SetInterruptMask", 0): 6,
}
"""Instructions at the most, with nothing pending, by call and EAX."""


def count(booted: Booted, call: str, eax: int) -> int:
    """How many instructions a call has, the RET included."""
    booted.prepare(call, eax=eax)
    return instructions(booted, booted.label("returned"))


@pytest.mark.parametrize(("call", "eax"), sorted(BUDGETS))
@pytest.mark.parametrize("enabled_before", [False, True])
def test_a_fast_call_on_bare_keeps_its_budget(
    bare: Booted, call: str, eax: int, enabled_before: bool
) -> None:
    bare.call("EnableInterrupts")
    if not enabled_before:
        bare.call("DisableInterrupts")
    assert count(bare, call, eax) <= BUDGETS[call, eax]


def test_native_is_the_instruction_and_a_return(booted: Booted) -> None:
    if booted.rom.rom.manifest["backend"] == "native":
        assert count(booted, "EnableInterrupts", 0) == 2
        assert count(booted, "DisableInterrupts", 0) == 2
