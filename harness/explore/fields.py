"""What must hold of a lazy ROM's virtual CPU wherever the guest stops."""

from collections.abc import Iterator

from harness.booted import IF, Booted
from rom.wedge.virtual_cpu import ARRIVALS, HELD, LEFT


def marks(booted: Booted) -> tuple[str, ...]:
    """What `pending` says besides its count."""
    pending = booted.field("pending")
    return tuple(name for name, bit in (("held", HELD), ("left", LEFT)) if pending & bit)


def wrong_fields(booted: Booted, in_user: bool, told: bool) -> Iterator[str]:
    """Sentences about what does not.

    in_user: user code runs. told: nothing has to tell enabling to turn the real IF on.
    """
    pending = booted.field("pending")
    for name in ("virtual_if", "real_if"):
        if (value := booted.field(name)) not in (0, IF):
            yield f"{name} is {value:#x}"
    if pending & ~(ARRIVALS | HELD | LEFT):
        yield f"pending is {pending:#x}"
    if in_user and not pending & LEFT:
        yield "user mode has left no mark"
    if not told and not pending:
        yield "the real IF is off and nothing tells enabling to turn it on"
