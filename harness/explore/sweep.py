"""The sweep: which jobs, their progress, and what they found in the end."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.explore.calls import GROUPS, NOT_SWEPT, Variant, variants
from harness.explore.case import Outcome, case_text
from harness.explore.job import Job, JobResult, Task
from harness.explore.notes import Notes
from harness.explore.start import STARTS
from harness.explore.sweeper import Sweeper
from harness.explore.worker import Heartbeat, Workers
from harness.guest import GuestFile, load_guest
from harness.machine.config import MachineConfig
from harness.report.log import FAIL, PASS
from harness.rom import Rom, load_rom

DEPTHS = (1, 2)


@dataclass(frozen=True)
class SweepRequest:
    """What to sweep. calls: names, also of GROUPS; none: all, of depth 2 the interrupt ones.

    folder: where progress and replay files go. workers: QEMUs side by side. limit: failures at
    which the sweep ends. fresh: forget what an interrupted sweep has done.
    """

    rom: Path
    guest: Path
    folder: Path
    config: MachineConfig = field(default_factory=MachineConfig)
    calls: tuple[str, ...] = ()
    depth: int = 1
    workers: int = 0
    limit: int = 10
    fresh: bool = False

    def __post_init__(self) -> None:
        if self.depth not in DEPTHS:
            raise HarnessError(f"A sweep of depth {self.depth} is none; give 1 or 2 arrivals.")
        if self.workers < 0:
            raise HarnessError(f"{self.workers} workers are none; give 1 or more, or 0 for all.")
        if self.limit < 1:
            raise HarnessError(f"A limit of {self.limit} failures is none; give 1 or more.")


@dataclass
class CallFigures:
    """What was swept of one call."""

    points: int = 0
    cases: int = 0
    failures: int = 0


@dataclass
class SweepReport:
    """What a sweep found. `replays` are the files of `failures`, in the same order.

    `seconds` is the time that this run took for `cases_run` of the cases; the others are of the
    run before, which was interrupted. `stopped`: the sweep ended early, at the limit of failures.
    """

    backend: str
    depth: int
    build_id: str
    results: list[JobResult] = field(default_factory=list)
    replays: list[Path] = field(default_factory=list)
    seconds: float = 0.0
    cases_run: int = 0
    stopped: bool = False

    @property
    def failures(self) -> list[Outcome]:
        """The cases in which something did not hold."""
        return [outcome for result in self.results for outcome in result.failures]

    @property
    def calls(self) -> Mapping[str, CallFigures]:
        """The figures by the call and its arguments."""
        found: dict[str, CallFigures] = {}
        for result in self.results:
            figures = found.setdefault(result.job.variant, CallFigures())
            figures.points += result.points
            figures.cases += result.cases
            figures.failures += len(result.failures)
        return found

    @property
    def rate(self) -> float:
        """Cases a second, the start of the machines and the walks included."""
        return self.cases_run / self.seconds if self.seconds else 0.0

    @property
    def verdict(self) -> str:
        """Whether all held."""
        return FAIL if self.failures else PASS

    def as_data(self) -> dict[str, Any]:
        """The report for a JSON file, as the command line's contract has it, and each call's."""
        return {
            "verdict": self.verdict,
            "backend": self.backend,
            "depth": self.depth,
            "build_id": self.build_id,
            "points": sum(result.points for result in self.results),
            "cases": sum(result.cases for result in self.results),
            "failures": len(self.failures),
            "cases_per_second": round(self.rate, 1),
            "seconds": round(self.seconds, 2),
            "stopped": self.stopped,
            "calls": {name: asdict(figures) for name, figures in self.calls.items()},
            "found": [
                asdict(outcome) | {"replay": str(path)}
                for outcome, path in zip(self.failures, self.replays, strict=True)
            ],
        }


def sweep(request: SweepRequest, progress: Callable[[str], None] = print) -> SweepReport:
    """Sweep, and write a replay file for each failure.

    `progress` is told how it goes. Each job that is done is noted in the folder, so that a sweep
    which was interrupted goes on there. Raises HarnessError.
    """
    rom, guest = load_rom(request.rom), load_guest(request.guest)
    jobs = plan(request, rom, guest)
    backend, build_id = rom.manifest["backend"], rom.manifest["build_id"]
    report = SweepReport(backend, request.depth, build_id)
    name = f"{backend}-{build_id[:12]}-depth-{request.depth}"
    with Notes(request.folder, name, request.fresh) as notes:
        report.results += [result for result in notes.results if result.job in jobs]
        shown = _Shown(progress, len(jobs), len(report.results))
        try:
            _sweep(request, (rom, guest), jobs, report, notes, shown)
        except KeyboardInterrupt:
            text = f"interrupted; {shown.done} of {len(jobs)} parts are done"
            raise KeyboardInterrupt(f"{text}, and the next run goes on there") from None
        notes.forget(jobs)
        report.results.sort(key=lambda result: jobs.index(result.job))
        _write_replays(report, notes)
    return report


def _sweep(
    request: SweepRequest,
    parts: tuple[Rom, GuestFile],
    jobs: Sequence[Job],
    report: SweepReport,
    notes: Notes,
    shown: "_Shown",
) -> None:
    """Do the jobs that are left, up to the limit of failures."""
    done = {result.job for result in report.results}
    left = [job for job in jobs if job not in done]
    started = time.monotonic()
    if left:
        workers = min(request.workers or os.cpu_count() or 1, len(left))
        pool: Workers[Task, JobResult]
        with Workers(workers, partial(Sweeper, request.config, *parts)) as pool:
            for said in pool.do([Task(job, request.limit) for job in left]):
                if isinstance(said, Heartbeat):
                    shown.cases += said.cases
                else:
                    report.results.append(said)
                    report.cases_run += said.cases
                    notes.add(said)
                    shown.done += 1
                report.seconds = time.monotonic() - started
                shown.show(len(report.failures))
                if len(report.failures) >= request.limit:
                    report.stopped = len(report.results) < len(jobs)
                    break


def plan(request: SweepRequest, rom: Rom, guest: GuestFile) -> list[Job]:
    """The jobs of a sweep. Raises HarnessError for a call that is not known or not swept."""
    provided = {row["name"] for row in rom.manifest["calls"] if row["offset"] is not None}
    known = [v for v in all_variants(guest) if v.call in provided]
    asked = request.calls or (("interrupts",) if request.depth == 2 else ())
    wanted = names_of(asked)
    for name in wanted:
        if name in NOT_SWEPT:
            raise HarnessError(f"{name} is not swept: {NOT_SWEPT[name]}.")
        if name not in {variant.call for variant in known}:
            calls = ", ".join(dict.fromkeys([*GROUPS, *(variant.call for variant in known)]))
            raise HarnessError(f"There is no call {name!r} to sweep; give one of {calls}.")
    return [
        Job(variant.name, start.name, request.depth)
        for variant in known
        for start in STARTS.values()
        if not wanted or variant.call in wanted
        if not start.calls or variant.call in start.calls
    ]


def names_of(words: Sequence[str]) -> list[str]:
    """The calls that are meant by names of calls and of groups."""
    return [name for word in words for name in GROUPS.get(word, (word,))]


def all_variants(guest: GuestFile) -> list[Variant]:
    """All calls that are swept; what their control registers hold is not known yet."""
    return variants(guest.labels, {"cr0": 0, "cr3": 0, "cr4": 0})


@dataclass
class _Shown:
    """The progress line."""

    progress: Callable[[str], None]
    jobs: int
    done: int
    cases: int = 0

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._before = self.done

    def show(self, failures: int) -> None:
        passed = time.monotonic() - self._started
        text = f"{self.cases:,} cases, {self.cases / max(passed, 0.01):.0f} a second"
        text += f", {self.done} of {self.jobs} parts"
        if self.done > self._before:
            left = passed / (self.done - self._before) * (self.jobs - self.done)
            text += f", about {left:.0f} s left"
        if failures:
            text += f", {failures} failed"
        self.progress(text)


def _write_replays(report: SweepReport, notes: Notes) -> None:
    """A file for each failure, in place of those of the sweep before."""
    for old in notes.stem.parent.glob(f"{notes.stem.name}-failure-*.case"):
        old.unlink()
    for number, outcome in enumerate(report.failures, 1):
        why = [*outcome.complaints, f"at {outcome.place}"]
        text = case_text(outcome.case, report.backend, report.build_id, why)
        report.replays.append(notes.write_beside(f"failure-{number}.case", text))
