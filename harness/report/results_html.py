"""A run of tests as a page: the counts, each failure with its machines, and all other tests."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from harness.report import lanes
from harness.report.log import ERROR, FAIL, PASS
from harness.report.page import element, page, tag
from harness.report.results import (
    SKIP,
    MachineSeen,
    RunResults,
    TestResult,
    counted,
)
from harness.report.steps_html import TIMELINE_STYLE, timeline_body

STYLE = (
    """\
pre { background: var(--band); padding: .5rem .8rem; margin: .3rem 0 .8rem; overflow-x: auto;
  font: 12px/1.4 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre.cause { border-left: 4px solid var(--failed); } pre.wrap { white-space: pre-wrap; }
.error { color: var(--failed); } .skip { color: var(--dim); }
details.test { border-top: 1px solid var(--rule); padding: .35rem 0; }
details.test > summary, details.many > summary, details.log > summary { cursor: pointer;
  padding: .1rem 0; font-size: inherit; color: inherit; }
details.many > summary { font-size: 1.1rem; font-weight: 600; margin: 1.6rem 0 .3rem; }
details.folder { margin-left: 1rem; } details.log > summary { color: var(--dim); }
details.test .in { margin-left: 1.1rem; } h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
table.list { table-layout: auto; width: auto; font-size: 12.5px; }
table.list td, table.list th { padding: .08rem .9rem .08rem 0; white-space: normal; border: 0; }
table.list th { font-size: 12.5px; color: var(--dim); font-weight: 400; vertical-align: top; }
table.list td.num, table.list th.num { text-align: right; }
table.list thead th, table.list tr.head th { border-bottom: 1px solid var(--ink); }
ol.did { font: 12px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; margin: 0; }
.note { border-left: 4px solid var(--recorded); padding: .3rem .8rem; background: var(--band); }
"""
    + TIMELINE_STYLE
    + lanes.STYLE
)

_WORDS = {FAIL: "failed", ERROR: "in error", SKIP: "skipped", PASS: "passed"}
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|[^\n\t\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
"""Colours of terminals, and characters that a page must not have (XML 1.0, 2.2)."""

SLOWEST = 10
"""Tests that are named as the slowest."""

MOST_TEXT = 60_000
"""Characters of a text that are shown; the folder of the failure has it whole."""


def results_page(run: RunResults) -> str:
    """The page of a run."""
    return page(run.title, STYLE, _body(run))


def _body(run: RunResults) -> Iterator[str]:
    yield heading(run.verdict, run.title)
    yield element("p", f"{counted(run.counts)}, {run.seconds:.1f} s")
    if run.note:
        yield element("p", run.note, class_="note")
    yield facts_table(run.facts)
    yield from failures(run.tests)
    yield _folders(run.tests)
    yield from _others(run)
    yield _slowest(run.tests)


def heading(verdict: str, title: str) -> str:
    """The first line of a page: what it is about, and its verdict."""
    return tag("h1", f"{element('span', verdict, class_=verdict)} {element('span', title)}")


def failures(tests: Iterable[TestResult]) -> Iterator[str]:
    """Each test that did not hold, with all that is known; open, for that is why one comes here."""
    wrong = [test for test in tests if test.verdict in (FAIL, ERROR)]
    for verdict in (FAIL, ERROR):
        group = [test for test in wrong if test.verdict == verdict]
        if group:
            inner = "\n".join(_failure(test) for test in group)
            title = f"{_WORDS[verdict].capitalize()}: {len(group):,}"
            yield _many(title, inner, opened=True)


def facts_table(facts: Sequence[tuple[str, str]]) -> str:
    """Titles and values, a line each."""
    rows = (tag("tr", element("th", title) + element("td", plain(text))) for title, text in facts)
    return tag("table", tag("tbody", "\n".join(rows)), class_="list") if facts else ""


def plain(text: str) -> str:
    """A text without what a page cannot show; the end of it when it is long."""
    shown = _CONTROL.sub("", text.replace("\r\n", "\n"))
    left_out = len(shown) - MOST_TEXT
    return (
        shown if left_out <= 0 else f"... {left_out:,} characters before this\n{shown[left_out:]}"
    )


def _failure(test: TestResult) -> str:
    verdict = element("span", test.verdict, class_=test.verdict)
    name = element("code", plain(test.node))
    summary = tag("summary", f"{verdict} {name} " + _seconds(test))
    parts = []
    if cause := _cause(test.text):
        parts.append(element("pre", plain(cause), class_="cause wrap"))
    if test.command:
        parts.append(tag("p", "in GDB, where it failed: " + element("code", test.command)))
    if test.folder:
        link = element("a", test.folder, href=f"{test.folder}/")
        parts.append(tag("p", f"all that is needed to look into it: {link}"))
    if test.text:
        parts.append(_log("the failure in full", test.text, opened=True))
    parts += [_machine(machine) for machine in test.machines]
    parts += [_log(title, text, opened=False) for title, text in test.sections]
    inner = tag("div", "\n".join(parts), class_="in")
    return tag("details", summary + inner, class_="test", open="open")


def _cause(text: str) -> str:
    """The lines of pytest's text that say what was wrong."""
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return "\n".join(lines[:30])


def _machine(machine: MachineSeen) -> str:
    parts = [element("h3", f"The machine of {machine.name}"), facts_table(machine.facts)]
    if machine.did:
        items = "\n".join(element("li", plain(line)) for line in machine.did)
        parts.append(element("h3", "What the test did to it"))
        parts.append(tag("ol", items, class_="did"))
    if machine.timeline is not None:
        parts.append(element("h3", "The same once more, one instruction at a time"))
        parts += timeline_body(machine.timeline)
    if machine.state:
        parts.append(_log("registers", machine.state, opened=machine.timeline is None))
    for title, text in machine.logs.items():
        parts.append(_log(title, text, opened=title in machine.said))
    if machine.command_line:
        parts.append(_log("QEMU's command line", machine.command_line, opened=True, wrap=True))
    return "\n".join(part for part in parts if part)


def _log(title: str, text: str, opened: bool, wrap: bool = False) -> str:
    content = element("summary", title)
    content += element("pre", plain(text), class_="wrap" if wrap else None)
    return tag("details", content, class_="log", open="open" if opened else None)


def _folders(tests: Sequence[TestResult]) -> str:
    """The counts by folder."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: Counter[str] = Counter()
    for test in tests:
        counts[test.place][test.verdict] += 1
        seconds[test.place] += test.seconds  # type: ignore[assignment]
    shown = [
        verdict for verdict in (PASS, FAIL, ERROR, SKIP) if any(counts[p][verdict] for p in counts)
    ]
    titles = element("th", "folder") + "".join(_number("th", _WORDS[v]) for v in shown)
    rows = [tag("tr", titles + _number("th", "seconds"), class_="head")]
    for place in sorted(counts):
        cells = element("td", plain(place))
        cells += "".join(_count(verdict, counts[place][verdict]) for verdict in shown)
        rows.append(tag("tr", cells + _number("td", f"{seconds[place]:.1f}")))
    table = tag("table", tag("tbody", "\n".join(rows)), class_="list")
    return element("h2", "By folder") + table if tests else ""


def _count(verdict: str, count: int) -> str:
    wrong = count and verdict in (FAIL, ERROR)
    return _number("td", f"{count:,}" if count else "", f" {verdict}" if wrong else "")


def _number(name: str, text: str, more: str = "") -> str:
    return element(name, text, class_=f"num{more}")


def _others(run: RunResults) -> Iterator[str]:
    """The tests that were skipped, with their reasons, and those that passed."""
    skipped = run.of(SKIP)
    if skipped:
        rows = (
            tag("tr", element("td", plain(t.node)) + element("td", plain(t.text))) for t in skipped
        )
        yield _many(f"Skipped: {len(skipped):,}", _listed(rows), opened=False)
    passed = run.of(PASS)
    if passed:
        folders: dict[str, list[TestResult]] = defaultdict(list)
        for test in passed:
            folders[test.place].append(test)
        inner = "\n".join(_folder(place, folders[place]) for place in sorted(folders))
        yield _many(f"Passed: {len(passed):,}", inner, opened=False)


def _folder(place: str, tests: Sequence[TestResult]) -> str:
    content = element("summary", f"{place}: {len(tests):,}") + _listed(map(_row, tests))
    return tag("details", content, class_="folder")


def _slowest(tests: Sequence[TestResult]) -> str:
    slow = sorted(tests, key=lambda test: test.seconds, reverse=True)[:SLOWEST]
    if not slow:
        return ""
    return _many(f"The slowest {len(slow)}", _listed(map(_row, slow)), opened=False)


def _row(test: TestResult) -> str:
    return tag("tr", _number("td", f"{test.seconds:.2f} s") + element("td", plain(test.node)))


def _listed(rows: Iterable[str]) -> str:
    return tag("table", tag("tbody", "\n".join(rows)), class_="list")


def _many(title: str, content: str, opened: bool) -> str:
    inner = element("summary", title) + content
    return tag("details", inner, class_="many", open="open" if opened else None)


def _seconds(test: TestResult) -> str:
    return element("span", f"{test.seconds:.2f} s", class_="dim")
