"""The budgets of the fast calls, counted in instructions from the stub's first to its RET."""

from collections.abc import Mapping

import pytest

from harness.booted import IF, Booted

BUDGETS: Mapping[tuple[str, int], int] = {
    ("DisableInterrupts", 0): 2,
    ("GetInterruptMask", 0): 3,
    ("EnableInterrupts", 0): 4,
    ("SetInterruptMask", IF): 6,
    ("SetInterruptMask", 0): 6,
}
"""Instructions at the most, with nothing pending, by call and EAX."""


def count(booted: Booted, call: str, eax: int) -> int:
    """Step through a call, and answer how many instructions it has, the RET included."""
    returned = booted.label("returned")
    booted.prepare(call, eax=eax)
    for instructions in range(1, 100):
        if booted.control.step() == returned:
            return instructions
    raise AssertionError(f"{call} did not return within 100 instructions")


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
