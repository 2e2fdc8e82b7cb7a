"""What this kit wants of a ROM and of the files beside it."""

import json
from pathlib import Path

import pytest

from harness.doctor.kit import own_manifest, this_kit
from harness.report.log import FAIL
from rom.build import write_image
from rom.image import Image
from tests.doctor.samples import found, plain


@pytest.fixture
def rom(images: dict[str, Image], tmp_path: Path) -> Path:
    return write_image(images["native"], tmp_path)


def check(rom: Path, name: str) -> tuple[str, str]:
    content = rom.read_bytes()
    one = found(this_kit(rom, content, len(content)), name)
    return one.verdict, one.detail


def test_our_rom_with_its_files_passes(rom: Path) -> None:
    content = rom.read_bytes()
    group = this_kit(rom, content, len(content))
    assert {one.verdict for one in group.checks} == {"pass"}
    assert own_manifest(rom, content, len(content))["backend"] == "native"


def test_a_manifest_of_another_image_is_refused(rom: Path) -> None:
    rom.write_bytes(plain())
    assert check(rom, "manifest")[0] == FAIL
    assert own_manifest(rom, plain(), 512) == {}


def test_a_longer_file_that_begins_as_the_image_does_is_another(rom: Path) -> None:
    content = rom.read_bytes()
    group = this_kit(rom, content, len(content) + 1)
    assert found(group, "manifest").verdict == FAIL


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"text"', "[" * 100_000, "\xff"])
def test_a_manifest_that_is_none_is_refused(rom: Path, text: str) -> None:
    rom.with_suffix(".json").write_text(text, "latin-1")
    assert check(rom, "manifest")[0] == FAIL
    assert own_manifest(rom, rom.read_bytes(), rom.stat().st_size) == {}


@pytest.mark.parametrize("size", [0, 3, 16, 60, 400])
def test_symbols_that_are_cut_off_are_refused(rom: Path, size: int) -> None:
    symbols = rom.with_suffix(".elf")
    symbols.write_bytes(symbols.read_bytes()[:size])
    assert check(rom, "symbols")[0] == FAIL


def test_a_rom_alone_is_taken_with_notes(rom: Path) -> None:
    rom.with_suffix(".json").unlink()
    rom.with_suffix(".elf").unlink()
    assert check(rom, "manifest")[0] == check(rom, "symbols")[0] == "note"


def test_files_that_are_folders_are_refused(rom: Path) -> None:
    for suffix, name in ((".json", "manifest"), (".elf", "symbols")):
        rom.with_suffix(suffix).unlink()
        rom.with_suffix(suffix).mkdir()
        verdict, detail = check(rom, name)
        assert (verdict, "cannot be read" in detail) == (FAIL, True)


def test_an_image_too_short_to_be_known_again_is_refused(rom: Path) -> None:
    rom.write_bytes(plain()[:0x7F])
    assert check(rom, "header")[0] == FAIL


def test_a_rom_without_the_vmi_signature_is_for_foreign_guests(tmp_path: Path) -> None:
    rom = tmp_path / "plain.rom"
    rom.write_bytes(plain())
    assert check(rom, "guests")[0] == "note"


def test_a_manifest_may_name_no_image(rom: Path) -> None:
    manifest = json.loads(rom.with_suffix(".json").read_text())
    del manifest["build_id"]
    rom.with_suffix(".json").write_text(json.dumps(manifest))
    assert check(rom, "manifest")[0] == FAIL
