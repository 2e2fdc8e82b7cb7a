"""What a person sees of several runs: a line each, and at the end who failed when."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

from harness.report.log import ERROR, FAIL, PASS, verdict_of
from harness.report.results import counted
from harness.report.terminal import shown

_COLOUR = {PASS: "green", FAIL: "bold red", ERROR: "bold yellow"}


@dataclass(frozen=True)
class Run:
    """One run. `counts` are tests by verdict, `failures` the folders of those that did not hold by
    their node ids, "" for none. note: why it did not come to its end. report: its folder.
    """

    number: int
    loaded: bool
    seed: int | None
    verdict: str
    report: str
    counts: dict[str, int]
    seconds: float
    failures: dict[str, str]
    note: str = ""

    def as_data(self) -> dict[str, Any]:
        """The run for a JSON file."""
        return asdict(self)


def show_run(console: Console, run: Run, times: int) -> None:
    """One run that has ended."""
    colour = _COLOUR[run.verdict]
    width = len(str(times))
    line = f"run {run.number:{width}} of {times}  [{colour}]{run.verdict:5}[/]  "
    line += f"{counted(run.counts)}, {run.seconds:.0f} s, seed {run.seed}"
    line += ", loaded" if run.loaded else ""
    _print(console, line + (f"  {escape(run.note)}" if run.note else ""))


def show_runs(console: Console, runs: Sequence[Run]) -> None:
    """Each test that failed, in which runs, with the seed and the folder; and the verdict."""
    if not runs:
        return
    for node, failed in failures_of(runs).items():
        _print(console, f"\n[{_COLOUR[FAIL]}]failed[/] in {len(failed)} of {len(runs)} runs")
        _print(console, f"  {escape(node)}")
        for run in failed:
            load = ", loaded" if run.loaded else ""
            folder = run.failures[node] or run.report
            _print(console, f"    run {run.number}{load}, seed {run.seed}: {escape(shown(folder))}")
    verdict, text = summary(runs)
    _print(console, f"\n[{_COLOUR[verdict]}]{verdict}[/]  {text}")


def failures_of(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs in which each test failed, by its node id."""
    nodes = dict.fromkeys(node for run in runs for node in run.failures)
    return {node: [run for run in runs if node in run.failures] for node in nodes}


def summary(runs: Sequence[Run]) -> tuple[str, str]:
    """The verdict on all of these runs, and their figures in a line."""
    wrong = sum(run.verdict != PASS for run in runs)
    seconds = sum(run.seconds for run in runs)
    failed = len(failures_of(runs))
    text = f"{len(runs)} runs, {wrong} not passed, {failed} tests failed, {seconds:.0f} s"
    return verdict_of(run.verdict for run in runs), text


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)
