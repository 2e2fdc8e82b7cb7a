"""What a person sees of the matrix: a table, the failures, and what is known to differ."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ci.matrix.cell import Result
from ci.matrix.report import MatrixReport
from harness.report.log import ERROR, FAIL, PASS

_COLOUR = {PASS: "green", FAIL: "bold red", ERROR: "bold yellow"}
SHOWN = 5
"""Failures of a cell that are named; the JUnit file has them all."""


def show_matrix(console: Console, report: MatrixReport) -> None:
    """The table of versions, machines and backends; below it what did not hold, and differences."""
    by_place = {(cell.qemu, cell.machine, cell.backend): cell for cell in report.cells}
    backends = list(dict.fromkeys(cell.backend for cell in report.cells))
    table = Table(box=None, pad_edge=False)
    for title in ("QEMU", "machine", *backends):
        table.add_column(title, no_wrap=True)
    for qemu, machine in dict.fromkeys((cell.qemu, cell.machine) for cell in report.cells):
        row = [_cell(by_place[qemu, machine, backend]) for backend in backends]
        table.add_row(escape(qemu), machine, *row)
    console.print(table)
    for cell in report.cells:
        if cell.verdict != PASS:
            _show_trouble(console, cell)
    _print(console, "\n[bold]known differences[/], each with the test that covers it")
    for difference in report.plan.differences:
        _print(console, f"  {escape(difference.where)}: {escape(difference.what)}")
        _print(console, f"    [dim]{escape(difference.test)}[/]")
    wrong = sum(cell.verdict != PASS for cell in report.cells)
    tests = sum(cell.tests for cell in report.cells)
    colour = _COLOUR[report.verdict]
    text = f"{len(report.cells)} cells, {wrong} not passed, {tests:,} tests, {report.seconds:.0f} s"
    _print(console, f"\n[{colour}]{report.verdict}[/]  {text}")


def _cell(cell: Result) -> str:
    text = f"[{_COLOUR[cell.verdict]}]{cell.verdict:5}[/] "
    if cell.verdict == FAIL:
        text += f"{len(cell.failures)} of "
    return text + (f"{cell.tests} tests, {cell.seconds:.0f} s" if cell.tests else "-")


def _show_trouble(console: Console, cell: Result) -> None:
    colour = _COLOUR[cell.verdict]
    name = escape(f"{cell.qemu} {cell.machine} {cell.backend}")
    _print(console, f"\n[{colour}]{cell.verdict}[/]  {name}: {escape(cell.detail)}")
    for failure in cell.failures[:SHOWN]:
        _print(console, f"  {escape(failure)}")
    if len(cell.failures) > SHOWN:
        _print(console, f"  and {len(cell.failures) - SHOWN} more")


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)
