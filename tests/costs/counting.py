"""Instructions of a way through the ROM, counted by stepping."""

from harness.booted import Booted

NOP = b"\x90"
MOST = 300


def instructions(booted: Booted, end: int) -> int:
    """Step from here to an end, and answer how many instructions that takes; a NOP is none."""
    count, place = 0, booted.control.registers()["eip"]
    for _ in range(MOST):
        count += booted.control.read(place, 1) != NOP
        place = booted.control.step()
        if place == end:
            return count
    raise AssertionError(f"it did not come to {end:#x} within {MOST} instructions")
