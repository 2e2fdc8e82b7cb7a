"""The whole matrix: which cells, a few side by side, and what they found."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ci.matrix.archive import own_archive
from ci.matrix.cell import Cell, Result, run_cell
from ci.matrix.plan import Plan, Version
from ci.matrix.prefix import find_prefix, make_prefix
from harness.errors import HarnessError
from harness.machine.config import MachineConfig, find_qemu
from harness.report.log import ERROR, verdict_of

LOOK = 0.2
"""Seconds between two looks at the cells that run."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class MatrixRequest:
    """What part of a plan to run, and where.

    qemus: versions of the plan, or programs by their path; none, all versions. cache: where
    prefixes are. report: where JUnit files go. workers: cells side by side, 0 for one a core.
    """

    plan: Plan
    cache: Path
    report: Path
    qemus: tuple[str, ...] = ()
    workers: int = 0

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise HarnessError(f"{self.workers} workers are none; give 1 or more, or 0 for all.")


@dataclass
class MatrixReport:
    """What the matrix found; `packages` says what each QEMU is in full."""

    plan: Plan
    cells: list[Result] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """The verdict of the whole: the worst of the cells."""
        return verdict_of(cell.verdict for cell in self.cells)

    def as_data(self) -> dict[str, Any]:
        """The report for a JSON file, as the command line's contract has it, and more."""
        return {
            "verdict": self.verdict,
            "seconds": round(self.seconds, 2),
            "qemu": self.packages,
            "cells": [asdict(cell) for cell in self.cells],
            "differences": [asdict(difference) for difference in self.plan.differences],
        }


def run_matrix(request: MatrixRequest, progress: Progress = lambda text: None) -> MatrixReport:
    """Get the QEMUs that are not there yet, then run all cells.

    A QEMU that is not to be had makes errors of its own cells; the others go on. Raises
    HarnessError for a QEMU that is neither a version of the plan nor a program.
    """
    started = time.monotonic()
    plan = request.plan
    stop = threading.Event()
    report = MatrixReport(plan)
    programs: list[tuple[str, Path]] = []
    for name, version in chosen(plan, request.qemus):
        try:
            program, package = _program(name, version, request.cache, stop, progress)
        except HarnessError as error:
            missing = Result(name, "", "", ERROR, detail=str(error))
            report.cells += [
                replace(missing, machine=machine, backend=backend)
                for machine in plan.machines
                for backend in plan.backends
            ]
            continue
        programs.append((name, program))
        report.packages[name] = package
    cells = [
        Cell(name, program, machine, backend)
        for name, program in programs
        for machine in plan.machines
        for backend in plan.backends
    ]
    report.cells += _run_all(cells, request, stop, progress)
    order = {name: number for number, (name, _) in enumerate(chosen(plan, request.qemus))}
    report.cells.sort(key=lambda cell: order[cell.qemu])
    report.seconds = time.monotonic() - started
    return report


def chosen(plan: Plan, qemus: Sequence[str]) -> list[tuple[str, Version | None]]:
    """The QEMUs to run by their names; no version for one named by its path."""
    known = {version.version: version for version in plan.versions}
    for name in qemus:
        if name not in known and "/" not in name:
            raise HarnessError(
                f"There is no QEMU {name!r} in the matrix; give {', '.join(known)}, "
                "or a program by its path."
            )
    return [(name, known.get(name)) for name in dict.fromkeys(qemus or known)]


def _program(
    name: str, version: Version | None, cache: Path, stop: threading.Event, progress: Progress
) -> tuple[Path, str]:
    if version is None:
        return Path(find_qemu(MachineConfig(qemu=name))).absolute(), name
    prefix = find_prefix(version, cache)
    if prefix is None:
        prefix = make_prefix(version, cache, own_archive(), stop, progress)
    return prefix.program, prefix.package


def _run_all(
    cells: Sequence[Cell], request: MatrixRequest, stop: threading.Event, progress: Progress
) -> list[Result]:
    plan = request.plan
    running: set[str] = set()

    def run(cell: Cell) -> Result:
        running.add(cell.name)
        try:
            return run_cell(cell, plan.tests, plan.limit, request.report, stop)
        finally:
            running.discard(cell.name)

    workers = min(request.workers or os.cpu_count() or 1, max(len(cells), 1))
    with ThreadPoolExecutor(workers, "wedge-matrix") as pool:
        futures: list[Future[Result]] = [pool.submit(run, cell) for cell in cells]
        try:
            left = set(futures)
            while left:
                done, left = wait(left, LOOK, FIRST_COMPLETED)
                for future in done:
                    future.result()  # what it raises ends the run
                progress(_shown(futures, sorted(running)))
        except BaseException:
            stop.set()
            for future in futures:
                future.cancel()
            raise
    return [future.result() for future in futures]


def _shown(futures: Sequence["Future[Result]"], running: Sequence[str]) -> str:
    ended = [future.result() for future in futures if future.done()]
    text = f"{len(ended)} of {len(futures)} cells"
    if wrong := sum(result.verdict != "pass" for result in ended):
        text += f", {wrong} not passed"
    return f"{text}, running {', '.join(running)}" if running else text
