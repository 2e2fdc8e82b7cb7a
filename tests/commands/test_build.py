"""`inv build`: four files a ROM that agree with each other, or one sentence and nothing."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from rom.backends import BACKENDS
from rom.image import Image
from tests.commands.verbs import Done, Inv, clean_inv, replace_line


class Built(NamedTuple):
    done: Done
    folder: Path
    data: dict[str, Any]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """All backends, built into a folder that was not there."""
    folder = tmp_path_factory.mktemp("build")
    with clean_inv(folder) as inv:
        done = inv("build", "--out", "some/where", "--json", "figures.json")
    return Built(done, folder / "some" / "where", json.loads((folder / "figures.json").read_text()))


def test_all_backends_are_built_with_four_files_each(built: Built) -> None:
    assert (built.done.returncode, built.done.stderr) == (0, "")
    suffixes = ("rom", "elf", "lst", "json")
    wanted = {f"{name}-3.0.{suffix}" for name in BACKENDS for suffix in suffixes}
    assert {path.name for path in built.folder.iterdir()} == wanted


def test_each_rom_is_told_in_a_line_with_its_path_size_and_build(built: Built) -> None:
    lines = built.done.stdout.splitlines()
    assert len(lines) == len(BACKENDS)
    for line, name in zip(lines, BACKENDS, strict=True):
        content = (built.folder / f"{name}-3.0.rom").read_bytes()
        assert line.startswith(f"some/where/{name}-3.0.rom  {len(content)} bytes")
        assert hashlib.sha256(content).hexdigest()[:12] in line


def test_the_figures_hold_the_verdict_and_the_manifests(built: Built) -> None:
    manifests = [json.loads((built.folder / f"{name}-3.0.json").read_text()) for name in BACKENDS]
    assert built.data == {"verdict": "pass", "roms": manifests}


@pytest.mark.parametrize("name", BACKENDS)
def test_the_build_is_the_one_that_the_library_makes(
    built: Built, images: Mapping[str, Image], name: str
) -> None:
    rom = built.folder / f"{name}-3.0.rom"
    assert rom.read_bytes() == images[name].content


@pytest.mark.parametrize("name", BACKENDS)
def test_the_manifest_knows_its_rom_by_its_sha256(built: Built, name: str) -> None:
    manifest = json.loads((built.folder / f"{name}-3.0.json").read_text())
    content = (built.folder / f"{name}-3.0.rom").read_bytes()
    assert manifest["build_id"] == hashlib.sha256(content).hexdigest()
    assert (manifest["name"], manifest["backend"]) == (f"{name}-3.0", name)


@pytest.mark.parametrize("name", BACKENDS)
def test_symbols_and_manifest_agree_where_each_stub_is(built: Built, name: str) -> None:
    manifest = json.loads((built.folder / f"{name}-3.0.json").read_text())
    elf = ELFFile(io.BytesIO((built.folder / f"{name}-3.0.elf").read_bytes()))
    provided = {
        call["name"]: call["offset"] for call in manifest["calls"] if call["type"] != "NONE"
    }
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    symbols = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}
    assert {"EnableInterrupts", "IRET", "SetIDT"} <= provided.keys()
    assert {call: symbols[call] for call in provided} == provided
    assert elf.has_dwarf_info()


@pytest.mark.parametrize("name", BACKENDS)
def test_the_listing_mentions_each_call_that_is_provided(built: Built, name: str) -> None:
    manifest = json.loads((built.folder / f"{name}-3.0.json").read_text())
    lines = (built.folder / f"{name}-3.0.lst").read_text().splitlines()
    labels = {line.rsplit(None, 1)[-1] for line in lines if line.endswith(":")}
    wanted = {f"{call['name']}:" for call in manifest["calls"] if call["type"] != "NONE"}
    assert wanted <= labels


def test_without_out_the_roms_go_to_the_build_folder_of_the_checkout(inv: Inv, copy: Path) -> None:
    done = inv.of(copy)("build", "--backend", "native")
    assert done.returncode == 0
    names = {path.name for path in (copy / "build").iterdir()}
    assert names == {f"native-3.0.{suffix}" for suffix in ("rom", "elf", "lst", "json")}


def test_a_broken_source_line_is_named_with_file_number_and_text(inv: Inv, copy: Path) -> None:
    number = replace_line(copy / "rom/backends/bare.s", "DisableInterrupts:", "    movl $0, %eex")
    done = inv.of(copy)("build", "--out", "out", "--json", "figures.json")
    assert done.returncode == 2
    assert f"rom/backends/bare.s:{number}: " in done.stderr
    assert "movl $0, %eex" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (inv.folder / "out").exists()
    figures = json.loads((inv.folder / "figures.json").read_text())
    assert figures["verdict"] == "error"
    assert "%eex" in figures["message"]


def test_two_calls_with_one_number_are_refused_by_name(inv: Inv, copy: Path) -> None:
    replace_line(copy / "rom/interface/interrupts.py", "numbers(30, 36),", "numbers(29, 36),")
    done = inv.of(copy)("build", "--out", "out")
    assert done.returncode == 2
    assert "EnableInterrupts and DisableInterrupts both have number 29" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (inv.folder / "out").exists()


def test_a_folder_that_cannot_be_made_is_named(inv: Inv) -> None:
    (inv.folder / "file").write_text("")
    done = inv("build", "--out", "file/below")
    assert done.returncode == 2
    assert "file/below/" in done.stderr
    assert "cannot be written" in done.stderr
    assert [path.name for path in inv.folder.iterdir()] == ["file"]


def test_a_file_that_cannot_be_replaced_leaves_no_half_of_it(inv: Inv) -> None:
    in_the_way = inv.folder / "native-3.0.lst"
    in_the_way.mkdir()
    done = inv("build", "--backend", "native", "--out", ".")
    assert done.returncode == 2
    assert "native-3.0.lst: cannot be written" in done.stderr
    assert {path.name for path in inv.folder.iterdir()} == {"native-3.0.elf", "native-3.0.lst"}
