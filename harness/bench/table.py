"""The figures as a person reads them: a line each, the backends side by side."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.bench.figure import RATIO, Figure
from harness.bench.run import BenchReport
from harness.report.log import FAIL, PASS

_GROUPS = ("instructions", "workload", "ratio")
_COLOUR = {PASS: "green", FAIL: "bold red"}


def show_bench(console: Console, report: BenchReport) -> None:
    """The table, what is over its budget, what went wrong, and the verdict."""
    backends = list(dict.fromkeys(figure.backend for figure in report.figures))
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("figure", no_wrap=True)
    for title in ("without", *backends, "budget"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict")
    names = dict.fromkeys(figure.name for figure in report.figures)
    for name in sorted(names, key=lambda name: _GROUPS.index(name.partition("/")[0])):
        found = [figure for figure in report.figures if figure.name == name]
        table.add_row(*_row(name, backends, found))
    console.print(table)
    for figure in report.broken:
        console.print(
            f"[bold red]fail[/] {figure.name} on {figure.backend} is {_shown(figure.value, figure)}"
            f", its budget {figure.budget:g}",
            highlight=False,
            soft_wrap=True,
        )
    for backend, text in report.trouble.items():
        console.print(
            f"[bold red]fail[/] {backend}: {escape(text)}", highlight=False, soft_wrap=True
        )
    budgets = sum(figure.budget is not None for figure in report.figures)
    broken = len(report.broken)
    colour = _COLOUR.get(report.verdict, "bold yellow")
    console.print(
        f"\n[{colour}]{report.verdict}[/]  {len(report.figures)} figures, {budgets} budgets, "
        f"{broken} broken",
        highlight=False,
    )


def _row(name: str, backends: Sequence[str], found: Sequence[Figure]) -> list[str]:
    by_backend = {figure.backend: figure for figure in found}
    values = [
        _shown(by_backend[backend].value, by_backend[backend]) if backend in by_backend else "-"
        for backend in backends
    ]
    budgets = dict.fromkeys(f"{figure.budget:g}" for figure in found if figure.budget is not None)
    verdicts = {figure.verdict for figure in found} - {""}
    worst = FAIL if FAIL in verdicts else PASS if verdicts else ""
    shown = f"[{_COLOUR[worst]}]{worst}[/]" if worst else ""
    return [name, _shown(found[0].yardstick, found[0]), *values, " / ".join(budgets), shown]


def _shown(value: float, figure: Figure) -> str:
    return f"{value:.4f}" if figure.unit == RATIO else f"{value:.0f}"
