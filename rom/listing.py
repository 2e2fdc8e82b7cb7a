"""The listing: each line of the source beside its true address and its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rom.assembler import Assembly, Row

_WIDTH = 8
_LONGEST = 8 * _WIDTH


def listing(title: str, parts: Sequence[tuple[str, Assembly]]) -> str:
    """Write the listing of named parts, with address, bytes, place in the source, and text.

    Rows of more than 8 bytes go on below; what follows the first 64 bytes is only counted.
    Constants are left out: the lines that use them show their values as bytes.
    """
    lines = [title]
    for name, assembly in parts:
        end = assembly.base + len(assembly.code)
        lines += ["", f"{name}: {assembly.base:08x}-{end:08x}, {len(assembly.code)} bytes", ""]
        rows = [row for row in assembly.rows if not row.line.text.lstrip().startswith(".set ")]
        places = [f"{row.line.file}:{row.line.number}" for row in rows]
        width = max(map(len, places), default=0)
        for row, place in zip(rows, places, strict=True):
            lines += _row(row, assembly.bytes_of(row), place.ljust(width))
    return "\n".join(lines) + "\n"


def _row(row: Row, code: bytes, place: str) -> Iterator[str]:
    text = row.line.text.rstrip().expandtabs(8)
    yield f"{row.address:08x}  {code[:_WIDTH].hex(' '):{3 * _WIDTH}} {place}  {text}".rstrip()
    for start in range(_WIDTH, min(len(code), _LONGEST), _WIDTH):
        yield f"{row.address + start:08x}  {code[start : start + _WIDTH].hex(' ')}"
    if len(code) > _LONGEST:
        yield f"{row.address + _LONGEST:08x}  and {len(code) - _LONGEST} bytes more"
