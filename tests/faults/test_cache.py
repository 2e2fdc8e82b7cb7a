"""What the kit keeps cannot be read or written, or holds something else: one sentence says so."""

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from ci.matrix.archive import Archive
from ci.matrix.plan import Version
from ci.matrix.prefix import COMPLETE, PROGRAM, find_prefix, make_prefix, remove_prefixes
from harness.explore.notes import Notes
from harness.rom import Rom, load_rom
from tests.commands.verbs import program
from tests.faults.kit import Kit
from tests.faults.unprivileged import as_owner_alone
from tests.machine import toys

VERSION = Version("7.2", ("bookworm",), "Debian 12")
ARCHIVE = Archive(("file:/nowhere",), Path("/nowhere.gpg"))


def make(cache: Path) -> None:
    make_prefix(VERSION, cache, ARCHIVE, threading.Event())


def a_file(cache: Path) -> None:
    """A file where the folder should be."""
    cache.write_text("")


def a_file_inside(cache: Path) -> None:
    """A file where the folder of the prefixes should be."""
    cache.mkdir()
    (cache / "qemu").write_text("")


def a_dangling_link(cache: Path) -> None:
    """A link to a folder that is gone."""
    cache.symlink_to(cache.parent / "gone" / "for good")


@pytest.mark.parametrize("wrong", [a_file, a_file_inside, a_dangling_link])
def test_a_cache_that_is_no_folder_is_named_with_what_to_set(kit: Kit, wrong: object) -> None:
    cache = kit.folder / "cache"
    assert callable(wrong)
    wrong(cache)
    answer = kit.ask(lambda: make(cache))
    assert answer.status == 2
    assert f"QEMU 7.2 cannot be kept in {cache}: " in answer.said
    assert "set WEDGE_CACHE to a folder" in answer.said
    assert kit.ask(lambda: remove_prefixes(cache)).status == 0


def test_a_cache_that_nobody_may_read_is_named(kit: Kit) -> None:
    cache = kit.folder / "cache"
    (cache / "qemu").mkdir(parents=True)
    done = as_owner_alone(
        [cache / "qemu"],
        "import threading; from pathlib import Path; from tests.faults import test_cache;"
        f"test_cache.make(Path({str(cache)!r}))",
    )
    assert "HarnessError: QEMU 7.2 cannot be kept in" in done.stderr
    assert "Permission denied; set WEDGE_CACHE to a folder" in done.stderr


@pytest.mark.parametrize("content", ["", "{", "[]", '{"package": 1}', "\0" * 100])
def test_a_prefix_with_a_broken_note_is_none(tmp_path: Path, content: str) -> None:
    prefix = tmp_path / "qemu" / "7.2-bookworm"
    (prefix / "bin").mkdir(parents=True)
    (prefix / COMPLETE).write_text(content)
    assert find_prefix(VERSION, tmp_path) is None
    (prefix / COMPLETE).write_text('{"package": "1:7.2"}')
    assert find_prefix(VERSION, tmp_path) is None
    program(prefix / "bin" / PROGRAM, "exit 0")
    assert find_prefix(VERSION, tmp_path) is not None


def test_a_prefix_whose_program_was_broken_is_quoted(kit: Kit) -> None:
    broken = program(kit.folder / PROGRAM, 'exec "$(dirname "$0")/../root/ld.so" "$@"')
    answer = kit.boot(toys.SPIN, qemu=str(broken))
    assert answer.status == 2
    assert "not found" in answer.said


def test_notes_of_a_sweep_that_cannot_be_kept_are_named(kit: Kit) -> None:
    (kit.folder / "file").write_text("")
    answer = kit.ask(lambda: Notes(kit.folder / "file" / "explore", "notes"))
    assert answer.status == 2
    assert f"The notes of the sweep cannot be kept in {kit.folder}/file/explore: " in answer.said


BESIDE = {
    "cut JSON": (".json", b"{", "Expecting property name"),
    "no object": (".json", b"[]", "it is no manifest of a ROM of this kit"),
    "other JSON": (".json", b'{"name": "toy"}', "it is no manifest of a ROM of this kit"),
    "no text": (".json", b"\xff", "utf-8"),
    "cut ELF": (".elf", b"\x7fELF", "Invalid EI_CLASS"),
    "no ELF": (".elf", b"no object", "Magic number does not match"),
}


@pytest.mark.parametrize(("suffix", "content", "said"), BESIDE.values(), ids=BESIDE)
def test_a_broken_file_beside_a_rom_is_named(
    kit: Kit, suffix: str, content: bytes, said: str
) -> None:
    rom = toys.option_rom(kit.folder)
    beside = rom.with_suffix(suffix)
    beside.write_bytes(content)
    answer = kit.ask(lambda: load_rom(rom))
    assert answer.status == 2
    assert answer.said.startswith(f"error: {beside} cannot be read: ")
    assert said in answer.said
    assert answer.said.endswith("; build the ROM again, or remove the file.")


def test_symbols_cut_short_anywhere_are_named(kit: Kit, roms: Mapping[str, Rom]) -> None:
    rom = toys.option_rom(kit.folder)
    whole = roms["native"].symbol_file.read_bytes()
    for size in (0, 4, 40, 60, 1000, len(whole) // 2, len(whole) - 100):
        rom.with_suffix(".elf").write_bytes(whole[:size])
        answer = kit.ask(lambda: load_rom(rom))
        assert answer.status == 2, size
        assert "toy.elf cannot be read: " in answer.said
