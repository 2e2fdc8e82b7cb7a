"""The notes of a sweep: what an interrupted one has done is read back, whatever befell the file."""

from pathlib import Path

import pytest

from harness.explore.job import Job, JobResult
from harness.explore.notes import Notes

FIRST, SECOND = JobResult(Job("Halt", "set"), 7, 21, 0.5), JobResult(Job("IRET", "set", 2), 3, 9)


def write(folder: Path, *results: JobResult) -> Path:
    """The file that an interrupted sweep leaves behind."""
    with Notes(folder, "a") as notes:
        for result in results:
            notes.add(result)
    return folder / "a.progress"


def test_notes_are_read_back(tmp_path: Path) -> None:
    write(tmp_path, FIRST, SECOND)
    with Notes(tmp_path, "a") as notes:
        assert notes.results == [FIRST, SECOND]


@pytest.mark.parametrize("damage", [b'{"job": {"va', b"5\n", b"\xff\xfe\n", b"[]\n", b"{}\n"])
def test_damaged_notes_count_as_far_as_they_go_and_are_mended(
    tmp_path: Path, damage: bytes
) -> None:
    file = write(tmp_path, FIRST)
    file.write_bytes(file.read_bytes() + damage)
    write(tmp_path, SECOND)
    with Notes(tmp_path, "a") as notes:
        assert notes.results == [FIRST, SECOND]


def test_two_sweeps_at_once_have_notes_of_their_own(tmp_path: Path) -> None:
    with Notes(tmp_path, "a") as one, Notes(tmp_path, "a") as other:
        one.add(FIRST)
        other.add(SECOND)
        assert one.stem != other.stem
        assert (one.results, other.results) == ([FIRST], [SECOND])
    with Notes(tmp_path, "a") as notes:
        assert notes.results == [FIRST]


def test_a_sweep_that_ends_leaves_the_notes_of_other_calls(tmp_path: Path) -> None:
    write(tmp_path, FIRST, SECOND)
    with Notes(tmp_path, "a") as notes:
        notes.forget([FIRST.job])
    with Notes(tmp_path, "a") as notes:
        assert notes.results == [SECOND]
        notes.forget([SECOND.job])
    assert not list(tmp_path.iterdir())
