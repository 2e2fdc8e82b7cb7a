"""A diagnosis as a person reads it: a line a check, under the answer of who makes the checks."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from harness.doctor.check import NOTE, Check, Diagnosis, Group
from harness.report.log import FAIL, PASS

_COLOUR = {PASS: "green", FAIL: "bold red", NOTE: "yellow"}


def show_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    """Each group of checks, then what a real boot showed, then the verdict."""
    for group in diagnosis.groups:
        _show_group(console, group)
    if diagnosis.placed:
        _title(console, "What is in memory after POST")
        for placed in diagnosis.placed:
            _line(console, f"  {placed.base:05X}  {placed.size:6} bytes  {placed.what}")
        console.print()
    if diagnosis.said:
        _title(console, "What SeaBIOS's log says")
        width = max(len(said.line) for said in diagnosis.said)
        for said in diagnosis.said:
            _line(console, f"  {said.line:{width}}  {said.meaning}")
        console.print()
    checks = [check for group in diagnosis.groups for check in group.checks]
    count = {kind: sum(check.verdict == kind for check in checks) for kind in (FAIL, NOTE)}
    colour = _COLOUR[diagnosis.verdict]
    console.print(
        f"[{colour}]{diagnosis.verdict}[/]  {len(checks)} checks, {count[FAIL]} failed, "
        f"{count[NOTE]} notes",
        highlight=False,
    )


def _show_group(console: Console, group: Group) -> None:
    _title(console, group.answer, FAIL if group.refused else PASS)
    names = [check.id.partition("/")[2] for check in group.checks]
    width, value = _width(names), _width([check.value for check in group.checks])
    offsets = any(check.offset is not None for check in group.checks)
    for name, check in zip(names, group.checks, strict=True):
        colour = _COLOUR[check.verdict]
        place = "" if check.offset is None else f"{check.offset:#06x}"
        middle = f"{place:6}  " if offsets else ""
        middle += f"{name:{width}}  {check.value:{value}}  {_remark(check, group)}"
        console.print(
            f"  [{colour}]{check.verdict:4}[/]  {escape(_printable(console, middle.rstrip()))}",
            highlight=False,
            soft_wrap=True,
        )
    console.print()


def _remark(check: Check, group: Group) -> str:
    """What was wanted, what it means, and what to do, as far as it is not said already."""
    if check.verdict == PASS:
        return check.detail
    wanted = f"wanted {check.wanted}." if check.wanted else ""
    detail = "" if check is group.refused else check.detail  # it stands in the group's answer
    return " ".join(part for part in (wanted, detail, check.advice) if part)


def _width(texts: Sequence[str]) -> int:
    return max((len(text) for text in texts), default=0)


def _title(console: Console, text: str, verdict: str = "") -> None:
    style = _COLOUR.get(verdict, "bold")
    console.print(
        _printable(console, text), style=style, markup=False, highlight=False, soft_wrap=True
    )


def _line(console: Console, text: str) -> None:
    console.print(_printable(console, text.rstrip()), markup=False, highlight=False, soft_wrap=True)


def _printable(console: Console, text: str) -> str:
    """The text as this console can show it; names of files may hold any bytes."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean.encode(console.encoding, "replace").decode(console.encoding)
