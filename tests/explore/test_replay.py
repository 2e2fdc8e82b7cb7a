"""Replay files: which kind one is, which are refused, and GDB where it matters."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.explore.case import Arrival, Case, Replay, case_text
from harness.explore.replay import check_build, debug_replay, read, replay_case, replay_script
from harness.explore.script import Event, Script, parse
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.rom import Rom

CASE = Case("EnableInterrupts", "clear, 5 pending", (Arrival(2, 4),))
EVENTS = (Event("raise", ("5",)), Event("call", ("EnableInterrupts",)), Event("nmi"))


def test_the_first_line_tells_a_case_from_a_script(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text(case_text(CASE, "bare", "0123"))
    assert read(file) == Replay("bare", "0123", CASE)
    file.write_text(f"# a comment\n{Script('bare', '0123', EVENTS)}")
    assert read(file) == Script("bare", "0123", EVENTS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "its first line is neither 'wedge case' nor 'events BACKEND BUILD'"),
        (b"ELF\n", "its first line is neither"),
        (b"\xff\xfe", "cannot be read"),
        (b"events bare\n", "begins with a line"),
        (b"events bare 12\njump\n", "Line 2: no event is called 'jump'"),
        (b"wedge case\nbackend bare\n", "does not say"),
    ],
)
def test_a_file_that_is_neither_is_refused_by_its_name(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(content)
    with pytest.raises(HarnessError, match=said) as refused:
        read(file)
    assert str(file) in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"none\.case cannot be read"):
        read(tmp_path / "none.case")


@pytest.mark.parametrize(
    "replay", [Replay("bare", "0123abcd", CASE), Script("bare", "0123abcd", EVENTS)]
)
def test_a_replay_of_another_build_is_refused_with_both_ids(replay: Replay | Script) -> None:
    with pytest.raises(HarnessError, match=r"a\.txt.*0123abcd.*4567ef"):
        check_build(replay, "4567ef", Path("a.txt"))


def test_a_case_that_holds_holds_again(roms: Mapping[str, Rom], wedge_guest: GuestFile) -> None:
    assert replay_case(CASE, roms["bare"], wedge_guest, MachineConfig()).complaints == ()


def test_a_script_that_shows_nothing_shows_nothing(
    roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> None:
    script = Script("bare", "", EVENTS)
    assert replay_script(script, roms["bare"], wedge_guest, MachineConfig()) is None


def test_gdb_stands_where_the_last_event_of_a_script_is_about_to_happen(
    roms: Mapping[str, Rom],
    wedge_guest: GuestFile,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    commands = tmp_path / "commands.gdb"
    commands.write_text("stepi\ninfo symbol $eip\n")
    script = parse("events bare 12\nraise 5\ncall EnableInterrupts\n")
    assert debug_replay(script, roms["bare"], wedge_guest, MachineConfig(), commands) == 0
    printed = capfd.readouterr().out
    assert "Event 2, call EnableInterrupts, is about to happen." in printed
    assert "EnableInterrupts + 11 in section .wedge" in printed
