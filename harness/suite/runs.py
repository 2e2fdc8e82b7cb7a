"""Runs of the suite: one, or several in a row, some of them while others load the machine."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.errors import HarnessError
from harness.report.log import ERROR, FAIL, verdict_of
from harness.report.results import VERDICTS
from harness.suite.load import load
from harness.suite.run import Selection, debug_tests, folders_of, read_results, run_tests
from harness.suite.runs_html import runs_page
from harness.suite.seeds import new_seed
from harness.suite.show import Run, show_run, show_runs
from rom.build import write_file

MOST_RUNS = 1000

PAGE = "runs.html"
"""The page of several runs, in the folder of their folders."""


@dataclass(frozen=True)
class SuiteReport:
    """All runs, in their order."""

    runs: tuple[Run, ...]

    @property
    def verdict(self) -> str:
        """The worst of all runs."""
        return verdict_of(run.verdict for run in self.runs)

    def as_data(self) -> dict[str, Any]:
        """The report for a JSON file, as the command line's contract has it."""
        return {"verdict": self.verdict, "runs": [run.as_data() for run in self.runs]}


@dataclass(frozen=True)
class Runs:
    """How to run: `times` times, the last `loaded` of them beside another run of the same tests.

    report: the folder that the reports go to. gdb: no reports; once, to the first test that fails,
    and GDB there. Raises HarnessError for numbers that make no sense.
    """

    report: Path
    times: int = 1
    loaded: int = 0
    gdb: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.times <= MOST_RUNS:
            raise HarnessError(f"{self.times} runs cannot be made; give 1 to {MOST_RUNS}.")
        if not 0 <= self.loaded <= self.times:
            raise HarnessError(
                f"{self.loaded} of {self.times} runs cannot be loaded; give 0 to {self.times}."
            )
        if self.gdb and self.times > 1:
            raise HarnessError("GDB ends with one run; leave out either it or the repeats.")


def run_suite(selection: Selection, runs: Runs, console: Console) -> SuiteReport:
    """Run the tests.

    One run alone speaks to the terminal as pytest does, and its report is in the folder `report`.
    Of several, each has a line on the console, a new seed, unless the selection has one, and a
    folder `run-N` with its report and what pytest said, in `output.txt`; `runs.html` is of all that
    have ended. Raises HarnessError or BuildError for a folder that cannot be written to.
    """
    if runs.gdb:
        none = dict.fromkeys(VERDICTS, 0)
        verdict = debug_tests(selection)
        return SuiteReport((Run(1, False, selection.seed, verdict, "", none, 0.0, {}),))
    if runs.times == 1 and not runs.loaded:
        status = run_tests(selection, runs.report, 1)
        run = _run(1, False, selection, runs.report, status)
        if run.note:
            console.print(run.note, markup=False, highlight=False, soft_wrap=True)
        return SuiteReport((run,))
    ended: list[Run] = []
    try:
        with _status(console) as progress:
            for run in _in_a_row(selection, runs, progress):
                ended.append(run)
                show_run(console, run, runs.times)
                text = runs_page(ended, runs.times, runs.report)
                write_file(runs.report / PAGE, text.encode())
    except OSError as error:
        raise HarnessError(f"{error.filename} cannot be written: {error.strerror}.") from error
    finally:
        show_runs(console, ended)
    return SuiteReport(tuple(ended))


@contextmanager
def _status(console: Console) -> Iterator[Callable[[str], None]]:
    """Says below what is printed what goes on; nowhere without a terminal."""
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status("") as status:
        yield status.update


def _in_a_row(selection: Selection, runs: Runs, progress: Callable[[str], None]) -> Iterator[Run]:
    (runs.report / PAGE).unlink(missing_ok=True)
    for old in runs.report.glob("run-*"):
        shutil.rmtree(old)
    for number in range(1, runs.times + 1):
        folder = runs.report / f"run-{number:0{len(str(runs.times))}}"
        folder.mkdir(parents=True)
        seed = new_seed() if selection.seed is None else selection.seed
        chosen = replace(selection, seed=seed)
        beside = number > runs.times - runs.loaded
        progress(f"run {number} of {runs.times}, seed {seed}" + (", loaded" if beside else ""))
        with (
            (folder / "output.txt").open("wb") as output,
            load(selection) if beside else nullcontext(),
        ):
            status = run_tests(chosen, folder, output.fileno())
        yield _run(number, beside, chosen, folder, status)


def _run(number: int, loaded: bool, selection: Selection, report: Path, status: int) -> Run:
    results = read_results(report)
    if results is None:
        none = dict.fromkeys(VERDICTS, 0)
        note = f"pytest ended with the status {status} and left no report"
        return Run(number, loaded, selection.seed, ERROR, str(report), none, 0.0, {}, note)
    return Run(
        number,
        loaded,
        selection.seed,
        results.verdict,
        str(report),
        results.counts,
        results.seconds,
        folders_of(results, report, (FAIL, ERROR)),
        results.note,
    )
