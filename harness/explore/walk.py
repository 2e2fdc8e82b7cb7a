"""Walk through a call one instruction at a time, and note the state at each boundary."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from harness.errors import HarnessError, MachineDied, MachineError, WaitTimeout
from harness.explore.case import NMI
from harness.explore.stage import Point, Stage
from harness.explore.state import CPU, LOG, State

MOST_POINTS = 3000
"""No call has more, once the turns of its loops are cut short."""

TURNS = 4
"""Turns of a loop that are walked; from there on the walk goes on at code that is new to it."""

SLEEP_LIMIT = 0.05
"""Seconds until a HLT that has not ended counts as sleep."""

STI, HLT = 0xFB, 0xF4
LOADS_SS = (0x8E, 0x17)  # MOV Sreg and POP SS
LONGEST_SHADOWING = 7
"""Bytes of the longest of them."""

STALLED = 5
"""Steps in a row that change nothing: a pending interrupt costs one or two."""


class WalkFailed(HarnessError):
    """A call did not come to its end, although nothing more arrived."""


def walk(
    stage: Stage,
    begin: Point,
    lines: Sequence[int],
    stop: Callable[[State], bool] | None = None,
    seen: list[Point] | None = None,
    turns: int = TURNS,
) -> list[Point]:
    """The boundaries from a point, with these interrupts raised there, to where the call leads.

    Both ends are included, and handlers that are entered; the end is at the label, before its
    instruction. stop: ends the walk before a state for which it answers true. seen: an empty list
    that the points are put into, so that those before a failure are known. turns: of
    a loop that are walked. Raises WalkFailed.
    """
    ends = {address - 1 for address in stage.stops}
    points: list[Point] = [] if seen is None else seen
    visited: Counter[int] = Counter()
    before: State | None = None  # one instruction earlier, if that one casts a shadow
    stalled = 0
    if not _begin(stage, begin, lines):
        points.append(Point(replace(begin.state, pics=stage.capture().pics), asleep=True))
        stage.restore()
        return points
    while True:
        state = stage.capture()
        executed = before is not None and 0 < state["eip"] - before["eip"] <= LONGEST_SHADOWING
        shadowed_by = before if executed else None  # it may have been interrupted instead
        if state["eip"] in stage.stops:
            return points  # it began at the end, and nothing came of what arrived there
        if points and state == points[-1].state:
            stalled += 1
            if stalled > STALLED:
                raise WalkFailed(f"{_place(stage, state)} is executed again and again.")
        else:
            if stop is not None and points and stop(state):
                if NMI in lines or shadowed_by is not None:
                    stage.restore()  # of an NMI not yet taken, or of the shadow
                return points
            points.append(Point(state, shadowed_by))
            stalled = 0
        eip = state["eip"]
        if eip in ends and (len(points) > 1 or not lines):
            return points
        if len(points) > MOST_POINTS:
            raise WalkFailed(f"The call has not ended after {MOST_POINTS} points.")
        visited[eip] += not stalled
        opcode = stage.opcode(eip)
        try:
            if opcode[0] == HLT:
                stage.step(SLEEP_LIMIT)
            elif visited[eip] > turns and eip in stage.instructions:
                stage.run_to_any([*ends, *(stage.instructions - visited.keys())])
            else:
                stage.step()
        except MachineDied:
            raise
        except WaitTimeout:
            if opcode[0] != HLT:
                raise WalkFailed(f"The call hangs at {_place(stage, state)}.") from None
            points.append(Point(state, shadowed_by, asleep=True))
            stage.restore()
            return points
        except MachineError:
            raise WalkFailed(f"The machine was lost at {_place(stage, state)}.") from None
        shadowing = opcode[0] == STI or opcode[0] in LOADS_SS
        before = state if shadowing else None


def _begin(stage: Stage, begin: Point, lines: Sequence[int]) -> bool:
    """Stand at the first boundary; answers false when it is asleep and nothing wakes it."""
    try:
        stage.place(begin, lines)
        stage.steps_take_interrupts(True)
        if begin.asleep:
            stage.step(SLEEP_LIMIT)
    except MachineDied:
        raise
    except WaitTimeout:
        if begin.asleep:
            return False
        raise WalkFailed(f"The call hangs at {_place(stage, begin.state)}.") from None
    except MachineError:
        raise WalkFailed(f"The machine was lost at {_place(stage, begin.state)}.") from None
    return True


def key(stage: Stage, state: State) -> Hashable:
    """What an arrival can tell two states by: where, the flags that count, what is pending.

    Left out are the general registers, which are saved and restored as they are, and the addresses
    on the stack that an arrival leads back to.
    """
    flags = state["eflags"] & 0x4600  # NT, DF, IF
    entered = state.memory[LOG][: 7 * 4]
    return (
        *(state[name] for name in ("eip", "esp", "cs")),
        *(flags, state.memory[CPU], entered, state.pics),
    )


def _place(stage: Stage, state: State) -> str:
    return stage.view.place_of(state["eip"])
