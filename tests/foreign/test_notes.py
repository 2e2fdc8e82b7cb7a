"""The notes that a ROM keeps of what it was asked, read from its block."""

from pathlib import Path
from typing import Any

import pytest

from harness.bound import BoundUnknown, bound_calls
from harness.rom import LocatedRom, Rom

BLOCK = 0xE7000
LINEAR = 0xC0000000 + BLOCK
ROWS: list[dict[str, Any]] = [
    {"number": 0, "name": "CPUID", "type": "CALL_REL", "offset": 0x60},
    {"number": 1, "name": "WRMSR", "type": "CALL_REL", "offset": 0x70, "smp_offset": 0x90},
    {"number": 2, "name": "RDMSR", "type": "NONE", "offset": None},
]
MANIFEST: dict[str, Any] = {
    "block": {"size": 0x200, "asked": 0x100},
    "virtual_cpu": {
        "linked_at": {"offset": 8, "size": 4},
        "initialised": {"offset": 12, "size": 4},
    },
    "calls": ROWS,
}


def a_block(linear: int = LINEAR, initialised: int = 1, asked: bytes = b"\1\1\0") -> bytes:
    fields = linear.to_bytes(4, "little") + initialised.to_bytes(4, "little")
    return (bytes(8) + fields).ljust(0x100, b"\0") + asked.ljust(0x100, b"\0")


def calls_in(
    block: bytes, entries: dict[int, int] | None, manifest: dict[str, Any] = MANIFEST
) -> list[tuple[str, bool, int | None]]:
    rom = LocatedRom(Rom(Path("x.rom"), b"", manifest, {}), 0xC0000, BLOCK)

    def read(address: int, length: int) -> bytes:
        return block[address - BLOCK :][:length]

    return [(call.name, call.asked, call.calls) for call in bound_calls(rom, read, entries)]


def test_the_stubs_for_one_processor_and_for_several_count_together() -> None:
    entries = {LINEAR + 0x60: 1, LINEAR + 0x70: 20, LINEAR + 0x90: 300, BLOCK + 0x60: 4000}
    found = calls_in(a_block(), entries)
    assert found == [("CPUID", True, 1), ("WRMSR", True, 320), ("RDMSR", False, 0)]


def test_a_rom_that_keeps_no_notes_is_told() -> None:
    with pytest.raises(BoundUnknown, match="does not note what it is asked"):
        calls_in(a_block(), None, {})


def test_a_rom_that_was_never_initialised_is_told() -> None:
    with pytest.raises(BoundUnknown, match="did not initialise"):
        calls_in(a_block(initialised=0), None)


def test_calls_from_where_none_are_counted_are_no_zero() -> None:
    elsewhere = a_block(linear=0x80000000 + BLOCK)
    assert calls_in(elsewhere, None)[0] == ("CPUID", True, None)
    with pytest.raises(BoundUnknown, match="at 0x800e7000, where calls cannot be counted"):
        calls_in(elsewhere, {})
