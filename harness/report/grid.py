"""The map of a sweep as a page: instructions down, what arrives across, colour by outcome."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.report.page import element, page, tag

AT_ONCE, LATER, RECORDED, REQUESTED, WRONG = (
    *("delivered at once", "delivered later", "recorded", "requested", "wrong"),
)
"""What becomes of an arrival: its handler is entered right there; or before the call has returned;
at the end the ROM has accepted it and it waits; it waits in the 8259; a check does not hold."""

KINDS = (AT_ONCE, LATER, RECORDED, REQUESTED, WRONG)
"""From the best to the worst, of which the worst is shown where several come together."""

_LOOKS: Mapping[str, tuple[str, str, str]] = {
    AT_ONCE: ("o", "\N{BLACK CIRCLE}", "its handler is entered at this very instruction"),
    LATER: (
        "l",
        "\N{CIRCLE WITH LEFT HALF BLACK}",
        "its handler is entered further on in the call",
    ),
    RECORDED: ("r", "\N{WHITE CIRCLE}", "the ROM has accepted it, and it waits until enabled"),
    REQUESTED: ("q", "\N{WHITE DIAMOND}", "it waits in the 8259 behind what was accepted before"),
    WRONG: ("x", "\N{MULTIPLICATION X}", "a check does not hold"),
}
"""Of each kind: class, sign, and what it says in the legend."""

_STYLE = """\
.legend { margin: .8rem 0; padding: 0; }
.legend li { display: inline-block; margin: 0 1.6rem .3rem 0; } .legend b { margin-right: .4rem; }
.o { --k: var(--once); } .l { --k: var(--later); } .r { --k: var(--recorded); }
.q { --k: var(--waits); } .x { --k: var(--failed); }
td.o, td.l, td.r, td.q, td.x, .legend b { background: var(--k); color: #000; text-align: center;
  min-width: 1.35rem; display: table-cell; line-height: 1.2; }
