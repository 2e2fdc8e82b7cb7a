"""Find the absolute addresses in a program by assembling it at two bases and comparing."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from rom.assembler import Assembly, AssemblyError, Row, assemble_many
from rom.source import Line

# Neither is 0, so no displacement shrinks to a byte; only byte 2 of an address differs.
_LOW, _HIGH = 0x100000, 0x200000
_STEP = _HIGH - _LOW


@dataclass(frozen=True, slots=True)
class Relocatable:
    """A program linked at 0, and the offsets of its 32-bit fields that hold an address.

    To load it at an address, add that address to each of these fields.
    """

    assembly: Assembly
    relocations: tuple[int, ...]

    def at(self, base: int) -> bytes:
        """The code as it must be to run at `base`."""
        code = bytearray(self.assembly.code)
        for offset in self.relocations:
            (value,) = struct.unpack_from("<I", code, offset)
            struct.pack_into("<I", code, offset, (value + base) & 0xFFFFFFFF)
        return bytes(code)


def relocatable(lines: Sequence[Line]) -> Relocatable:
    """Assemble lines that may be loaded anywhere.

    Raises AssemblyError naming the line whose size, or whose field of another width than 32 bits,
    depends on the address.
    """
    low, high = assemble_many(lines, (_LOW, _HIGH))
    code = bytearray(low.code)
    found = []
    for row, other in zip(low.rows, high.rows, strict=True):
        if row.size != other.size:
            raise AssemblyError(row.line, "its size depends on the address it is loaded at")
        for offset in _fields(row, low.bytes_of(row), high.bytes_of(other)):
            at = row.address - _LOW + offset
            (value,) = struct.unpack_from("<I", code, at)
            struct.pack_into("<I", code, at, (value - _LOW) & 0xFFFFFFFF)
            found.append(at)
    rows = tuple(Row(row.line, row.address - _LOW, row.size, row.bits) for row in low.rows)
    labels = {name: address - _LOW for name, address in low.labels.items()}
    return Relocatable(Assembly(0, bytes(code), labels, rows), tuple(found))


def _fields(row: Row, low: bytes, high: bytes) -> list[int]:
    """Offsets in the row of the dwords that grew by exactly the distance of the two bases."""
    fields: list[int] = []
    for index, (before, after) in enumerate(zip(low, high, strict=True)):
        if before == after:
            continue
        # Bytes 0 and 1 of the field are the same at both bases, so the first to differ is byte 2.
        start = index - 2
        if fields and start < fields[-1] + 4:
            if index == fields[-1] + 3:  # a carry into byte 3, seen with the dword
                continue
            start = -1
        if start < 0 or start + 4 > len(low) or _grown(low, high, start) != _STEP:
            raise AssemblyError(
                row.line,
                "a field that is not 32 bits wide holds an address; "
                "use a 32-bit operand or a difference of labels",
            )
        fields.append(start)
    return fields


def _grown(low: bytes, high: bytes, start: int) -> int:
    (before,) = struct.unpack_from("<I", low, start)
    (after,) = struct.unpack_from("<I", high, start)
    return int((after - before) & 0xFFFFFFFF)
