"""ELF files for i386: symbols for the debugger, and programs for QEMU to load.

(System V ABI, Intel386 supplement: object files; relocation R_386_32 adds in place.)
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rom.assembler import Assembly
from rom.dwarf import Debug, debug_sections
from rom.errors import RomError
from rom.source import parse

_REL, _EXEC, _I386 = 1, 2, 3
_PROGBITS, _SYMTAB, _STRTAB, _RELOCS = 1, 2, 3, 9
_ALLOC, _WRITE, _EXECUTE, _INFO_LINK = 2, 1, 4, 0x40
_GLOBAL, _NOTYPE, _FUNCTION, _SECTION = 1 << 4, 0, 2, 3
_R_386_32 = 1
_HEADER, _PROGRAM_HEADER = 52, 32


@dataclass(frozen=True, slots=True)
class Section:
    """An assembly under the section name it gets in the file, such as `.rom`."""

    name: str
    assembly: Assembly


@dataclass(slots=True)
class _Chunk:
    """A section of the file; `link` and `info` are section names or numbers."""

    name: str
    kind: int
    data: bytes
    flags: int = 0
    address: int = 0
    link: str = ""
    info: str | int = 0
    align: int = 1
    entry: int = 0


@dataclass(slots=True)
class _Names:
    """A string table."""

    data: bytearray = field(default_factory=lambda: bytearray(1))

    def add(self, name: str) -> int:
        at = len(self.data)
        self.data += name.encode() + b"\0"
        return at


def symbol_file(sections: Sequence[Section]) -> bytes:
    """Write a relocatable object with the sections' code, labels and source lines.

    Each section can be placed where it is in memory, as in GDB's
    `add-symbol-file FILE -s .rom 0xc0000 -s .wedge 0xe7c40`.
    """
    parts = [(section.name, section.assembly) for section in sections]
    debug = debug_sections(parts, absolute=False)
    flags = _ALLOC | _EXECUTE
    chunks = [_Chunk(name, _PROGBITS, a.code, flags, align=16) for name, a in parts]
    chunks.append(_Chunk(".text", _PROGBITS, b"", flags))  # GDB 13 aborts without one
    chunks += _debug_chunks(debug)
    for name, places in (
        (".debug_info", debug.info_addresses),
        (".debug_line", debug.line_addresses),
    ):
        data = b"".join(struct.pack("<II", at, (i + 1) << 8 | _R_386_32) for at, i in places)
        chunks.append(
            _Chunk(f".rel{name}", _RELOCS, data, _INFO_LINK, 0, ".symtab", name, align=4, entry=8)
        )
    chunks += _symbols(sections, absolute=False)
    return _file(_REL, chunks, 0, None)


def executable(section: Section, entry: str, load_address: int) -> bytes:
    """Write a program that runs at its assembly's base and is loaded at `load_address` (physical).

    `entry` is a label. A multiboot header in the first
    KiB of the code is found by QEMU's -kernel. Raises RomError when there is no such label.
    """
    assembly = section.assembly
    if entry not in assembly.labels:
        raise RomError(f"{section.name}: the entry {entry} is not a label; define it in the source")
    offset, size = _align(_HEADER + _PROGRAM_HEADER, 16), len(assembly.code)
    flags = _ALLOC | _WRITE | _EXECUTE
    chunks = [_Chunk(section.name, _PROGBITS, assembly.code, flags, assembly.base, align=16)]
    chunks += _debug_chunks(debug_sections([(section.name, assembly)], absolute=True))
    chunks += _symbols([section], absolute=True)
    load = struct.pack(
        "<8I", 1, offset, assembly.base, load_address, size, size, 7, 1
    )  # PT_LOAD, readable, writable and executable, no alignment
    return _file(_EXEC, chunks, assembly.labels[entry], load)


def _debug_chunks(debug: Debug) -> list[_Chunk]:
    return [
        _Chunk(".debug_abbrev", _PROGBITS, debug.abbrev),
        _Chunk(".debug_info", _PROGBITS, debug.info),
        _Chunk(".debug_line", _PROGBITS, debug.line),
    ]


def _symbols(sections: Sequence[Section], absolute: bool) -> list[_Chunk]:
    """.symtab and .strtab: a symbol for each section (number 1 up), then each label by address.

    Each label reaches to the next. So of several at one address the last, which is the nearest to
    what follows, has a size; that is the one by which GDB calls the place.
    """
    names = _Names()
    table = [bytes(16)]
    for number, section in enumerate(sections, start=1):
        start = section.assembly.base if absolute else 0
        table.append(struct.pack("<IIIBBH", 0, start, 0, _SECTION, 0, number))
    for number, section in enumerate(sections, start=1):
        assembly = section.assembly
        shift = 0 if absolute else assembly.base
        code = _code_labels(assembly)
        ordered = sorted(assembly.labels.items(), key=lambda label: label[1])
        ends = (*(address for _, address in ordered), assembly.base + len(assembly.code))
        for (name, address), (_, following) in zip(ordered, pairwise(ends), strict=True):
            size = following - address
            kind = _GLOBAL | (_FUNCTION if name in code else _NOTYPE)
            entry = (names.add(name), address - shift, size, kind, 0, number)
            table.append(struct.pack("<IIIBBH", *entry))
    return [
        _Chunk(
            ".symtab",
            _SYMTAB,
            b"".join(table),
            link=".strtab",
            info=len(sections) + 1,
            align=4,
            entry=16,
        ),
        _Chunk(".strtab", _STRTAB, bytes(names.data)),
    ]


def _code_labels(assembly: Assembly) -> set[str]:
    """Labels that an instruction follows, not data."""
    found: set[str] = set()
    waiting: list[str] = []
    for row in assembly.rows:
        statement = parse(row.line.text)
        waiting += statement.labels
        if row.size:
            if not statement.words[0].startswith("."):
                found.update(waiting)
            waiting = []
    return found


def _align(value: int, to: int) -> int:
    return -(-value // to) * to


def _file(kind: int, chunks: Sequence[_Chunk], entry: int, load: bytes | None) -> bytes:
    """Put headers and sections together: file header, program header, data, section headers."""
    names = _Names()
    strings = _Chunk(".shstrtab", _STRTAB, b"")
    placed = [*chunks, strings]
    name_offsets = [names.add(chunk.name) for chunk in placed]
    strings.data = bytes(names.data)
    numbers = {chunk.name: number for number, chunk in enumerate(placed, start=1)}
    body, table = bytearray(load or b""), [bytes(40)]
    for chunk, name in zip(placed, name_offsets, strict=True):
        offset = _align(_HEADER + len(body), chunk.align)
        body += bytes(offset - _HEADER - len(body)) + chunk.data
        info = numbers[chunk.info] if isinstance(chunk.info, str) else chunk.info
        link = numbers.get(chunk.link, 0)
        where = (chunk.flags, chunk.address, offset, len(chunk.data))
        rest = (link, info, chunk.align, chunk.entry)
        table.append(struct.pack("<10I", name, chunk.kind, *where, *rest))
    body += bytes(-len(body) % 4)
    header = b"\x7fELF\x01\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIIIIIHHHHHH",
        *(kind, _I386, 1, entry, _HEADER if load else 0, _HEADER + len(body), 0),
        *(_HEADER, _PROGRAM_HEADER, 1 if load else 0, 40, len(table), numbers[".shstrtab"]),
    )
    return bytes(header + body + b"".join(table))