.legend b { display: inline-block; width: 1.35rem; font-weight: 400; }
td.x, .legend b.x { color: #fff; font-weight: 700; outline: 2px solid var(--ink);
  outline-offset: -2px; } td.x a { text-decoration: none; color: #fff; }
table { font-size: 12px; } td, th { padding: 0 .3rem; white-space: nowrap; }
table.map td { border: 1px solid var(--paper); } table.map th { font-weight: 400; }
table.map thead th { color: var(--dim); text-align: center; white-space: normal;
  vertical-align: bottom; line-height: 1.2; }
col.start { border-left: 5px solid var(--paper); }
table.map tr.label td { border-top: 7px solid var(--paper); }
tr:hover td { background-color: color-mix(in srgb, var(--band) 60%, transparent); }
tr:hover td.o, tr:hover td.l, tr:hover td.r, tr:hover td.q, tr:hover td.x
  { background: var(--k); box-shadow: inset 0 2px var(--ink), inset 0 -2px var(--ink); }
.at { color: var(--dim); text-align: right; } .where { font-weight: 600; }
.text { max-width: 26rem; overflow: hidden; text-overflow: ellipsis; padding-right: 1rem; }
.index td, .index th { text-align: right; padding: .05rem .7rem; }
.index td:first-child, .index th:first-child { text-align: left; }
.share { display: flex; width: 16rem; height: .9rem; } .share i { background: var(--k); }
.failures li { margin: .4rem 0; } section { overflow-x: auto; } tr { break-inside: avoid; }
@page { size: landscape; }
"""


@dataclass(frozen=True)
class Row:
    """An instruction: its label and the distance from it, its text, and an outcome a column.

    An outcome is one of KINDS, or None where nothing arrived. `links` leads from a column to the
    page of a case in which a check did not hold there.
    """

    label: str
    distance: str
    text: str
    cells: tuple[str | None, ...]
    links: Mapping[int, str]


@dataclass(frozen=True)
class CallMap:
    """A call: figures, the columns as a start and what arrives, and its rows in their order."""

    name: str
    points: int
    cases: int
    failures: int
    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]

    @property
    def counts(self) -> Counter[str]:
        """How many cells have each outcome."""
        return Counter(cell for row in self.rows for cell in row.cells if cell is not None)


@dataclass(frozen=True)
class SweepMap:
    """A whole sweep. `facts` are sentences; `failures` are a case, its complaints, and a link."""

    title: str
    verdict: str
    facts: tuple[str, ...]
    calls: tuple[CallMap, ...]
    failures: tuple[tuple[str, tuple[str, ...], str], ...] = ()


def worst(kinds: Sequence[str]) -> str:
    """The outcome to show for several at one place."""
    return max(kinds, key=KINDS.index)


def map_page(sweep: SweepMap) -> str:
    """The page of a map."""
    return page(sweep.title, _STYLE, _body(sweep))


def _body(sweep: SweepMap) -> Iterator[str]:
    verdict = element("span", sweep.verdict, class_=sweep.verdict)
    yield tag("h1", f"{verdict} {element('span', sweep.title)}")
    for fact in sweep.facts:
        yield element("p", fact, class_="dim")
    yield _legend(sweep)
    if sweep.failures:
        yield element("h2", "Failures")
        items = (
            tag("li", tag("a", element("code", case), href=link) + "".join(_sentences(complaints)))
            for case, complaints, link in sweep.failures
        )
        yield tag("ol", "\n".join(items), class_="failures")
    yield _index(sweep)
    for number, call in enumerate(sweep.calls):
        yield _section(number, call)


def _sentences(complaints: Sequence[str]) -> Iterator[str]:
    return (tag("br") + element("span", complaint) for complaint in complaints)


def _legend(sweep: SweepMap) -> str:
    total = sum((call.counts for call in sweep.calls), Counter[str]())
    items = []
    for kind, (short, sign, said) in _LOOKS.items():
        name = element("span", f"{kind}: {said} ", title=f"{total[kind]:,} places")
        items.append(tag("li", element("b", sign, class_=short) + name))
    return tag("ul", "\n".join(items), class_="legend")


def _index(sweep: SweepMap) -> str:
    titles = ("call", "points", "cases", "failures", "")
    rows = [tag("tr", "".join(element("th", title) for title in titles))]
    for number, call in enumerate(sweep.calls):
        figures = (f"{figure:,}" for figure in (call.points, call.cases, call.failures))
        cells = tag("td", element("a", call.name, href=f"#call-{number}"))
        cells += "".join(element("td", figure) for figure in figures)
        rows.append(tag("tr", cells + tag("td", _share(call))))
    return tag("table", tag("tbody", "\n".join(rows)), class_="index")


def _share(call: CallMap) -> str:
    counts = call.counts
    total = max(counts.total(), 1)
    parts = (
        tag("i", class_=_LOOKS[kind][0], style=f"width:{100 * counts[kind] / total:.1f}%")
        for kind in KINDS
        if counts[kind]
    )
    said = ", ".join(f"{counts[kind]:,} {kind}" for kind in KINDS if counts[kind])
    return tag("span", "".join(parts), class_="share", title=said)


def _section(number: int, call: CallMap) -> str:
    figures = f"{call.points:,} points, {call.cases:,} cases, {call.failures} failures"
    heading = element("span", f"{call.name} ") + element("small", figures, class_="dim")
    columns, groups, arrivals = [tag("col") * 2], [tag("th", colspan=2)], [tag("th", colspan=2)]
    for start, group in groupby(call.columns, key=lambda column: column[0]):
        lines = [line for _, line in group]
        columns += [tag("col", class_="start"), tag("col") * (len(lines) - 1)]
        groups.append(element("th", start, colspan=len(lines)))
        arrivals += [element("th", _short(line), title=line) for line in lines]
    head = tag("tr", "".join(groups)) + tag("tr", "".join(arrivals))
    labels = [None, *(row.label for row in call.rows)]
    body = "\n".join(
        _row(row, row.label != before) for row, before in zip(call.rows, labels[:-1], strict=True)
    )
    table = tag("colgroup", "".join(columns)) + tag("thead", head) + tag("tbody", body)
    content = tag("h2", heading) + tag("table", table, class_="map")
    return tag("section", content, id=f"call-{number}")


def _short(arrival: str) -> str:
    return "NMI" if arrival == "nmi" else arrival.removeprefix("line ")


def _row(row: Row, begins: bool) -> str:
    """A row; the label is written where it begins."""
    label = element("span", row.label, class_="where") if begins else ""
    cells = [tag("td", label + row.distance, class_="at"), element("td", row.text, class_="text")]
    cells += (_cell(kind, row.links.get(column)) for column, kind in enumerate(row.cells))
    return tag("tr", "".join(cells), class_="label" if begins else None)


def _cell(kind: str | None, link: str | None) -> str:
    if kind is None:
        return "<td></td>"
    short, sign, _ = _LOOKS[kind]
    content = element("a", sign, href=link) if link else sign
    return tag("td", content, class_=short)
