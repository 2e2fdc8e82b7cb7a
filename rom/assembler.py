"""The guard round keystone: lines in, bytes with exact label and line addresses out.

keystone has no listing, gives no label addresses and no line of an error, and some inputs kill it.
So each program runs in a child process, and ends in a trailer of `.long` that holds the address
of each label and each line. The syntax is AT&T, chosen by `.att_syntax` as the first line.

keystone 0.9.2 reads `100` as 0x100 once its syntax option or a symbol resolver was set, and also,
by the leave of what its memory held before, when neither was. So no decimal number reaches it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rom.child import ChildError, Progress, run_in_children
from rom.dialect import (
    DATA_WIDTH,
    RESERVED,
    SILENT,
    SYMBOLS,
    AssemblyError,
    check,
    in_hexadecimal,
    names_in,
)
from rom.source import Line, Statement, parse

__all__ = ["Assembly", "AssemblyError", "Row", "assemble", "assemble_many"]

LIMIT = 10.0
"""Seconds that one run of keystone may take."""

_END = RESERVED + "end"
_BASE = "@BASE@"
_SHORT_JUMPS = frozenset(
    {"loop", "loope", "loopne", "loopz", "loopnz", "jcxz", "jecxz", "loopl", "loopw"}
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one line became: its address, its size in bytes, and 16 or 32 for `.code16/.code32`."""

    line: Line
    address: int
    size: int
    bits: int = 32


@dataclass(frozen=True, slots=True)
class Assembly:
    """A program at an address: `code` starts at `base`; `labels` and `rows` hold true addresses.

    There is a row for each line with a statement or label; rows of labels alone have size 0.
    """

    base: int
    code: bytes
    labels: dict[str, int]
    rows: tuple[Row, ...]

    def bytes_of(self, row: Row) -> bytes:
        """The bytes of one row."""
        return self.code[row.address - self.base :][: row.size]


@dataclass(frozen=True, slots=True)
class Program:
    """Checked lines with what they say, and the text with trailer that an assembler gets."""

    lines: tuple[Line, ...]
    statements: tuple[Statement, ...]
    text: str
    labels: tuple[str, ...]
    bits: tuple[int, ...]

    def at(self, base: int) -> str:
        """The text for keystone, to whom `.org` is an absolute address."""
        return self.text.replace(_BASE, hex(base))

    def read(self, base: int, output: bytes) -> Assembly:
        """Take bytes and trailer apart; raises AssemblyError for a line that went missing."""
        count = len(self.labels) + len(self.lines) + 1
        size = len(output) - 4 * count
        addresses = struct.unpack_from(f"<{count}I", output, size) if size >= 0 else ()
        if not addresses or addresses[-1] != base + size:
            raise AssemblyError(self.lines[0], "the assembler dropped a part of the program")
        starts = addresses[len(self.labels) :]
        rows = tuple(
            Row(line, start, end - start, bits)
            for line, start, end, bits in zip(
                self.lines, starts, starts[1:], self.bits, strict=False
            )
        )
        labels = dict(zip(self.labels, addresses, strict=False))
        return Assembly(base, output[:size], labels, rows)

    def check(self, assembly: Assembly) -> None:
        """Catch what keystone gets wrong without a word. Raises AssemblyError."""
        for row, statement in zip(assembly.rows, self.statements, strict=True):
            _check_row(row, statement, assembly.labels)


def assemble(lines: Sequence[Line], base: int = 0) -> Assembly:
    """Assemble lines at the address `base`; `.org` counts from the start, as with GNU as.

    Raises AssemblyError that names the file, line and text of what is wrong.
    """
    return assemble_many(lines, (base,))[0]


