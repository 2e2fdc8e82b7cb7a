"""A sweep as a person reads it: a line a call, each failure with the command that replays it."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.explore.beside import Difference
from harness.explore.case import Outcome
from harness.explore.proof import Proof
from harness.explore.script import Script
from harness.explore.sweep import SweepReport
from harness.report.log import PASS
from harness.report.steps import CaseTimeline, Fold, Shown, around, folded
from harness.report.steps_text import ARROWS, timeline_text
from harness.report.terminal import shown


def show_sweep(
    console: Console,
    report: SweepReport,
    proof: Proof,
    timelines: Sequence[CaseTimeline],
    page: Path,
) -> None:
    """The table, the failures, what the sweep did not find, where the map is, and the figures.

    timelines: of the failures, in their order; the first one is shown as far as it matters.
    """
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("call", no_wrap=True)
    for title in ("points", "cases", "failures"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, figures in report.calls.items():
        failures = f"[bold red]{figures.failures}[/]" if figures.failures else "0"
        table.add_row(escape(name), f"{figures.points:,}", f"{figures.cases:,}", failures)
    console.print(table)
    for index, (outcome, path) in enumerate(zip(report.failures, report.replays, strict=True)):
        console.print()
        show_outcome(console, outcome)
        if index == 0:
            timeline = timelines[index]
            items = around(folded(timeline.steps, timeline.arrivals), timeline.arrivals)
            show_timeline(console, timeline, items)
        lines = (f"inv explore --replay {shown(path)}", shown(path.with_suffix(".html")))
        for line in lines:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    if report.stopped:
        console.print("\nThe sweep ended early, at the limit of failures.", highlight=False)
    for complaint in proof.complaints:
        console.print(f"\n[bold red]fail[/] {escape(complaint)}", highlight=False, soft_wrap=True)
    console.print(f"\nthe map: {shown(page)}", markup=False, highlight=False, soft_wrap=True)
    if proof.path:
        console.print(f"the mutants: {shown(proof.path)}", highlight=False, soft_wrap=True)
    data = report.as_data()
    good = report.verdict == proof.verdict == PASS
    console.print(
        f"{'[green]pass[/]' if good else '[bold red]fail[/]'}  {data['points']:,} points, "
        f"{data['cases']:,} cases, {data['failures']} failures, {report.rate:.0f} cases a second, "
        f"{proof.killed:,} of {proof.total:,} mutants killed",
        highlight=False,
        soft_wrap=True,
    )


def show_timeline(
    console: Console, timeline: CaseTimeline, items: Sequence[Shown | Fold] | None = None
) -> None:
    """The timeline of a case; of these items alone, if they are given."""
    console.print()
    for line in timeline_text(timeline, items, "utf" in console.encoding.lower()):
        style = "bold" if line.lstrip()[:1] in ARROWS else ""
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    console.print()


def show_outcome(console: Console, outcome: Outcome) -> None:
    """One case: what it was, what is wrong with it, and what was delivered."""
    verdict = "[bold red]fail[/]" if outcome.complaints else "[green]pass[/]"
    console.print(f"{verdict} {escape(str(outcome.case))}", highlight=False, soft_wrap=True)
    if outcome.place:
        console.print(f"  arrives at {escape(outcome.place)}", highlight=False, soft_wrap=True)
    for complaint in outcome.complaints:
        console.print(f"  {escape(complaint)}", highlight=False, soft_wrap=True)
    delivered = " ".join(f"{entry.vector:x}" for entry in outcome.delivered) or "none"
    waiting = " ".join(f"{vector:x}" for vector in outcome.waiting) or "none"
    console.print(f"  delivered: {delivered}; waiting: {waiting}", highlight=False)


def show_difference(console: Console, script: Script, difference: Difference | None) -> None:
    """A script that was played beside the model: the first difference, if there is one."""
    verdict = "[bold red]fail[/]" if difference else "[green]pass[/]"
    count = len(script.events)
    console.print(f"{verdict} {count} events on {escape(script.backend)}", highlight=False)
    text = str(difference) if difference else "The ROM did what the model does.\n"
    console.print(escape(text), end="", highlight=False, soft_wrap=True)
