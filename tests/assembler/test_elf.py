import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from rom.assembler import Assembly, assemble
from rom.elf import Section, executable, symbol_file
from rom.errors import RomError
from rom.listing import listing
from tests.assembler.texts import built, lines, needs_gdb

ROM = (*lines("init: movl $1, %eax\n\n jmp stub", "rom/init.s"), *lines("#\nstub: ret", "rom/s.s"))
WEDGE = lines("deliver: nop\n cmpl $1, %ss:count\nout: ret\ncount: .long 0", "rom/wedge/d.s")


def symbols() -> bytes:
    return symbol_file(
        [Section(".rom", assemble(ROM, 0xC0000)), Section(".wedge", assemble(WEDGE, 0))]
    )


def program() -> Assembly:
    return built("head: .long 0x1BADB002, 0, -0x1BADB002\nstart: nop\n hlt\nvalue: .word 5")


def line_rows(elf: ELFFile) -> list[list[tuple[int, str, int]]]:
    """For each compile unit: address, file and line of each row, and the end."""
    found = []
    dwarf = elf.get_dwarf_info(relocate_dwarf_sections=True)
    for unit in dwarf.iter_CUs():
        table: Any = dwarf.line_program_for_CU(unit)
        states = [entry.state for entry in table.get_entries() if entry.state]
        files = [entry.name.decode() for entry in table["file_entry"]]
        rows = [(s.address, "end" if s.end_sequence else files[s.file - 1], s.line) for s in states]
        found.append(rows)
    return found


def symbol_table(elf: ELFFile) -> dict[str, tuple[int, int, str, Any]]:
    table: Any = elf.get_section_by_name(".symtab")
    return {
        s.name: (s["st_value"], s["st_size"], s["st_info"]["type"], s["st_shndx"])
        for s in table.iter_symbols()
        if s.name and s["st_info"]["bind"] == "STB_GLOBAL"
    }


def test_the_symbol_file_holds_code_and_labels_by_section() -> None:
    elf = ELFFile(io.BytesIO(symbols()))
    assert (elf["e_type"], elf["e_machine"]) == ("ET_REL", "EM_386")
    rom: Any = elf.get_section_by_name(".rom")
    assert rom.data().hex() == "b801000000eb00c3"
    assert symbol_table(elf) == {
        "init": (0, 7, "STT_FUNC", 1),
        "stub": (7, 1, "STT_FUNC", 1),
        "deliver": (0, 9, "STT_FUNC", 2),
        "out": (9, 1, "STT_FUNC", 2),
        "count": (10, 4, "STT_NOTYPE", 2),
    }


def test_the_symbol_file_maps_addresses_to_lines_of_several_files() -> None:
    assert line_rows(ELFFile(io.BytesIO(symbols()))) == [
        [(0, "rom/init.s", 1), (5, "rom/init.s", 3), (7, "rom/s.s", 2), (8, "end", 2)],
        [
            (0, "rom/wedge/d.s", 1),
            (1, "rom/wedge/d.s", 2),
            (9, "rom/wedge/d.s", 3),
            (10, "rom/wedge/d.s", 4),
            (14, "end", 4),
        ],
    ]


def test_the_same_sections_always_give_the_same_file() -> None:
    assert symbols() == symbols()


def test_an_executable_loads_its_code_where_it_runs() -> None:
    code = executable(Section(".text", program()), "start", 0x100000)
    elf = ELFFile(io.BytesIO(code))
    (segment,) = elf.iter_segments()
    assert (elf["e_type"], elf["e_entry"]) == ("ET_EXEC", 0x10000C)
    assert (segment["p_vaddr"], segment["p_paddr"]) == (0x100000, 0x100000)
    assert (segment["p_filesz"], segment["p_memsz"]) == (16, 16)
    assert segment.data() == program().code
    assert symbol_table(elf)["value"][:2] == (0x10000E, 2)
    assert line_rows(elf)[0][1] == (0x10000C, "test.s", 2)


