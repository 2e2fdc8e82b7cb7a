"""Does the jobs of a sweep, on a machine of its own."""

import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.booted import BootedMachine
from harness.errors import HarnessError, MachineDied
from harness.explore.became import became
from harness.explore.calls import BY_SYSENTER, IN_USER, Variant
from harness.explore.case import DIED, FAILED, NMI, RETURNED, SLEEPS, Arrival, Case, Outcome
from harness.explore.job import Beat, Job, JobResult, Task
from harness.explore.judge import drained, judge
from harness.explore.run import Place, Run, enabled_places, untouched
from harness.explore.stage import LIMIT, End, Point, Stage
from harness.explore.start import HOLDING, STARTS, Start, second_arrivals
from harness.explore.state import STACK_RANGE, State
from harness.explore.walk import WalkFailed, key, walk
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.report.grid import WRONG
from harness.rom import Rom


class Sweeper:
    """Does jobs, on a machine of its own that it restarts when QEMU dies."""

    def __init__(self, config: MachineConfig, rom: Rom, guest: GuestFile) -> None:
        self._parts = (config, rom, guest)
        self._machine: BootedMachine | None = None
        self._stage: Stage | None = None
        self._patches: Mapping[int, bytes] = {}

    @property
    def stage(self) -> Stage:
        """The stage, on a machine that is booted when it is first asked for."""
        if self._stage is None:
            try:
                self._stage = self._made()
            except MachineDied:  # once is an accident
                self._stage = self._made()
        return self._stage

    def _made(self) -> Stage:
        self._machine = BootedMachine(*self._parts)
        try:
            stage = Stage(self._machine.ready())
            stage.patch(self._patches)
        except BaseException:
            self.close()
            raise
        return stage

    def close(self) -> None:
        """End the machine."""
        if self._machine is not None:
            self._machine.close()
        self._machine = self._stage = None

    def patch(self, patches: Mapping[int, bytes]) -> None:
        """Put a fault into the ROM's code in RAM, in place of the one before; see Stage.patch."""
        self._patches = patches
        self.stage.patch(patches)

    def sweep(
        self, job: Job, limit: int = 10, beat: Beat = lambda points, cases: None
    ) -> JobResult:
        """Do a job; it ends early when it has found `limit` failures."""
        result = JobResult(job)
        started = time.monotonic()
        for outcome, points, cases in _Sweep(self, job).outcomes():
            result.points += points
            result.cases += cases
            beat(points, cases)
            if outcome is not None:
                result.note(outcome)
            if len(result.failures) >= limit:
                break
        result.seconds = time.monotonic() - started
        return result

    def do(self, task: Task, beat: Beat) -> JobResult:
        """Do a job with its limit of failures, as a worker."""
        return self.sweep(task.job, task.limit, beat)

    def find(self, case: Case) -> tuple[Point, tuple[int, ...]]:
        """The point of a case's last arrival, and the line that arrives; none for no arrival.

        Raises HarnessError for a case that this ROM does not have.
        """
        found = _Sweep(self, _job_of(case)).find(case)
        return found.point, found.lines

    def run_case(self, case: Case) -> Outcome:
        """Run one case and judge it. Raises HarnessError for one that this ROM does not have."""
        found = _Sweep(self, _job_of(case))
        try:
            return found.run_found(found.find(case))
        except WalkFailed as error:
            return Outcome(case, FAILED, "", complaints=(str(error),))


def _job_of(case: Case) -> Job:
    return Job(case.variant, case.start, max(len(case.arrivals), 1))


def draining(stage: Stage, start: Start) -> Point:
    """A call of EnableInterrupts where a case has returned, for the vectors that wait there.

    The EOI of a line that holds others back counts as sent.
    """
    at = stage.capture()
    esp = at["esp"] - 4
    returned = stage.booted.label("returned").to_bytes(4, "little")
    at = at.with_memory(STACK_RANGE, returned, esp - stage.ranges[STACK_RANGE].address)
    stub = stage.booted.rom.stub("EnableInterrupts")
    at = at.with_registers({"esp": esp, "eip": stub})
    if start.held:
        at = replace(at, pics=replace(at.pics, isr=at.pics.isr & ~(1 << HOLDING)))
    return Point(at)


@dataclass(frozen=True)
class Found:
    """A case made ready to be run: its last arrival, and what it is judged by."""

    case: Case
    point: Point
    before: tuple[int, ...]
    lines: tuple[int, ...]
    reference: State
    enabled: frozenset[Place]


