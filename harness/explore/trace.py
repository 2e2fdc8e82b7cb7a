"""Run a case once more, one instruction at a time, and make its timeline."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from harness.booted import IF
from harness.errors import HarnessError, MachineDied
from harness.explore.case import NMI, RETURNED, Case, Outcome, shown_line
from harness.explore.code import Code, Instruction
from harness.explore.run import FIRST_VECTOR, entries
from harness.explore.stage import Point
from harness.explore.start import HOLDING, STARTS
from harness.explore.state import CASCADE, State, by_rank, lines_of
from harness.explore.sweeper import Sweeper, draining
from harness.explore.walk import WalkFailed, walk
from harness.report.steps import CaseTimeline, Step

MOST_STEPS = 1200
"""Steps of a walk that are noted; a case that goes on has lost its way."""

TURNS_SHOWN = 12
"""Turns of a loop that are looked at: more than a walk of the sweep takes, as a way by several
handlers comes to the same code several times and is no loop."""

WHOLE_STACK = 1 << 32
"""Above all stack pointers: a handler with its frame there runs all the time."""


def trace(sweeper: Sweeper, outcome: Outcome, listing: Mapping[int, Instruction]) -> CaseTimeline:
    """The timeline of a case that was run; `listing` is what `read_listing` answers.

    One that was drained goes on in a call of EnableInterrupts. One that hangs, sleeps on or is lost
    is followed as far as it goes, and says so. Raises HarnessError for a case that this ROM does
    not have.
    """
    way = _Way(sweeper, outcome.case)
    sweeper.stage.restore()  # what a case before it has left is no part of this one
    way.go(outcome.drained)
    sweeper.stage.restore()
    steps = tuple(_Rows(sweeper, way, listing).steps())  # on a new machine, should that have died
    manifest = sweeper.stage.booted.rom.rom.manifest
    facts = [f"{manifest['name']}, build {manifest['build_id'][:12]}"]
    delivered = tuple(entry.vector for entry in outcome.delivered)
    if (delivered, outcome.ending == RETURNED) != (way.delivered, not way.ending):
        # An emulator need not take an interrupt at the same boundary when it steps.
        facts.append(
            f"Step by step, as shown here, this went another way than at full speed, where it "
            f"{outcome.ending} with these vectors delivered: {_shown(delivered)}."
        )
    return CaseTimeline(
        title=str(outcome.case),
        complaints=outcome.complaints,
        steps=steps,
        ending=way.ending or "It returned.",
        arrivals=tuple(index for index, _ in way.arrivals),
        facts=tuple(facts),
    )


def _shown(vectors: Sequence[int]) -> str:
    return " ".join(f"{vector:x}" for vector in vectors) or "none"


class _Way:
    """The boundaries of a case in their order, and at which of them what arrives.

    `ran_on`: before these points a loop had its further turns without a look at each. `drain`:
    where the call after the case begins; `delivered`: the vectors up to there. `ending`: a
    sentence; none for a case that returned.
    """

    def __init__(self, sweeper: Sweeper, case: Case) -> None:
        self._sweeper = sweeper
        self.case = case
        self.points: list[Point] = []
        self.arrivals: list[tuple[int, int]] = []
        self.ran_on: set[int] = set()
        self.drain: int | None = None
        self.delivered: tuple[int, ...] = ()
        self.ending = ""

    def go(self, drain: bool) -> None:
        stage = self._sweeper.stage
        variant, start = stage.variants[self.case.variant], STARTS[self.case.start]
        point, lines = Point(stage.begin(variant, start.name)), list[int]()
        for arrival in self.case.arrivals:
            seen = self._walk(point, lines, arrival.point + 1)
            if len(seen) <= arrival.point:
                if not self.ending:
                    raise HarnessError(
                        f"There is no point {arrival.point}: the way has {len(seen)}."
                    )
                self._keep(seen)
                return
            self._keep(seen[: arrival.point])
            point, lines = seen[arrival.point], [arrival.line]
            self._arrive(point, arrival.line)
        seen = self._walk(point, lines)
        if not seen and not point.asleep:
            seen = [point]
        self._keep(seen)
        self._go_beyond()
        self.delivered = tuple(entry.vector for entry in entries(self.points[-1].state))
        if drain and not self.ending:
            self.drain = len(self.points)
            self._keep(self._walk(draining(stage, start), ()))
            self._go_beyond()

    def _go_beyond(self) -> None:
        """Follow what is accepted where the call leads: a walk ends before that is executed."""
        while not self.ending:
            last = self.points[-1]
            requests = last.state.pics.requests
            if last.asleep or not requests or not last.state["eflags"] & IF:
                return
            seen = self._walk(last, requests[:1])
            if len(seen) < 2:  # held back by what is in service
                return
            self._keep(seen[1:])

    def _arrive(self, point: Point, line: int) -> None:
        """Note an arrival at the next point; one in HLT is noted itself, as a walk from there
        begins behind it.
        """
        if point.asleep and not (self.points and self.points[-1].asleep):
            self.points.append(point)
        self.arrivals.append((len(self.points) - point.asleep, line))

    def _keep(self, seen: Sequence[Point]) -> None:
        sleeps_on = bool(seen and seen[0].asleep and self.points and self.points[-1].asleep)
        visited: Counter[int] = Counter()
        for point in seen[sleeps_on:]:
            self.points.append(point)
            eip = point.state["eip"]
            visited[eip] += 1
            if visited[eip] > TURNS_SHOWN and eip in self._sweeper.stage.instructions:
                self.ran_on.add(len(self.points))

    def _walk(self, point: Point, lines: Sequence[int], most: int = MOST_STEPS) -> list[Point]:
        """Walk as far as it goes, and no more than so many points; `ending` tells how it ended
        unless that was where the call leads.
        """
        self.ending = ""
        stage, seen = self._sweeper.stage, list[Point]()
        try:
            walk(stage, point, lines, lambda _: len(seen) >= most, seen, TURNS_SHOWN)
        except WalkFailed as error:
            stage.restore()
            self.ending = str(error)
        except MachineDied as error:
            self._sweeper.close()
            self.ending = f"QEMU died: {str(error).splitlines()[0]}"
        else:
            if len(seen) >= most:
                self.ending = f"It has not ended after {most} instructions."
            elif seen and seen[-1].asleep:
                self.ending = "It sleeps in HLT."
        return seen


class _Rows:
    """Makes the points of a way the steps of a timeline."""

    def __init__(self, sweeper: Sweeper, way: _Way, listing: Mapping[int, Instruction]) -> None:
        stage = sweeper.stage
        self._stage, self._way = stage, way
        self._code = Code(stage, listing)
        labels = stage.booted.guest.labels
        self._entries = {labels[f"entry_{vector:02x}"]: vector for vector in range(256)}
        self._ends = {labels["returned"]: "returned", labels["user_code"]: "in user mode"}
        self._running: list[tuple[int, int]] = []  # vector of a handler, and its frame's address
        if STARTS[way.case.start].held:
            self._running.append((FIRST_VECTOR + HOLDING, WHOLE_STACK))

    def steps(self) -> Iterator[Step]:
        before: State | None = None
        for index, point in enumerate(self._way.points):
            state = point.state
            marks = list(self._marks(index, before, state))
            marks += ["it sleeps"] * point.asleep
            arrivals = [line for at, line in self._way.arrivals if at == index]
            marks += [f"{shown_line(line).replace('nmi', 'NMI')} arrives" for line in arrivals]
            requested = {*lines_of(state.pics.irr), *arrivals} - {CASCADE, NMI}
            instruction = self._code.at(state["eip"])
            yield Step(
                where=self._code.place(state["eip"]),
                text=instruction.text,
                virtual_if=self._stage.view.virtual_if(state),
                real_if=bool(state["eflags"] & IF),
                pending=tuple(self._stage.view.recorded(state)),
                requested=tuple(by_rank(list(requested))),
                in_service=tuple(self._in_service(state)),
                handlers=tuple(vector for vector, _ in self._running),
                marks=tuple(marks),
                of_rom=self._code.of_rom(state["eip"]),
                comment=instruction.comment,
                source=instruction.source,
                after_loop=index in self._way.ran_on,
            )
            before = state

    def _marks(self, index: int, before: State | None, state: State) -> Iterator[str]:
        """What happened between two boundaries; also keeps account of the handlers."""
        if index == self._way.drain:
            yield "EnableInterrupts is called, for what waits"
        eip, esp = state["eip"], state["esp"]
        moved = before is None or before["eip"] != eip
        entered = self._entries.get(eip) if moved else None
        if before is not None:
            for line in self._in_service(state):
                if line not in self._in_service(before) and entered != FIRST_VECTOR + line:
                    yield f"vector {FIRST_VECTOR + line:x} is accepted"
            recorded = Counter(self._stage.view.recorded(state))
            for vector in recorded - Counter(self._stage.view.recorded(before)):
                yield f"vector {vector:x} is recorded"
            for line in self._in_service(before):
                if line not in self._in_service(state):
                    yield f"EOI of line {line}"
        ended = self._ended(state, esp - 1)
        if entered is not None and not (ended and (entered, esp) in self._running):
            ended += self._ended(state, esp)  # a further one has its frame in the same place
            self._running.append((entered, esp))
            yield from ended
            yield f"vector {entered:x} is delivered"
        else:  # a handler that was interrupted at its first instruction goes on there
            yield from ended
        if eip in self._ends and moved and index:
            yield self._ends[eip]

    def _ended(self, state: State, top: int) -> list[str]:
        """Forget the handlers whose frames are at `top` or below; in user mode all of them."""
        ended = []
        while self._running and (state["cs"] & 3 or self._running[-1][1] <= top):
            ended.append(f"the handler of {self._running.pop()[0]:x} has ended")
        return ended

    def _in_service(self, state: State) -> list[int]:
        return [line for line in lines_of(state.pics.isr) if line != CASCADE]
