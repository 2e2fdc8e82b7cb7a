"""Decimal numbers mean what they say, whatever state keystone is in.

keystone sometimes reads them as hexadecimal; setting its syntax option makes it do so always.
"""

import struct
from typing import Any

import keystone
import pytest

from guests.build import build_guest
from rom.assembler import AssemblyError
from rom.backends import BACKENDS
from rom.dialect import in_hexadecimal
from rom.image import build_image
from tests.assembler.texts import built


class Hexadecimal(keystone.Ks):  # type: ignore[misc]
    """keystone in the state in which it takes 100 for 0x100."""

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.syntax = keystone.KS_OPT_SYNTAX_ATT


@pytest.fixture
def reads_hexadecimal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the assembler meet keystone in that state."""
    code, _ = Hexadecimal(keystone.KS_ARCH_X86, keystone.KS_MODE_32).asm(".att_syntax\n.long 100")
    assert struct.pack("<I", 0x100) == bytes(code), "this keystone has no such state any more"
    monkeypatch.setattr(keystone, "Ks", Hexadecimal)


PROGRAMS = {
    ".long 100, 8, 10, -20": struct.pack("<4i", 100, 8, 10, -20),
    ".long 1000000000, 4294967295": struct.pack("<2I", 1000000000, 4294967295),
    ".long 0x100, 010, 0, 2*30+12": struct.pack("<4I", 0x100, 8, 0, 72),
    ".set SIZE, 12\n.set TWICE, SIZE*20\n.long TWICE": struct.pack("<I", 240),
    "movl $100, %ecx": b"\xb9\x64\0\0\0",
    "movl 100(%eax,%ebx,8), %ecx": b"\x8b\x4c\xd8\x64",
    "movl %ss:12+10(%eax), %ecx": b"\x36\x8b\x48\x16",
    '.ascii "100 and 10"': b"100 and 10",
    ".byte '1', 10": b"1\x0a",
    "nop\n.balign 16, 0": b"\x90" + bytes(15),
    ".space 20, 11": b"\x0b" * 20,
    ".org 10\nnop": bytes(10) + b"\x90",
    "v10: .long v10-v10+10": struct.pack("<I", 10),
}


@pytest.mark.parametrize("text", PROGRAMS)
def test_a_number_is_decimal_when_keystone_reads_hexadecimal(
    reads_hexadecimal: None, text: str
) -> None:
    assert built(text).code == PROGRAMS[text]


@pytest.mark.parametrize("text", PROGRAMS)
def test_a_number_is_decimal_when_keystone_reads_decimal(text: str) -> None:
    assert built(text).code == PROGRAMS[text]


@pytest.mark.parametrize("name", BACKENDS)
def test_the_roms_do_not_depend_on_it(name: str, request: pytest.FixtureRequest) -> None:
    before = build_image(BACKENDS[name]).content
    request.getfixturevalue("reads_hexadecimal")
    assert build_image(BACKENDS[name]).content == before


def test_the_guest_does_not_depend_on_it(request: pytest.FixtureRequest) -> None:
    before = build_guest("checks").elf
    request.getfixturevalue("reads_hexadecimal")
    assert build_guest("checks").elf == before


def test_an_error_shows_the_line_as_it_was_written(reads_hexadecimal: None) -> None:
    with pytest.raises(AssemblyError, match=r"^test\.s:2: 'movl \$100, %eaxx': "):
        built("nop\nmovl $100, %eaxx")


@pytest.mark.parametrize(
    ("part", "same"),
    [
        ("movl $10, %eax", "movl $0xa, %eax"),
        ("movl $-100+20, %eax", "movl $-0x64+0x14, %eax"),
        ("movl name10, %eax", "movl name10, %eax"),
        ("movl 7(%eax), %eax", "movl 7(%eax), %eax"),
        (".long 0x10, 010, 1b0", ".long 0x10, 010, 1b0"),
        ('.ascii "10", "20"', '.ascii "10", "20"'),
    ],
)
def test_decimal_numbers_and_they_alone_are_written_in_hexadecimal(part: str, same: str) -> None:
    assert in_hexadecimal(part) == same
