"""Cases as text: what a replay file says, and which ones are refused."""

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.explore.case import NMI, Arrival, Case, case_text, read_replay

CASE = Case("IRET(kernel, IF set)", "clear, 5 pending", (Arrival(3, 9), Arrival(20, NMI)))


def test_a_replay_file_says_what_was_written(tmp_path: Path) -> None:
    file = tmp_path / "a.case"
    file.write_text(case_text(CASE, "bare", "0123", ["vector 25 is lost", "build 9"]))
    replay = read_replay(file)
    assert (replay.backend, replay.build_id, replay.case) == ("bare", "0123", CASE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing of the kind\n", "its first line"),
        ("wedge case\nbackend bare\n", "does not say: build, call, start"),
        ("wedge case\nbackend bare\nbuild 1\ncall Halt\nstart set\n", "does not say: arrival"),
        ("wedge case\narrival 3 line x\n", ":2: 'arrival 3 line x'"),
        ("wedge case\n\ncolour red\n", ":3: 'colour red'"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.case"
    file.write_text(text)
    with pytest.raises(HarnessError, match=said):
        read_replay(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="cannot be read"):
        read_replay(tmp_path / "none.case")


def test_a_call_that_went_wrong_by_itself_has_a_replay_file_too(tmp_path: Path) -> None:
    case = Case("Halt", "set", ())
    file = tmp_path / "a.case"
    file.write_text(case_text(case, "bare", "0123"))
    assert read_replay(file).case == case
