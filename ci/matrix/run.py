"""The whole matrix: which cells, a few side by side, and what they found."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from ci.matrix.archive import own_archive
from ci.matrix.cell import Cell, Result, run_cell
from ci.matrix.page import write_report
from ci.matrix.plan import Plan, Version
from ci.matrix.prefix import find_prefix, make_prefix
from ci.matrix.report import MatrixReport
from harness.errors import HarnessError
from harness.machine.config import MachineConfig, find_qemu
from harness.report.log import ERROR

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


def run_matrix(request: MatrixRequest, progress: Progress = lambda text: None) -> MatrixReport:
    """Get the QEMUs that are not there yet, then run all cells.

    A QEMU that is not to be had makes errors of its own cells; the others go on. Raises
    HarnessError for a QEMU that is neither a version of the plan nor a program.
    """
    started = time.monotonic()
    qemus = chosen(request.plan, request.qemus)
    order = {name: number for number, (name, _) in enumerate(qemus)}
    report = MatrixReport(request.plan, note="The run has not ended.")
    write_report(report, request.report)  # where there is no room for it, nothing is begun
    try:
        _fill(report, request, qemus, progress)
        report.note = ""
    except BaseException:
        report.note = "The run was stopped; these are the cells that had ended by then."
        raise
    finally:
        report.cells.sort(key=lambda cell: order[cell.qemu])
        report.seconds = time.monotonic() - started
        write_report(report, request.report)
    return report


def _fill(
    report: MatrixReport,
    request: MatrixRequest,
    qemus: Sequence[tuple[str, Version | None]],
    progress: Progress,
) -> None:
    plan = request.plan
    stop = threading.Event()
    programs: list[tuple[str, Path]] = []
    for name, version in qemus:
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
    ended: dict[Cell, Result] = {}
    try:
        _run_all(cells, request, stop, progress, ended)
    finally:
        report.cells += [ended[cell] for cell in cells if cell in ended]


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
    cells: Sequence[Cell],
    request: MatrixRequest,
    stop: threading.Event,
    progress: Progress,
    ended: dict[Cell, Result],
) -> None:
    """Run the cells; each that has ended is in `ended`, however this goes out."""
    plan = request.plan
    running: set[str] = set()

    def run(cell: Cell) -> None:
        running.add(cell.name)
        try:
            ended[cell] = run_cell(cell, plan.tests, plan.limit, request.report, stop)
        finally:
            running.discard(cell.name)

    workers = min(request.workers or os.cpu_count() or 1, max(len(cells), 1))
    with ThreadPoolExecutor(workers, "wedge-matrix") as pool:
        futures: list[Future[None]] = [pool.submit(run, cell) for cell in cells]
        try:
            left = set(futures)
            while left:
                done, left = wait(left, LOOK, FIRST_COMPLETED)
                for future in done:
                    future.result()  # what it raises ends the run
                progress(_shown(list(ended.values()), len(cells), sorted(running)))
        except BaseException:
            stop.set()
            for future in futures:
                future.cancel()
            raise


def _shown(ended: Sequence[Result], cells: int, running: Sequence[str]) -> str:
    text = f"{len(ended)} of {cells} cells"
    if wrong := sum(result.verdict != "pass" for result in ended):
        text += f", {wrong} not passed"
    return f"{text}, running {', '.join(running)}" if running else text
