"""What cannot be built is refused in one sentence that says what, where and what to do."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import rom
from rom import image as image_module
from rom.assembler import AssemblyError
from rom.backends import BACKENDS, UnknownBackend, backend
from rom.backends.bare import BARE
from rom.backends.native import NATIVE
from rom.errors import RomError
from rom.image import ImageError, build_image
from rom.interface import CALLS, InterfaceError, by_name
from rom.source import SourceError
from rom.wedge import source

ROM_FOLDER = Path(rom.__file__).parent


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the ROM's sources that the build reads instead of them."""
    copy = tmp_path / "rom"
    shutil.copytree(ROM_FOLDER, copy, ignore=shutil.ignore_patterns("*.py*", "__pycache__"))
    monkeypatch.setattr(source, "_ROM", copy)
    return copy


def test_two_rows_with_one_number_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = by_name("GetInterruptMask").numbers
    rows = [replace(row, numbers=taken) if row.name == "Halt" else row for row in CALLS]
    monkeypatch.setattr(image_module, "CALLS", rows)
    with pytest.raises(InterfaceError, match=r"GetInterruptMask and Halt both have number 31 "):
        build_image(BARE)


def test_a_promised_call_without_a_stub_is_named() -> None:
    with pytest.raises(ImageError, match=r"promises RDTSC and has no stub .*the label my_RDTSC:"):
        build_image(replace(NATIVE, stubs={"RDTSC": "my_RDTSC"}))


def test_a_promised_call_without_its_source_file_is_named() -> None:
    files = tuple(file for file in NATIVE.open_files if file != "wedge/ports.s")
    with pytest.raises(ImageError, match=r"native promises INL and has no stub .*the label INL:"):
        build_image(replace(NATIVE, open_files=files))


def test_a_block_past_its_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    size = build_image(BARE).block_size
    monkeypatch.setattr(image_module, "BLOCK_LIMIT", size)
    build_image(BARE)
    monkeypatch.setattr(image_module, "BLOCK_LIMIT", size - 1)
    said = rf"bare: the wedge needs {size} bytes of RAM and a BIOS grants {size - 1} .*smaller"
    with pytest.raises(ImageError, match=said):
        build_image(BARE)


def test_an_image_past_its_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(build_image(NATIVE).content)
    monkeypatch.setattr(image_module, "IMAGE_LIMIT", size)
    build_image(NATIVE)
    monkeypatch.setattr(image_module, "IMAGE_LIMIT", size - 1)
    said = rf"native-3\.0: the image has {size} bytes .*at most {size - 1}; make the wedge smaller"
    with pytest.raises(ImageError, match=said):
        build_image(NATIVE)


@pytest.mark.parametrize(
    "file", ["wedge/header.s", "wedge/post.s", "wedge/init.s", "wedge/deliver.s", "backends/bare.s"]
)
def test_an_error_in_a_source_is_found_at_its_line(sources: Path, file: str) -> None:
    path = sources / file
    text = path.read_text()
    path.write_text(text + "    movl %eax, %nowhere\n")
    place = f"rom/{file}:{len(text.splitlines()) + 1}: 'movl %eax, %nowhere': "
    with pytest.raises(AssemblyError, match=re.escape(place)):
        build_image(BARE)


def test_a_label_that_is_nowhere_is_found_at_its_line(sources: Path) -> None:
    path = sources / "backends/native.s"
    path.write_text("    jmp nowhere\n" + path.read_text())
    with pytest.raises(AssemblyError, match=r"^rom/backends/native\.s:1: 'jmp nowhere': .*nowhere"):
        build_image(NATIVE)


def test_a_missing_source_is_named(sources: Path) -> None:
    (sources / "wedge/pic.s").unlink()
    with pytest.raises(SourceError, match=r"rom/wedge/pic\.s: cannot be read: No such file"):
        build_image(BARE)


@pytest.mark.parametrize("generation", ["13.0", "4.0", ""])
def test_a_generation_that_cannot_be_built_is_refused(generation: str) -> None:
    with pytest.raises(ImageError, match=rf"no generation '{generation}' to build; .*3\.0"):
        build_image(NATIVE, generation)


def test_an_unknown_backend_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownBackend, match="no backend 'nativ'; choose from native, bare"):
        backend("nativ")
    assert backend("bare") is BACKENDS["bare"]


@pytest.mark.parametrize(
    "error", [ImageError, AssemblyError, SourceError, UnknownBackend, InterfaceError]
)
def test_all_refusals_are_errors_of_the_rom(error: type[Exception]) -> None:
    assert issubclass(error, RomError)
