"""What a case is judged by, and what is read out of the states that it went through."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.booted import LOG_ENTRY, RESUME, Entered
from harness.explore.calls import AS_BEFORE, SET, Variant
from harness.explore.case import NMI
from harness.explore.stage import ENTRIES, End, Point, Stage
from harness.explore.start import Start
from harness.explore.state import LOG, State
from rom.interface.calls import by_name

FIRST_VECTOR, NMI_VECTOR = 0x20, 2

KEPT = ("eax", "ecx", "edx", "ebx", "ebp", "esi", "edi", "ds", "es", "fs", "gs")
"""What a call leaves as it was, unless its row says otherwise."""

Place = tuple[int, int]
"""Where an interrupt may be taken: EIP and ESP."""


@dataclass(frozen=True)
class Run:
    """What a case is judged by: where its last interrupt arrived, how it ended, and how without.

    `before`: the lines that arrived earlier in the case; `lines`: the last one, or none.
    `reference`: the state at the end without the last arrival; `enabled`: where the guest has
    interrupts enabled on the way there.
    """

    stage: Stage
    variant: Variant
    start: Start
    point: Point
    before: tuple[int, ...]
    lines: tuple[int, ...]
    end: End
    reference: State
    enabled: frozenset[Place]

    @property
    def line(self) -> int | None:
        """What arrived last."""
        return self.lines[0] if self.lines else None

    @cached_property
    def arrived(self) -> list[int]:
        """The vectors of all 8259 lines that were raised."""
        lines = [*self.start.pending, *self.before, *self.lines]
        return [FIRST_VECTOR + line for line in lines if line != NMI]

    @cached_property
    def nmis(self) -> int:
        """How many NMIs came."""
        return [*self.before, *self.lines].count(NMI)

    @cached_property
    def log(self) -> list[Entered]:
        """The handlers that were entered."""
        return entries(self.end.state)

    @cached_property
    def logged_before(self) -> int:
        """How many handlers had been entered when the last arrival came."""
        return len(entries(self.point.state))

    @cached_property
    def after(self) -> bool:
        """The virtual IF that the call has to leave."""
        return self.start.enabled if self.variant.after == AS_BEFORE else self.variant.after == SET


def entries(state: State) -> list[Entered]:
    """The guest's log in a state."""
    data = state.memory[LOG]
    count = struct.unpack_from("<I", data, 16)[0]
    found = []
    for index in range(min(count, ENTRIES)):
        words = list(struct.unpack_from("<8I", data, len(data) - (ENTRIES - index) * LOG_ENTRY))
        words[3] &= ~RESUME
        found.append(Entered(*words))
    return found


def waiting(stage: Stage, state: State) -> list[int]:
    """The vectors that were recorded by the ROM, or are requested at the 8259s."""
    requested = [FIRST_VECTOR + line for line in state.pics.requests]
    return [*stage.view.recorded(state), *requested]


def untouched(variant: Variant, begin: State, end: State) -> State:
    """The state that a call has to end in when nothing arrives: its end, but for the registers that
    it has to leave as they were.
    """
    row = by_name(variant.call)
    changed = {name.lower() for name in row.clobbers} | set(variant.results)
    kept = [name for name in KEPT if name not in changed]
    if row.returns:
        kept.append("eflags")  # the arithmetic ones are looked at if the row says that they stay
    return end.with_registers({name: begin[name] for name in kept})


def enabled_places(stage: Stage, points: Sequence[Point]) -> dict[Place, int]:
    """Where the guest has interrupts enabled among these points, and the last one that is there."""
    return {
        (point.state["eip"], point.state["esp"]): index
        for index, point in enumerate(points)
        if stage.view.virtual_if(point.state)
    }
