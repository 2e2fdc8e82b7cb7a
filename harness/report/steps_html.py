"""The timeline of a case as a page: what was wrong, the lanes, and each step."""

from collections.abc import Iterator

from harness.report import lanes
from harness.report.page import element, page, tag
from harness.report.steps import CaseTimeline, Fold, Step, folded

TIMELINE_STYLE = """\
.complaints { border-left: 4px solid var(--failed); padding: .3rem .8rem; margin: .6rem 0;
  background: var(--band); }
table { table-layout: fixed; width: 100%; font-size: 12.5px; border-collapse: separate;
  border-spacing: 0; }
td, th { padding: 1px 8px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
th { border-bottom: 1px solid var(--ink); font-size: 12px; }
.n { width: 3rem; text-align: right; color: var(--dim); } .at { width: 14rem; }
.flag { width: 5.2rem; } .set { width: 5.4rem; }
td.on, td.off { border: 0 solid transparent; border-width: 0 3px; }
td.on { border-right-color: var(--once); } td.off { border-left-color: var(--rule); }
td.real.on { border-right-color: var(--real); }
tr.guest td.at { color: var(--dim); }
tr.mark td { padding-top: 5px; font-weight: 600; } tr.mark.arrives td { color: var(--failed); }
tr.of-arrival td { background: var(--band); }
summary { padding: 1px 8px 1px 4rem; color: var(--dim); font-size: 12.5px; cursor: pointer; }
.ending { padding-left: 4rem; font-weight: 600; margin: .6rem 0; }
"""

_COLUMNS = (
    *(
        ("n", ""),
        ("at", "at"),
        ("text", "instruction"),
        ("flag", "virtual IF"),
        ("flag", "real IF"),
    ),
    *(("set", title) for title in ("pending", "requested", "in service", "handler")),
)
_HEAD = tag("colgroup", "".join(tag("col", class_=kind) for kind, _ in _COLUMNS))


def timeline_page(timeline: CaseTimeline) -> str:
    """The page of a timeline."""
    return page(timeline.title, TIMELINE_STYLE + lanes.STYLE, _body(timeline))


def _body(timeline: CaseTimeline) -> Iterator[str]:
    failed = bool(timeline.complaints)
    verdict = element("span", "fail" if failed else "pass", class_="fail" if failed else "pass")
    yield tag("h1", f"{verdict} {element('span', timeline.title)}")
    if failed:
        complaints = "".join(element("p", complaint) for complaint in timeline.complaints)
        yield tag("div", complaints, class_="complaints")
    for fact in timeline.facts:
        yield element("p", fact, class_="dim")
    if timeline.command:
        yield tag("p", element("code", timeline.command))
    yield from timeline_body(timeline)


def timeline_body(timeline: CaseTimeline) -> Iterator[str]:
    """The lanes and the steps of a timeline, for a page that has TIMELINE_STYLE and lanes.STYLE."""
    items = folded(timeline.steps, timeline.arrivals)
    yield lanes.lanes(items, timeline.arrivals)
    titles = "".join(element("th", title, class_=kind) for kind, title in _COLUMNS)
    rows = [tag("tr", titles)]
    for item in items:
        if not isinstance(item, Fold):
            number, step = item
            rows += _rows(number, step, number in timeline.arrivals)
            continue
        yield _table(rows)
        rows = []
        inner = [row for i, step in enumerate(item.steps) for row in _rows(item.first + i, step)]
        summary = element("summary", f"\N{HORIZONTAL ELLIPSIS} {item.what}")
        yield tag("details", summary + _table(inner))
    yield _table(rows)
    yield element("p", timeline.ending, class_="ending")
    yield element(
        "p",
        "Each row is the state before its instruction. Pending: vectors that the ROM has accepted "
        "and not delivered. Requested, in service: lines of the two 8259s.",
        class_="dim",
    )


def _table(rows: list[str]) -> str:
    return tag("table", _HEAD + tag("tbody", "\n".join(rows))) if rows else ""


def _rows(number: int, step: Step, arrives: bool = False) -> Iterator[str]:
    marks = ["further turns of the loop"] * step.after_loop + list(step.marks)
    for mark in marks:
        kind = "mark arrives" if mark.endswith("arrives") else "mark"
        wide = tag("td") + element("td", mark, colspan=len(_COLUMNS) - 1)
        yield tag("tr", wide, class_=kind)
    text = element("span", step.text)
    if step.comment:
        text += " " + element("span", f"# {step.comment}", class_="dim")
    cells = [
        element("td", str(number), class_="n"),
        element("td", step.where, class_="at", title=step.source or None),
        tag("td", text, title=step.comment or None),
        _flag(step.virtual_if, ""),
        _flag(step.real_if, " real"),
        element("td", " ".join(f"{vector:x}" for vector in step.pending)),
        element("td", " ".join(str(line) for line in step.requested)),
        element("td", " ".join(str(line) for line in step.in_service)),
        element("td", " ".join(f"{vector:x}" for vector in step.handlers)),
    ]
    kinds = ["guest"] * (not step.of_rom) + ["of-arrival"] * arrives
    yield tag("tr", "".join(cells), class_=" ".join(kinds) or None)


def _flag(on: bool, kind: str) -> str:
    return element("td", "set" if on else "clear", class_=("on" if on else "off") + kind)
