"""The timeline of a case as text: a line a step, and above it what happened before it."""

from collections.abc import Sequence

from harness.report.steps import CaseTimeline, Fold, Shown, Step, folded

WIDTH = 100
"""Columns that a line has at the most."""

_NUMBER, _GAP = 4, 2
_SIGNS = {True: ("\N{RIGHTWARDS ARROW}", "\N{HORIZONTAL ELLIPSIS}"), False: ("->", "...")}
ARROWS = ("\N{RIGHTWARDS ARROW}", "-")
"""What a line begins with that says what happened."""

_TITLES = ("vIF", "IF", "pending", "req", "serv", "handler")
_LEGEND = (
    "vIF: virtual IF; IF: the real one; pending: vectors recorded;",
    "req, serv: lines that the 8259s have requested and in service",
)
MOST_PLACE = 26
"""Columns of a place that are shown."""


def timeline_text(
    timeline: CaseTimeline, items: Sequence[Shown | Fold] | None = None, utf: bool = True
) -> list[str]:
    """The lines of a timeline's table, and how it ended.

    items: show these alone, some of what `folded` answers. utf: the output has more than ASCII.
    """
    shown = folded(timeline.steps, timeline.arrivals) if items is None else items
    rows = [(str(n), *_cells(step)) for n, step in (i for i in shown if not isinstance(i, Fold))]
    widths = [max(map(len, column)) for column in zip(("", "at", "", *_TITLES), *rows, strict=True)]
    widths[0], widths[1] = _NUMBER, min(widths[1], MOST_PLACE)
    widths[2] = min(widths[2], WIDTH - sum(widths[:2] + widths[3:]) - _GAP * (len(widths) - 1))
    lines = [_line(("", "at", "instruction", *_TITLES), widths)]
    arrow, dots = _SIGNS[utf]
    margin = " " * (_NUMBER + _GAP)
    for item in shown:
        if isinstance(item, Fold):
            lines.append(f"{margin}{dots} {item.what}"[:WIDTH])
            continue
        number, step = item
        lines += [f"{margin}{dots} further turns of the loop"] * step.after_loop
        lines += [f"{margin}{arrow} {mark}" for mark in step.marks]
        lines.append(_line((str(number), *_cells(step)), widths))
    last = shown[-1] if shown else None
    if last is None or isinstance(last, Fold) or last[0] < len(timeline.steps) - 1:
        lines.append(f"{margin}{dots} and so on, {len(timeline.steps)} instructions in all")
    return [*lines, f"{margin}{timeline.ending}", "", *(margin + line for line in _LEGEND)]


def _cells(step: Step) -> tuple[str, ...]:
    return (
        step.where,
        step.text,
        "set" if step.virtual_if else "-",
        "set" if step.real_if else "-",
        " ".join(f"{vector:x}" for vector in step.pending),
        " ".join(str(line) for line in step.requested),
        " ".join(str(line) for line in step.in_service),
        " ".join(f"{vector:x}" for vector in step.handlers),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    number = cells[0].rjust(widths[0])
    rest = (cell[:width].ljust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return (" " * _GAP).join((number, *rest)).rstrip()
