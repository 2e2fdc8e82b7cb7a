"""Debug information: DWARF 2 that maps each address to its source line.

One compile unit a section, with the source files of that section. (DWARF Debugging Information
Format version 2, sections 2, 3.1, 6.2 and 7.)
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from rom.assembler import Assembly

_ABBREVIATIONS = bytes.fromhex(
    "01 11 00"  # code 1: DW_TAG_compile_unit, no children
    "03 08"  # DW_AT_name, string
    "25 08"  # DW_AT_producer, string
    "13 05"  # DW_AT_language, data2
    "11 01"  # DW_AT_low_pc, addr
    "12 01"  # DW_AT_high_pc, addr
    "10 06"  # DW_AT_stmt_list, data4
    "00 00 00"
)
_ASSEMBLER_LANGUAGE = 0x8001  # DW_LANG_Mips_Assembler, which GDB takes for assembly
_OPERAND_COUNTS = bytes([0, 1, 1, 1, 1, 0, 0, 0, 1])  # of the standard opcodes 1 to 9
_COPY, _ADVANCE_PC, _ADVANCE_LINE, _SET_FILE = 1, 2, 3, 4
_END_SEQUENCE = bytes([0, 1, 1])
_SET_ADDRESS = bytes([0, 5, 2])


@dataclass(frozen=True, slots=True)
class Debug:
    """The three sections, and where addresses stand in two of them.

    `info_addresses` and `line_addresses` are pairs of an offset and the index of the assembly
    whose address the dword there is.
    """

    abbrev: bytes
    info: bytes
    line: bytes
    info_addresses: tuple[tuple[int, int], ...]
    line_addresses: tuple[tuple[int, int], ...]


def debug_sections(parts: Sequence[tuple[str, Assembly]], absolute: bool) -> Debug:
    """Describe named assemblies; addresses are true when `absolute`, else from the part's start."""
    info, line = bytearray(), bytearray()
    info_addresses: list[tuple[int, int]] = []
    line_addresses: list[tuple[int, int]] = []
    for index, (name, assembly) in enumerate(parts):
        start = assembly.base if absolute else 0
        head = struct.pack("<HIB", 2, 0, 4) + b"\x01" + _string(name) + _string("wedge")
        head += struct.pack("<H", _ASSEMBLER_LANGUAGE)
        at = len(info) + 4 + len(head)
        info_addresses += [(at, index), (at + 4, index)]
        unit = head + struct.pack("<III", start, start + len(assembly.code), len(line))
        info += struct.pack("<I", len(unit)) + unit
        header, program = _header(assembly), _program(assembly, start)
        line_addresses.append((len(line) + 4 + len(header) + len(_SET_ADDRESS), index))
        line += struct.pack("<I", len(header) + len(program)) + header + program
    return Debug(
        _ABBREVIATIONS, bytes(info), bytes(line), tuple(info_addresses), tuple(line_addresses)
    )


def _files(assembly: Assembly) -> list[str]:
    return list(dict.fromkeys(row.line.file for row in assembly.rows if row.size))


def _header(assembly: Assembly) -> bytes:
    """The line program's header after the unit's length."""
    rest = struct.pack("<BBbBB", 1, 1, -5, 14, len(_OPERAND_COUNTS) + 1) + _OPERAND_COUNTS
    rest += b"\0"  # no folders: file names are relative to where the debugger is told
    rest += b"".join(_string(name) + b"\0\0\0" for name in _files(assembly)) + b"\0"
    return struct.pack("<HI", 2, len(rest)) + rest


def _program(assembly: Assembly, start: int) -> bytes:
    numbers = {name: number for number, name in enumerate(_files(assembly), start=1)}
    program = bytearray(_SET_ADDRESS + struct.pack("<I", start))
    address, file, number = assembly.base, 1, 1
    for row in assembly.rows:
        if not row.size:
            continue
        if numbers[row.line.file] != file:
            file = numbers[row.line.file]
            program += bytes([_SET_FILE]) + _unsigned(file)
        program += bytes([_ADVANCE_PC]) + _unsigned(row.address - address)
        program += bytes([_ADVANCE_LINE]) + _signed(row.line.number - number)
        program.append(_COPY)
        address, number = row.address, row.line.number
    end = assembly.base + len(assembly.code)
    return bytes(program) + bytes([_ADVANCE_PC]) + _unsigned(end - address) + _END_SEQUENCE


def _string(text: str) -> bytes:
    return text.encode() + b"\0"


def _unsigned(value: int) -> bytes:
    """LEB128 of a value from 0."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def _signed(value: int) -> bytes:
    """LEB128 of a signed value."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value & 0x7F])
