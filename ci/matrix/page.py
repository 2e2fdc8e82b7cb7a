"""The matrix as a page: the table, what is known to differ, and the failures of each cell."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ci.matrix.cell import Result
from ci.matrix.junit import merged
from ci.matrix.report import MatrixReport
from harness.report.log import FAIL, PASS
from harness.report.page import element, page, tag
from harness.report.results import RunResults
from harness.report.results_html import STYLE, facts_table, failures, heading, plain
from harness.suite.run import read_results
from rom.build import write_file

_STYLE = (
    STYLE
    + """\
table.matrix { table-layout: auto; width: auto; } table.matrix td { padding: .15rem 1.2rem .15rem 0;
  white-space: normal; overflow: visible; } table.matrix th { padding-right: 1.2rem; }
"""
)


def write_report(report: MatrixReport, folder: Path) -> None:
    """Write `matrix.html` and `matrix.xml` into the folder. Raises BuildError."""
    write_file(folder / "matrix.html", matrix_page(report, folder).encode())
    write_file(folder / "matrix.xml", merged(report.cells, folder))


def matrix_page(report: MatrixReport, folder: Path) -> str:
    """The page of a matrix whose cells have left their reports in the folder."""
    return page("The QEMU matrix", _STYLE, _body(report, folder))


def _body(report: MatrixReport, folder: Path) -> Iterator[str]:
    wrong = sum(cell.verdict != PASS for cell in report.cells)
    tests = sum(cell.tests for cell in report.cells)
    yield heading(report.verdict, "The QEMU matrix")
    text = f"{len(report.cells)} cells, {wrong} not passed, {tests:,} tests, {report.seconds:.0f} s"
    yield element("p", text)
    if report.note:
        yield element("p", report.note, class_="note")
    yield _table(report.cells, folder)
    for cell in report.cells:
        if cell.verdict != PASS:
            yield from _trouble(cell, folder)
    yield element("h2", "What is known to differ, and the test that covers it")
    items = (
        tag("li", element("span", f"{d.where}: {d.what} ") + element("code", d.test, class_="dim"))
        for d in report.plan.differences
    )
    yield tag("ul", "\n".join(items))
    if report.packages:
        yield element("h2", "The QEMUs")
        yield facts_table(tuple(report.packages.items()))


def _table(cells: list[Result], folder: Path) -> str:
    backends = list(dict.fromkeys(cell.backend for cell in cells))
    places = {(cell.qemu, cell.machine, cell.backend): cell for cell in cells}
    titles = "".join(element("th", title) for title in ("QEMU", "machine", *backends))
    rows = [tag("tr", titles)]
    for qemu, machine in dict.fromkeys((cell.qemu, cell.machine) for cell in cells):
        found = (places.get((qemu, machine, backend)) for backend in backends)
        row = element("td", qemu) + element("td", machine)
        rows.append(tag("tr", row + "".join(_cell(cell, folder) for cell in found)))
    return tag("table", tag("tbody", "\n".join(rows)), class_="matrix") if cells else ""


def _cell(cell: Result | None, folder: Path) -> str:
    if cell is None:
        return element("td", "did not run", class_="dim")
    count = f"{cell.tests:,} tests, {cell.seconds:.0f} s" if cell.tests else "-"
    if cell.verdict == FAIL:
        count = f"{len(cell.failures)} of {count}"
    said = element("span", count)
    if cell.report and (folder / cell.report / "test.html").exists():
        said = element("a", count, href=f"{cell.report}/test.html")
    return tag("td", element("span", cell.verdict, class_=cell.verdict) + " " + said)


def _trouble(cell: Result, folder: Path) -> Iterator[str]:
    title = f"{cell.qemu} {cell.machine} {cell.backend}"
    verdict = element("span", cell.verdict, class_=cell.verdict)
    yield tag("h2", f"{verdict} {element('span', title)}")
    yield element("pre", plain(cell.detail), class_="cause wrap")
    results = read_results(folder / cell.report) if cell.report else None
    if results is None:
        yield tag("ul", "\n".join(element("li", failure) for failure in cell.failures))
        return
    boot = [failure for failure in cell.failures if failure.startswith("boot: ")]
    if boot:
        yield tag("ul", "\n".join(element("li", failure) for failure in boot))
    yield from failures(_moved(results, cell.report).tests)


def _moved(results: RunResults, below: str) -> RunResults:
    """The same with the folders of failures as they are seen from the page of the matrix."""
    tests = (
        replace(test, folder=f"{below}/{test.folder}" if test.folder else "")
        for test in results.tests
    )
    return replace(results, tests=tuple(tests))
