"""Whatever the file holds, there is an answer: no content makes a traceback."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from harness.doctor.check import Diagnosis
from harness.doctor.examine import READ_LIMIT, examine, read_rom
from harness.doctor.show import show_diagnosis
from harness.errors import HarnessError
from rom.backends import BACKENDS
from rom.image import Image, build_image
from tests.doctor.samples import network_card, plain

OURS = build_image(BACKENDS["native"]).content
SAMPLES = (OURS, plain(), network_card(), network_card(3, last=0) * 3)
CHANGES = st.lists(st.tuples(st.integers(0, 0x200), st.binary(min_size=1, max_size=4)), max_size=8)


def answered(path: Path) -> Diagnosis:
    """Diagnose a file and show it on a terminal that knows ASCII alone, and as JSON."""
    diagnosis = examine(path)
    shown = io.BytesIO()
    terminal = io.TextIOWrapper(shown, "ascii", write_through=True)
    show_diagnosis(Console(file=terminal, width=80), diagnosis)
    assert b"\x1b" not in shown.getvalue()
    json.dumps(diagnosis.as_data()).encode()
    for group in diagnosis.groups:
        assert group.checks
        assert group.answer.endswith(".")
        assert all(check.detail for check in group.checks if check.verdict != "pass")
    return diagnosis


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "any.rom"


@given(st.binary(min_size=1, max_size=2048))
@settings(deadline=None, max_examples=40)
def test_any_bytes_are_answered(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    answered(file)


@given(st.binary(max_size=600).map(lambda tail: b"\x55\xaa" + tail))
@settings(deadline=None, max_examples=40)
def test_any_bytes_behind_a_signature_are_answered(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    answered(file)


@given(st.sampled_from(SAMPLES), CHANGES, st.integers(1, len(OURS)))
@settings(deadline=None, max_examples=40)
def test_a_rom_with_a_few_bytes_changed_or_cut_off_is_answered(
    file: Path, image: bytes, changes: list[tuple[int, bytes]], length: int
) -> None:
    content = bytearray(image)
    for offset, data in changes:
        content[offset : offset + len(data)] = data
    file.write_bytes(content[:length])
    answered(file)


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=40)
def test_any_bytes_in_the_files_beside_it_are_answered(
    images: Mapping[str, Image], file: Path, content: bytes
) -> None:
    beside = file.with_name("ours.rom")
    beside.write_bytes(OURS)
    beside.with_suffix(".json").write_bytes(content)
    beside.with_suffix(".elf").write_bytes(images["native"].symbols[:60] + content)
    answered(beside)


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge.rom"
    with path.open("wb") as huge:
        huge.write(plain())
        huge.truncate(1 << 40)
    content, size = read_rom(path)
    assert (len(content), size) == (READ_LIMIT, 1 << 40)
    assert "no, because of room" in answered(path).groups[0].answer


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "No such file"),
        (Path.mkdir, "is a folder"),
        (Path.touch, "is empty"),
        (os.mkfifo, "is a device or a pipe"),
        (lambda path: path.symlink_to(path), "symbolic links"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, make: object, said: str) -> None:
    path = tmp_path / "a.rom"
    assert callable(make)
    make(path)
    with pytest.raises(HarnessError, match=said):
        read_rom(path)


def test_a_name_with_a_nul_is_refused() -> None:
    with pytest.raises(HarnessError, match="cannot be read"):
        read_rom(Path("a\0b"))


def test_a_name_that_is_no_text_is_shown(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\x1b.rom")
    path.write_bytes(plain())
    answered(path)
