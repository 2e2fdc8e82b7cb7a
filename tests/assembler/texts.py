"""Short ways to write programs in tests."""

from __future__ import annotations

import shutil

import pytest

from rom.assembler import Assembly, assemble
from rom.source import Line, generated

needs_gnu = pytest.mark.skipif(
    not (shutil.which("as") and shutil.which("ld")),
    reason="GNU as and ld are missing: install the Debian package binutils",
)
needs_gdb = pytest.mark.skipif(
    not shutil.which("gdb"), reason="GDB is missing: install the Debian package gdb"
)


def lines(text: str, name: str = "test.s") -> tuple[Line, ...]:
    return generated(text.split("\n"), name)


def built(text: str, base: int = 0x100000) -> Assembly:
    return assemble(lines(text), base)