def test_an_entry_that_is_no_label_is_refused() -> None:
    with pytest.raises(RomError, match=r"^\.text: the entry main is not a label"):
        executable(Section(".text", program()), "main", 0x100000)


def gdb(folder: Path, *commands: str) -> str:
    arguments = [argument for command in commands for argument in ("-ex", command)]
    options = ["-nx", "-batch", "-ex", "set confirm off", "-ex", "set architecture i386"]
    return subprocess.run(
        ["gdb", *options, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout


@needs_gdb
def test_gdb_reads_both_sections_where_they_are_placed(tmp_path: Path) -> None:
    (tmp_path / "x.elf").write_bytes(symbols())
    said = gdb(
        tmp_path,
        "add-symbol-file x.elf -s .rom 0xc0000 -s .wedge 0xe7c40",
        "info line *0xc0005",
        "info line *0xc0007",
        "info line *0xe7c41",
        "info symbol 0xc0007",
        "info symbol 0xe7c42",
        "print &count",
    )
    assert 'Line 3 of "rom/init.s" starts at address 0xc0005 <init+5>' in said
    assert 'Line 2 of "rom/s.s" starts at address 0xc0007 <stub>' in said
    assert 'Line 2 of "rom/wedge/d.s" starts at address 0xe7c41 <deliver+1>' in said
    assert "stub in section .rom" in said
    assert "deliver + 2 in section .wedge" in said
    assert "0xe7c4a <count>" in said


@needs_gdb
def test_gdb_calls_a_place_by_the_label_that_stands_nearest_before_it(tmp_path: Path) -> None:
    code = "low: nop\n low_end: high_start: zebra: apple: ret\n high_end:"
    (tmp_path / "x.elf").write_bytes(symbol_file([Section(".wedge", built(code, 0))]))
    elf = ELFFile(io.BytesIO((tmp_path / "x.elf").read_bytes()))
    sizes = {name: (value, size) for name, (value, size, *_) in symbol_table(elf).items()}
    earlier = dict.fromkeys(("low_end", "high_start", "zebra"), (1, 0))
    assert sizes == {"low": (0, 1), **earlier, "apple": (1, 1), "high_end": (2, 0)}
    said = gdb(tmp_path, "add-symbol-file x.elf -s .wedge 0xe7c40", "info symbol 0xe7c41")
    assert "apple in section .wedge" in said


@needs_gdb
def test_gdb_reads_an_executable(tmp_path: Path) -> None:
    (tmp_path / "x.elf").write_bytes(
        executable(Section(".text", program()), "start", program().base)
    )
    said = gdb(tmp_path, "file x.elf", "info line *0x10000d", "info symbol 0x10000d", "x/i start")
    assert 'Line 3 of "test.s" starts at address 0x10000d <start+1>' in said
    assert "start + 1 in section .text" in said
    assert "nop" in said


def test_the_listing_shows_address_bytes_place_and_text() -> None:
    text = listing("a title", [("rom", assemble(ROM, 0xC0000)), ("wedge", assemble(WEDGE, 0))])
    assert text.startswith("a title\n\nrom: 000c0000-000c0008, 8 bytes\n")
    assert "000c0005  eb 00                    rom/init.s:3   jmp stub\n" in text
    assert "000c0007  c3                       rom/s.s:2     stub: ret\n" in text
    assert "wedge: 00000000-0000000e, 14 bytes" in text


def test_the_listing_wraps_long_rows_and_counts_the_rest() -> None:
    rows = listing("t", [("x", built('.ascii "0123456789"\n.space 100', 0))]).splitlines()
    assert rows[4].split()[:9] == ["00000000", *b"01234567".hex(" ").split()]
    assert rows[5] == "00000008  38 39"
    assert rows[-1] == "0000004a  and 36 bytes more"
