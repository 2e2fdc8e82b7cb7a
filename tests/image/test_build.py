"""The same source gives the same files, and each file is written whole or not at all."""

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import rom
from rom.backends import BACKENDS
from rom.build import BuildError, write_file, write_image
from rom.image import INIT_ERRORS, Image, build_image
from rom.wedge import virtual_cpu

DIGESTS = """
import hashlib
from pathlib import Path
from guests.build import build_guest
from rom.backends import BACKENDS
from rom.build import write_image
from rom.image import build_image
for backend in BACKENDS.values():
    write_image(build_image(backend), Path("."))
Path("checks.elf").write_bytes(build_guest("checks").elf)
for path in sorted(Path(".").iterdir()):
    print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
"""
"""A program that builds all in its folder and prints the SHA-256 of each file."""


def digests(folder: Path, seed: str, zone: str) -> dict[str, str]:
    """Run DIGESTS in a process of its own, in that folder."""
    folder.mkdir()
    source = str(Path(rom.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": source, "PYTHONHASHSEED": seed, "TZ": zone},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(line.split() for line in done.stdout.splitlines())


def test_another_process_folder_and_time_zone_make_the_same_files(tmp_path: Path) -> None:
    one = digests(tmp_path / "one", "1", "UTC")
    other = digests(tmp_path / "another folder", "2", "Asia/Tokyo")
    assert one == other
    kinds = ("elf", "json", "lst", "rom")
    assert [*one] == sorted(
        ["checks.elf", *(f"{name}-3.0.{kind}" for name in BACKENDS for kind in kinds)]
    )


@pytest.mark.parametrize("name", BACKENDS)
def test_building_twice_gives_the_same_image(images: Mapping[str, Image], name: str) -> None:
    again = build_image(BACKENDS[name])
    assert again.content == images[name].content
    assert again.symbols == images[name].symbols
    assert again.listing == images[name].listing
    assert again.manifest == images[name].manifest


@pytest.mark.parametrize("name", BACKENDS)
def test_the_four_files_stand_beside_each_other(
    images: Mapping[str, Image], name: str, tmp_path: Path
) -> None:
    path = write_image(images[name], tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / f"{name}-3.0.rom"
    assert path.read_bytes() == images[name].content
    assert path.with_suffix(".elf").read_bytes() == images[name].symbols
    assert path.with_suffix(".lst").read_text() == images[name].listing
    assert json.loads(path.with_suffix(".json").read_text()) == images[name].manifest
    assert len([*path.parent.iterdir()]) == 4


@pytest.mark.parametrize("name", BACKENDS)
def test_the_manifest_says_what_the_rom_is(images: Mapping[str, Image], name: str) -> None:
    image = images[name]
    manifest = image.manifest
    assert manifest["name"] == f"{name}-3.0"
    assert (manifest["backend"], manifest["generation"]) == (name, "3.0")
    assert manifest["version"] == f"{image.content[0x33]}.{image.content[0x32]}"
    assert manifest["build_id"] == hashlib.sha256(image.content).hexdigest()
    assert manifest["size"] == len(image.content)
    assert manifest["signature"] == "63566d69"
    assert manifest["entries"] == {"VMI_Init": 0x80, "GetRelocationInfo": 0x88}
    assert manifest["init_errors"] == {str(key): text for key, text in INIT_ERRORS.items()}
    assert manifest["virtual_cpu"]["virtual_if"] == {"offset": 0, "size": 4}
    assert [*manifest["virtual_cpu"]] == [*virtual_cpu.FIELDS]


@pytest.mark.parametrize("name", BACKENDS)
def test_each_call_has_a_stub_of_its_own(images: Mapping[str, Image], name: str) -> None:
    rows = [row for row in images[name].manifest["calls"] if row["type"] != "NONE"]
    assert len({row["offset"] for row in rows}) == len(rows)


@pytest.mark.parametrize("name", BACKENDS)
def test_the_manifest_says_what_is_in_the_block(images: Mapping[str, Image], name: str) -> None:
    image, block = images[name], images[name].manifest["block"]
    labels, code = image.wedge.assembly.labels, image.wedge.assembly.code
    assert block["wedge"] == len(code)
    assert block["size"] == block["asked"] + len(image.manifest["calls"])
    assert block["asked"] == len(code) + BACKENDS[name].zeroed
    assert block["pages"] == (block["size"] + 4095) // 4096
    assert block["relocations"] == len(image.wedge.relocations)
    if name == "bare":
        assert block["closed"] == [labels["closed_start"], labels["closed_end"]]
        assert block["shadow_idt"] + 0x800 <= block["size"]
    else:
        assert (block["closed"], block["shadow_idt"]) == ([], None)
    for row in image.manifest["calls"]:
        assert (row["offset"] is None) == (row["type"] == "NONE")
        assert row["offset"] in (None, labels.get(row["name"]))


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """Let no file of this process grow past `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "image.rom"
    write_file(path, b"old")
    with (
        pytest.raises(BuildError, match=r"image\.rom: cannot be written: File too large"),
        disk_with_room_for(4096),
    ):
        write_file(path, b"n" * 100_000)
    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "image.rom"
    write_file(path, b"old")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match=r"file/image\.rom: cannot be written: File exists; "):
        write_file(tmp_path / "file" / "image.rom", b"new")


@pytest.mark.parametrize("broken", ["elf", "lst", "json"])
def test_no_new_image_stands_beside_an_older_file(
    images: Mapping[str, Image], tmp_path: Path, broken: str
) -> None:
    path = tmp_path / "bare-3.0.rom"
    path.write_bytes(b"old")
    path.with_suffix(f".{broken}").mkdir()
    with pytest.raises(BuildError, match=rf"bare-3\.0\.{broken}: cannot be written"):
        write_image(images["bare"], tmp_path)
    assert path.read_bytes() == b"old"


def test_a_written_file_can_be_read_by_others(tmp_path: Path) -> None:
    write_file(tmp_path / "image.rom", b"new")
    assert (tmp_path / "image.rom").stat().st_mode & 0o777 == 0o644
