"""Several runs of the suite as a page: a line each, and which tests failed in which of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.report.page import element, page, tag
from harness.report.results import counted
from harness.report.results_html import STYLE, heading, plain
from harness.suite.names import NAME
from harness.suite.show import Run, failures_of, summary

TITLES = ("run", "verdict", "tests", "seconds", "seed", "")


def runs_page(runs: Sequence[Run], times: int, folder: Path) -> str:
    """The page of those of `times` runs that have ended; it is to be in the folder of theirs."""
    title = f"{times} runs of the suite in a row"
    return page(title, STYLE, _body(runs, times, title, folder))


def _body(runs: Sequence[Run], times: int, title: str, folder: Path) -> Iterator[str]:
    verdict, text = summary(runs)
    yield heading(verdict, title)
    yield element("p", text)
    if left := times - len(runs):
        yield element("p", f"{left} of {times} runs have not ended.", class_="note")
    rows = [tag("tr", "".join(element("th", title) for title in TITLES), class_="head")]
    rows += [tag("tr", "".join(_cells(run, folder))) for run in runs]
    yield tag("table", tag("tbody", "\n".join(rows)), class_="list")
    for node, failed in failures_of(runs).items():
        yield element("h2", f"Failed in {len(failed)} of {len(runs)} runs")
        yield tag("p", element("code", plain(node)))
        places = {run.number: Path(run.failures[node] or run.report) for run in failed}
        links = (_link(f"run {number}", place, folder) for number, place in places.items())
        yield tag("ul", "\n".join(tag("li", link) for link in links))


def _cells(run: Run, folder: Path) -> Iterator[str]:
    said = Path(run.report) / f"{NAME}.html"
    to = said if said.exists() else said.with_name("output.txt")
    yield tag("td", _link(str(run.number), to, folder))
    yield element("td", run.verdict, class_=run.verdict)
    yield element("td", counted(run.counts))
    yield element("td", f"{run.seconds:.0f}", class_="num")
    yield element("td", str(run.seed))
    remarks = ("loaded" if run.loaded else "", run.note)
    yield element("td", plain(", ".join(filter(None, remarks))))


def _link(text: str, to: Path, folder: Path) -> str:
    return element("a", text, href=to.relative_to(folder).as_posix())
