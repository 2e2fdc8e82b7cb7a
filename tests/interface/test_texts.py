"""The generated texts: the include for assembly sources and the page of the calls."""

import re
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from rom.interface import CALLS, InterfaceError, UnknownCall, assembly_include
from rom.interface.include import symbols
from rom.interface.page import PAGE, calls_page, write_page

SET = re.compile(r"\.set ([A-Za-z_]\w*), (0x[0-9a-f]+|\d+)")


def set_lines(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = SET.fullmatch(line)
            assert match, line
            assert match[1] not in found, f"{match[1]} is set twice"
            found[match[1]] = int(match[2], 0)
    return found


@pytest.mark.parametrize("generation", ["3.0", "13.0"])
def test_the_include_is_set_lines_and_comments_only_and_sets_each_name_once(
    generation: str,
) -> None:
    assert set_lines(assembly_include(generation)) == symbols(generation)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VMI_CALL_CPUID", 0),
        ("VMI_CALL_EnableInterrupts", 29),
        ("VMI_CALL_SetLazyMode", 73),
        ("VMI_API_VERSION_MAJ", 3),
        ("VMI_RELOC_NONE", 0),
        ("VMI_RELOC_CALL_REL", 1),
        ("VMI_RELOC_JUMP_REL", 2),
        ("VMI_RELOC_NOP", 3),
        ("VMI_HEADER_LICENSE_OFFS", 0x16),
        ("VMI_HEADER_GET_RELOCATION_INFO", 0x88),
        ("PCI_DATA_DEVICE", 6),
        ("PNP_PRODUCT_OFFS", 0x10),
        ("VMI_AP_SIZE", 92),
        ("VMI_ROM_SIGNATURE", 0xAA55),
        ("VMI_VROM_SIGNATURE", 0x696D5663),
        ("VMI_PCI_SIGNATURE", 0x52494350),
        ("VMI_PROBE_START", 0xC0000),
        ("VMI_PROBE_END", 0xE0000),
        ("VMI_PROBE_STEP", 2048),
        ("VMI_PAGE_ZEROED", 0x40),
        ("VMI_PAGE_DEFER", 0x20),
        ("VMI_PAGE_VA_MASK", 0xFFFFF000),
        ("VMI_FLUSH_GLOBAL", 2),
        ("VMI_LAZY_CPU", 2),
        ("VMI_ALARM_LVTT", 0x10000),
        ("EFLAGS_IF", 0x200),
        ("EFLAGS_IOPL", 0x3000),
    ],
)
def test_the_include_has_the_values_that_sources_use(name: str, value: int) -> None:
    assert set_lines(assembly_include())[name] == value


def test_the_include_numbers_the_calls_of_its_generation() -> None:
    found = set_lines(assembly_include("13.0"))
    assert found["VMI_CALL_EnableInterrupts"] == 35
    assert found["VMI_API_VERSION_MAJ"] == 13
    assert "VMI_CALL_SetLazyMode" not in found


def test_the_include_says_first_that_it_is_generated() -> None:
    first = assembly_include().splitlines()[0]
    assert first.startswith("# ")
    assert "Generated" in first


def test_an_include_of_an_unknown_generation_is_refused() -> None:
    with pytest.raises(UnknownCall, match="generation '9'"):
        assembly_include("9")


@pytest.mark.skipif(
    shutil.which("as") is None, reason="GNU as is missing: install the package binutils"
)
def test_gnu_as_reads_the_same_values_from_the_include(tmp_path: Path) -> None:
    target = tmp_path / "include.o"
    subprocess.run(
        ["as", "--32", "-o", target, "-"],
        input=assembly_include().encode(),
        check=True,
        timeout=60,
    )
    table = ELFFile(BytesIO(target.read_bytes())).get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    found = {s.name: s["st_value"] for s in table.iter_symbols() if s.name}
    assert found == symbols()


def test_the_page_in_docs_is_the_one_generated() -> None:
    assert PAGE.read_text(encoding="utf-8") == calls_page(), (
        "docs/calls.md is out of date: run python -m rom.interface.page"
    )


def test_the_page_has_one_row_a_call_with_eight_cells() -> None:
    rows = [line for line in calls_page().splitlines() if re.match(r"\| \d", line)]
    found = {(int(cells[1]), cells[2].strip()) for cells in (row.split("|") for row in rows)}
    assert found == {(call.number("3.0"), call.name) for call in CALLS}
    assert len(rows) == 74
    assert {row.count("|") for row in rows} == {9}


def test_the_page_is_written_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "calls.md"
    page.write_text("old")
    write_page(page)
    assert page.read_text(encoding="utf-8") == calls_page()
    assert list(tmp_path.iterdir()) == [page]


def test_a_page_without_its_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InterfaceError, match="docs is missing; write the page from a checkout"):
        write_page(tmp_path / "docs" / "calls.md")


def test_a_page_that_cannot_be_renamed_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "calls.md"
    folder.mkdir()
    with pytest.raises(OSError, match=r"calls\.md"):
        write_page(folder)
    assert list(tmp_path.iterdir()) == [folder]
