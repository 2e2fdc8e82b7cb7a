"""A sweep as a person reads it: a line a call, each failure with the command that replays it."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.explore.beside import Difference
from harness.explore.case import Outcome
from harness.explore.script import Script
from harness.explore.sweep import SweepReport
from harness.report.log import PASS
from harness.report.terminal import shown


def show_sweep(console: Console, report: SweepReport) -> None:
    """The table, the failures, and the figures."""
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("call", no_wrap=True)
    for title in ("points", "cases", "failures"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, figures in report.calls.items():
        failures = f"[bold red]{figures.failures}[/]" if figures.failures else "0"
        table.add_row(escape(name), f"{figures.points:,}", f"{figures.cases:,}", failures)
    console.print(table)
    for outcome, path in zip(report.failures, report.replays, strict=True):
        console.print()
        show_outcome(console, outcome)
        console.print(f"  inv explore --replay {shown(path)}", markup=False, soft_wrap=True)
    if report.stopped:
        console.print("\nThe sweep ended early, at the limit of failures.", highlight=False)
    data = report.as_data()
    colour = "green" if report.verdict == PASS else "bold red"
    console.print(
        f"\n[{colour}]{report.verdict}[/]  {data['points']:,} points, {data['cases']:,} cases, "
        f"{data['failures']} failures, {report.rate:.0f} cases a second",
        highlight=False,
    )


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