def assemble_many(lines: Sequence[Line], bases: Sequence[int]) -> list[Assembly]:
    """Assemble the same lines at several addresses in one child process.

    Raises AssemblyError as `assemble` does.
    """
    program = compose(lines)
    if not program.lines:
        return [Assembly(base, b"", {}, ()) for base in bases]
    import keystone  # noqa: F401  (here, so that each child finds it loaded)

    from rom import locate

    works = [partial(_assemble_in_child, program.at(base), base) for base in bases]
    try:
        outputs = run_in_children(works, LIMIT)
    except ChildError as error:
        raise locate.after_crash(program, bases[0], error) from error
    found = []
    for base, output in zip(bases, outputs, strict=True):
        if isinstance(output, int):
            raise locate.after_error(program, base, output)
        found.append(program.read(base, output))
    program.check(found[0])
    return found


def _assemble_in_child(text: str, base: int, _: Progress) -> bytes | int:
    return run_keystone(text, base)


def run_keystone(text: str, base: int) -> bytes | int:
    """Assemble `text` in this process: the bytes, or keystone's error number (0: no output)."""
    from keystone import KS_ARCH_X86, KS_MODE_32, Ks, KsError

    try:
        code, _ = Ks(KS_ARCH_X86, KS_MODE_32).asm(".att_syntax\n" + text, base, as_bytes=True)
    except KsError as error:
        return int(error.errno)
    return 0 if code is None else bytes(code)


def compose(lines: Sequence[Line]) -> Program:
    """Check lines and write the text that keystone and GNU as both take, with the trailer.

    Raises AssemblyError for what the dialect refuses.
    """
    parsed = [(line, parse(line.text)) for line in lines]
    kept = [(line, said) for line, said in parsed if said.labels or said.parts]
    program = tuple(line for line, _ in kept)
    statements = tuple(said for _, said in kept)
    check(program, statements)
    labels = tuple(label for said in statements for label in said.labels)
    text = [
        f"{RESERVED}{index}:" + text_of(statement) for index, statement in enumerate(statements)
    ]
    text.append(f"{_END}:")
    text.append(".code32")
    text.extend(f".long {label}" for label in labels)
    text.extend(f".long {RESERVED}{index}" for index in range(len(statements)))
    text.append(f".long {_END}\n")
    return Program(program, statements, "\n".join(text), labels, tuple(_bits_of(statements)))


def _bits_of(statements: Sequence[Statement]) -> Iterator[int]:
    """16 or 32 for each statement: the code size in force after it."""
    bits = 32
    for statement in statements:
        for word in statement.words:
            bits = {".code16": 16, ".code32": 32}.get(word, bits)
        yield bits


def text_of(statement: Statement) -> str:
    """A statement as one line, as keystone needs it and GNU as takes it, too.

    Decimal numbers are written in hexadecimal; `.org` of a constant gets the base added.
    """
    parts = tuple(map(in_hexadecimal, statement.parts))
    if ".org" in statement.words:
        parts = tuple(
            part.replace(word, f"{word} {_BASE}+", 1) if word == ".org" and _flat(part) else part
            for part, word in zip(parts, statement.words, strict=True)
        )
    return "".join(f"{label}:" for label in statement.labels) + " ; ".join(parts)


def _flat(part: str) -> bool:
    return not names_in(part) and "." not in part[len(".org") :]


def _check_row(row: Row, statement: Statement, labels: Mapping[str, int]) -> None:
    """Catch what keystone gets wrong without a word."""
    if len(statement.parts) != 1:
        return
    part, word = statement.parts[0], statement.words[0]
    operands = part[len(word) :].strip()
    if word in DATA_WIDTH:
        if "'" not in operands and row.size != (operands.count(",") + 1) * DATA_WIDTH[word]:
            raise AssemblyError(row.line, "a value is missing or does not fit the field")
    elif word in _SHORT_JUMPS:
        distance = labels.get(operands, row.address) - (row.address + row.size)
        if not -128 <= distance <= 127:
            raise AssemblyError(
                row.line, f"the target is {distance} bytes away, beyond {word}'s reach"
            )
    elif row.size == 0 and not word.startswith("."):
        raise AssemblyError(row.line, "keystone produces nothing for this instruction")
    elif row.size and word in SYMBOLS | SILENT:
        raise AssemblyError(row.line, f"{word} must not produce bytes")
