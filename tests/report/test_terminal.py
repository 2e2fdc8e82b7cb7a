"""What a person sees of a boot, with and without colours, block characters and a found ROM."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.report.log import Check, Event, Log
from harness.report.terminal import show_bound, show_header, show_log, show_trouble, shown

ROM: Mapping[str, Any] = {
    "name": "bare-3.0",
    "path": "/roms/bare-3.0.rom",
    "size": 5632,
    "base": 0xC3000,
    "block_base": 0xE7410,
    "block": {"size": 6192, "pages": 2},
    "blocks": 1,
}
MACHINE: Mapping[str, Any] = {
    **{"machine": "pc", "memory": 32, "smp": 1},
    **{"qemu": "7.2.22", "accel": "tcg"},
}
GUEST: Mapping[str, Any] = {"path": "/guests/checks.elf", "kind": "multiboot"}


class Paper:
    """A console that writes to memory."""

    def __init__(
        self, encoding: str = "utf-8", terminal: bool | None = None, **environment: str
    ) -> None:
        self._bytes = io.BytesIO()
        file = io.TextIOWrapper(self._bytes, encoding=encoding, write_through=True)
        environment = {"TERM": "xterm"} | environment
        self.console = Console(file=file, width=80, force_terminal=terminal, _environ=environment)

    @property
    def text(self) -> str:
        return self._bytes.getvalue().decode("utf-8")


def a_log(*verdicts: str) -> Log:
    checks = [Check(f"a/{index}", verdict, "why") for index, verdict in enumerate(verdicts)]
    return Log(checks, [Event("masked", "here", False, True, (), None, "")])


def test_the_header_is_three_lines() -> None:
    paper = Paper()
    show_header(paper.console, ROM, MACHINE, {**GUEST, "bound": 21, "calls": 74})
    assert paper.text.splitlines() == [
        "bare-3.0  /roms/bare-3.0.rom  5632 bytes, at C3000, RAM at E7410: 6192 bytes on 2 pages",
        "machine  pc, 32 MiB, 1 processor, QEMU 7.2.22, tcg",
        "guest  /guests/checks.elf, multiboot, 21 of 74 calls bound",
    ]


def test_a_rom_of_another_kit_has_no_name_and_a_lost_one_no_place() -> None:
    paper = Paper()
    show_header(paper.console, {"path": "/x.rom", "size": 512}, {**MACHINE, "smp": 2}, GUEST)
    assert paper.text.splitlines() == [
        "ROM  /x.rom  512 bytes, place not known",
        "machine  pc, 32 MiB, 2 processors, QEMU 7.2.22, tcg",
        "guest  /guests/checks.elf, multiboot",
    ]


def test_one_page_is_no_pages() -> None:
    paper = Paper()
    show_header(paper.console, {**ROM, "block": {"size": 368, "pages": 1}}, MACHINE, GUEST)
    assert "368 bytes on 1 page\n" in paper.text


def test_more_than_one_processor_have_a_block_each() -> None:
    paper = Paper()
    show_header(paper.console, {**ROM, "blocks": 3}, {**MACHINE, "smp": 4}, GUEST)
    assert "6192 bytes on 2 pages for each of 3 processors\n" in paper.text


def test_names_in_brackets_are_no_markup() -> None:
    paper = Paper()
    show_header(paper.console, {**ROM, "path": "/[red]/x"}, MACHINE, {**GUEST, "path": "[/]"})
    show_log(paper.console, Log([Check("[bold]", "pass", "[/dim]")]))
    show_trouble(paper.console, "[red]")
    for text in ("/[red]/x", "guest  [/],", "  pass  [bold]  [/dim]", "\n[red]\n"):
        assert text in paper.text


@pytest.mark.parametrize(
    ("verdicts", "last"),
    [
        (("pass", "pass"), "pass  2 checks, 0 failed"),
        (("pass", "fail"), "fail  2 checks, 1 failed"),
        (("error", "fail"), "error  2 checks, 2 failed"),
    ],
    ids="-".join,
)
def test_each_check_is_a_line_and_the_last_counts_them(verdicts: tuple[str], last: str) -> None:
    paper = Paper()
    show_log(paper.console, a_log(*verdicts))
    lines = paper.text.splitlines()
    wanted = [f"  {verdict:5} a/{index}  why" for index, verdict in enumerate(verdicts)]
    assert lines[1 : 1 + len(wanted)] == wanted
    assert "the seed case" in lines
    assert lines[-1] == last


def a_call(number: int, kind: str, asked: bool, calls: int | None) -> Mapping[str, Any]:
    name = f"Call{number}"
    return {"number": number, "name": name, "type": kind, "asked": asked, "calls": calls}


def test_the_calls_asked_for_are_a_line_each() -> None:
    paper = Paper()
    calls = [
        a_call(1, "CALL_REL", True, None),
        a_call(2, "CALL_REL", False, None),
        a_call(10, "NONE", True, None),
    ]
    show_bound(paper.console, calls, "")
    assert paper.text.splitlines() == [
        *("", "calls that the guest asked for"),
        *("    1  Call1   CALL_REL", "   10  Call10  NONE"),
    ]


def test_what_was_counted_stands_beside_and_the_most_fits() -> None:
    paper = Paper()
    calls = [
        a_call(1, "CALL_REL", True, 1_234_567),
        a_call(2, "JUMP_REL", False, 1),
        a_call(3, "CALL_REL", False, 0),
        a_call(4, "NONE", True, 0),
    ]
    show_bound(paper.console, calls, "")
    assert paper.text.splitlines()[2:] == [
        *("    1  Call1  CALL_REL    1,234,567", "    2  Call2  JUMP_REL            1"),
        "    4  Call4  NONE",
    ]


def test_a_call_that_the_rom_does_not_provide_is_dim() -> None:
    paper = Paper(terminal=True)
    show_bound(paper.console, [a_call(4, "NONE", True, None)], "")
    assert "\x1b[2m    4  Call4  NONE\x1b[0m" in paper.text


@pytest.mark.parametrize(("note", "said"), [("", "none"), ("[Why] not.", "[Why] not.")])
def test_a_guest_that_bound_nothing_is_told_so(note: str, said: str) -> None:
    paper = Paper()
    show_bound(paper.console, [a_call(1, "CALL_REL", False, None)], note)
    assert paper.text.splitlines()[2:] == [f"  {said}"]


def test_long_lines_are_not_cut_or_wrapped() -> None:
    paper = Paper()
    show_log(paper.console, Log([Check("a/check", "fail", "word " * 50 + "end")]))
    show_trouble(paper.console, "command line: " + "x " * 100)
    assert "  fail  a/check  " + "word " * 50 + "end\n" in paper.text
    assert "command line: " + "x " * 99 + "x" in paper.text


def test_no_trouble_shows_nothing() -> None:
    paper = Paper()
    show_trouble(paper.console, "")
    assert paper.text == ""


def test_an_output_without_block_characters_gets_plain_ones() -> None:
    paper = Paper(encoding="ascii")
    show_log(paper.console, a_log("pass"))
    assert "  virtual IF  ________" in paper.text.splitlines()
    assert "  real IF     --------" in paper.text.splitlines()


def test_what_is_no_terminal_gets_no_escape_codes() -> None:
    paper = Paper()
    show_header(paper.console, ROM, MACHINE, GUEST)
    show_log(paper.console, a_log("pass", "fail"))
    assert "\x1b" not in paper.text


def test_a_terminal_gets_verdicts_in_colours() -> None:
    paper = Paper(terminal=True)
    show_log(paper.console, a_log("pass", "fail", "error"))
    for verdict, colour in (("pass ", 32), ("fail ", 31), ("error", 33)):
        assert re.search(rf"\x1b\[(1;)?{colour}m{verdict}\x1b\[0m a/", paper.text)


def test_no_color_keeps_a_terminal_without_colours() -> None:
    paper = Paper(terminal=True, NO_COLOR="1")
    show_log(paper.console, a_log("pass", "fail"))
    assert "fail" in paper.text
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", paper.text)


def test_a_path_below_the_current_folder_is_shown_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "build" / "x.rom") == "build/x.rom"
    assert shown(str(tmp_path / "x.rom")) == "x.rom"
    assert shown("/elsewhere/x.rom") == "/elsewhere/x.rom"