Step = tuple[Outcome | None, int, int]
"""An outcome, if one came of it; points that were new; cases that were run."""


class _Sweep:
    """One job under way."""

    def __init__(self, sweeper: Sweeper, job: Job) -> None:
        self._sweeper = sweeper
        self._job = job
        if job.start not in STARTS:
            raise HarnessError(f"There is no start {job.start!r}; choose from {', '.join(STARTS)}.")
        if job.variant not in sweeper.stage.variants:
            known = ", ".join(sweeper.stage.variants)
            raise HarnessError(f"There is no call {job.variant!r}; choose from {known}.")
        self._walked: Sequence[Point] | None = None
        self._last_enabled: dict[Place, int] = {}
        self._start: Start = STARTS[job.start]
        self._variant: Variant = sweeper.stage.variants[job.variant]
        masked = self._variant.masked
        self._arrivals = [line for line in self._start.arrivals if line != masked]

    @property
    def _stage(self) -> Stage:
        return self._sweeper.stage

    def outcomes(self) -> Iterator[Step]:
        """Do the job; a machine that is lost costs the case that it was used for."""
        try:
            yield from self._outcomes()
        except (WalkFailed, MachineDied) as error:
            yield self._lost(self._case(), error), 0, 1

    def _outcomes(self) -> Iterator[Step]:
        begin = self._begin()
        before = self._stage.outside()
        try:
            points = walk(self._stage, Point(begin), ())
        except MachineDied:  # once is an accident
            self._sweeper.close()
            points = walk(self._stage, Point(begin := self._begin()), ())
        stage = self._stage
        yield self.run_found(self._alone(begin, points)), 0, 1
        if self._job.depth == 1:
            yield from self._first(points)
        else:
            yield from self._second(points)
        if self._stage is not stage:
            return  # another machine has measured other times
        stage.place(Point(begin), ())  # what the last case wrote is written back
        if stage.outside() != before:
            text = "memory, or the processor, changed where the call has no business"
            yield Outcome(self._case(), RETURNED, "", complaints=(text,)), 0, 0

    def _begin(self) -> State:
        return self._stage.begin(self._variant, self._start.name)

    def find(self, case: Case) -> Found:
        """Walk to a case."""
        points = walk(self._stage, Point(begin := self._begin()), ())
        if not case.arrivals:
            return self._alone(begin, points)
        first = self._picked(points, case.arrivals[0])
        if len(case.arrivals) == 1:
            return self._one(case, points)
        line = case.arrivals[0].line
        reference = self._end_of(first, line)
        way = walk(self._stage, first, (line,))
        enabled = self._enabled(points) | frozenset(enabled_places(self._stage, way))
        return self._two(case, self._picked(way, case.arrivals[1]), reference, enabled)

    def _alone(self, begin: State, points: Sequence[Point]) -> Found:
        """The call with no arrival."""
        right = untouched(self._variant, begin, self._last(points))
        return Found(self._case(), Point(begin), (), (), right, self._enabled(points))

    def _picked(self, points: Sequence[Point], arrival: Arrival) -> Point:
        if arrival.point >= len(points):
            raise HarnessError(f"There is no point {arrival.point}: the way has {len(points)}.")
        return points[arrival.point]

    def _one(self, case: Case, points: Sequence[Point]) -> Found:
        index, line = case.arrivals[0].point, case.arrivals[0].line
        last = self._last(points)
        if self._walked is not points:
            self._walked, self._last_enabled = points, enabled_places(self._stage, points)
        ahead = (place for place, at in self._last_enabled.items() if at >= index)
        enabled = frozenset(ahead) | {(last["eip"], last["esp"])}
        return Found(case, points[index], (), (line,), last, enabled)

    def _two(self, case: Case, point: Point, reference: State, enabled: frozenset[Place]) -> Found:
        first, second = case.arrivals
        return Found(case, point, (first.line,), (second.line,), reference, enabled)

    def _enabled(self, points: Sequence[Point]) -> frozenset[Place]:
        last = self._last(points)
        return frozenset(enabled_places(self._stage, points)) | {(last["eip"], last["esp"])}

    def _last(self, points: Sequence[Point]) -> State:
        return self._awake(points[-1].state, points[-1].asleep)

    def _first(self, points: Sequence[Point]) -> Iterator[Step]:
        for index, point in enumerate(points):
            if not self._is_of_call(point):
                continue
            yield None, 1, 0
            for line in self._arrivals:
                found = self._one(self._case(Arrival(index, line)), points)
                yield self.run_found(found), 0, 1

    def _second(self, points: Sequence[Point]) -> Iterator[Step]:
        """The second arrival comes anywhere on the way from the first one to the end. Ways that
        lead to a state that was seen go on from there as the other did.
        """
        seen: set[Hashable] = set()
        enabled = self._enabled(points)
        for index, first in enumerate(points):
            if self._job.first not in (None, index):
                continue
            for line in self._arrivals:
                arrival = Arrival(index, line)

                def known(state: State, line: int = line) -> bool:
                    mark = (line, key(self._stage, state))
                    found = mark in seen
                    seen.add(mark)
                    return found

                try:
                    reference = self._end_of(first, line)
                    way = walk(self._stage, first, (line,), known)
                except (WalkFailed, MachineDied) as error:
                    yield self._lost(self._case(arrival), error), 0, 1
                    continue
                enabled |= frozenset(enabled_places(self._stage, way))
                for second, point in enumerate(way):
                    if second == 0 and not first.asleep and (line == NMI or first.shadowed_by):
                        continue  # there the first one is no part of the state
                    yield None, 1, 0
                    for other in second_arrivals(self._start, line):
                        if other == self._variant.masked:
                            continue
                        case = self._case(arrival, Arrival(second, other))
                        yield self.run_found(self._two(case, point, reference, enabled)), 0, 1

    def _end_of(self, point: Point, line: int) -> State:
        """The state at the end of the case with one arrival."""
        end = self._stage.run(point, (line,))
        if end.ending == SLEEPS:
            self._stage.restore()
        elif end.ending != RETURNED:
            self._stage.restore()
            raise WalkFailed(f"With one arrival it {end.ending}.")
        return self._awake(end.state, end.ending == SLEEPS)

    def _awake(self, state: State, asleep: bool) -> State:
        """The end of a call: for one that sleeps on in Halt, the state that it will return with."""
        if not asleep:
            return state
        returned = self._stage.booted.label("returned")
        return state.with_registers({"eip": returned, "esp": state["esp"] + 4})

    def run_found(self, found: Found) -> Outcome:
        """Run one case and judge it. One that slept on is tried once more, with all the time
        there is, before it counts: on a busy machine it may just not have been woken yet.
        """
        stage, case, point, lines = self._stage, found.case, found.point, found.lines
        run = Run(
            *(stage, self._variant, self._start, point, found.before, lines),
            *(End(RETURNED, found.reference), found.reference, found.enabled),
        )
        try:
            run = replace(run, end=stage.run(point, lines))
            outcome = judge(run, case)
            if outcome.ending != RETURNED:
                stage.restore()
                if outcome.ending == SLEEPS and outcome.complaints:
                    run = replace(run, end=stage.run(point, lines, LIMIT))
                    outcome = judge(run, case)
            drains = outcome.ending == RETURNED and not self._variant.to_user
            if drains and outcome.waiting and not outcome.complaints:
                outcome = self._drain(run, outcome)
            if outcome.complaints:
                stage.restore()
            return replace(outcome, became=became(run, outcome))
        except MachineDied as error:
            return self._lost(case, error, point.state["eip"])

    def _lost(self, case: Case, error: WalkFailed | MachineDied, eip: int | None = None) -> Outcome:
        """The outcome of a case that took the machine with it, which is made ready anew."""
        died = isinstance(error, MachineDied)
        if died:
            self._sweeper.close()
            self._begin()
        else:
            self._stage.restore()
        place = "" if eip is None else self._stage.view.place_of(eip)
        text = f"QEMU died: {str(error).splitlines()[0]}" if died else str(error)
        return Outcome(case, DIED if died else FAILED, place, complaints=(text,), became=WRONG)

    def _drain(self, run: Run, outcome: Outcome) -> Outcome:
        """Enable interrupts after the case."""
        point = draining(self._stage, self._start)
        run = replace(run, end=End(RETURNED, point.state))
        complaints = tuple(drained(run, self._stage.run(point, ())))
        return replace(outcome, complaints=complaints, drained=True)

    def _is_of_call(self, point: Point) -> bool:
        """Whether a point is in the ROM, on the way there, or where the call leads: not in a
        handler of the guest's, where an arrival is the second one.
        """
        rom = self._stage.booted.rom
        eip = point.state["eip"]
        size = int(rom.rom.manifest["block"]["size"])
        if rom.block <= eip < rom.block + size or eip + 1 in self._stage.stops:
            return True
        return eip in (BY_SYSENTER, IN_USER)

    def _case(self, *arrivals: Arrival) -> Case:
        return Case(self._job.variant, self._job.start, arrivals)
