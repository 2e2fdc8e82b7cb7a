import os
import struct

import pytest

from rom.assembler import AssemblyError, assemble, assemble_many
from rom.child import ChildError, Progress, run_in_child
from rom.source import generated
from tests.assembler.texts import built, lines


def test_labels_are_exact_after_short_and_long_jumps() -> None:
    assembly = built("a: jmp c\nb: .space 126\nc: jmp a\nd: .space 127\n e: jmp b\nf:")
    assert assembly.labels == {
        "a": 0x100000,
        "b": 0x100002,
        "c": 0x100080,
        "d": 0x100085,
        "e": 0x100104,
        "f": 0x100109,
    }
    assert struct.unpack_from("<i", assembly.code, 0x105) == (0x100002 - 0x100109,)


def test_rows_cover_the_code_and_label_rows_are_empty() -> None:
    assembly = built('start:\n movl $1, %eax # one\n\n# two\nend: .ascii "a#b"')
    assert [(r.line.number, r.address - assembly.base, r.size) for r in assembly.rows] == [
        (1, 0, 0),
        (2, 0, 5),
        (5, 5, 3),
    ]
    assert assembly.bytes_of(assembly.rows[2]) == b"a#b"


def test_lines_of_several_files_keep_their_places() -> None:
    assembly = assemble((*lines("jmp x", "a.s"), *lines("nop\nx: ret", "b.s")))
    assert [(r.line.file, r.line.number) for r in assembly.rows] == [
        ("a.s", 1),
        ("b.s", 1),
        ("b.s", 2),
    ]


def test_set_symbols_are_not_labels() -> None:
    assembly = built(".set SIZE, 4*2\nx: .space SIZE\nmovl $SIZE, %eax")
    assert assembly.labels == {"x": 0x100000}
    assert assembly.code == bytes(8) + b"\xb8\x08\0\0\0"


def test_org_counts_from_the_start_at_any_base() -> None:
    for base in (0, 0x100000):
        assembly = built("nop\n.org 0x10\na: nop\n.org a+4\nb: nop", base)
        assert assembly.labels == {"a": base + 0x10, "b": base + 0x14}


def test_the_same_lines_at_two_bases_differ_in_addresses_only() -> None:
    low, high = assemble_many(lines("x: .long x\njmp x"), (0x1000, 0x2000))
    assert low.code[:4].hex() == "00100000"
    assert high.code[:4].hex() == "00200000"
    assert low.code[4:] == high.code[4:]


def test_differences_of_labels_are_numbers() -> None:
    assembly = built("a: .byte 7-(b-a), b-a\n.long b-a, -(1+2), b-(a+1), . - a\nb: nop")
    assert struct.unpack("<bb4ib", assembly.code) == (7 - 18, 18, 18, -3, 17, 14, -0x70)


def test_the_same_lines_always_give_the_same_assembly() -> None:
    text = "a: jmp b\n.align 16\nb: movl $a, %eax"
    assert built(text) == built(text)


REFUSED = {
    ".text": "one section",
    ".section .foo": "one section",
    ".data": "one section",
    '.include "x"': "read_source",
    '.error "x"': "Python",
    ".local x": "leave it out",
    ".loc 1 1": "leave it out",
    ".hword 1": "write '.word'",
    ".macro x": "generate the lines in Python",
    ".rept 3": "generate the lines in Python",
    ".if 1": "generate the lines in Python",
    ".intel_syntax": "AT&T",
    ".comm x,4": "not supported",
    "1: nop": "give the label a name",
    "jmp 1b": "give the label a name",
    "movl $2f, %eax": "give the label a name",
    "ljmp $8, $5": ".byte 0xea",
    "ljmpl $8, $5": ".byte 0xea",
    "lcall $8, $5": ".byte 0xea",
    "data32 iret": "suffix",
    "addr32 movl (%eax), %eax": "32-bit register",
    "jmpl x": "write 'jmp'",
    ".fill b-a, 1, 0": "constant",
    ".space 16-(b-a)": "constant",
    ".fill 16-(.-a), 1, 0xff": "constant",
    '.ascii "x': "closing quote",
    "nop // x": "only # starts a comment",
    "nop /* x */": "only # starts a comment",
    "nop; y: nop": "start of a line",
    "W__1: nop": "the assembler's",
    "$$$": "neither a label",
    ".set X": "a name and a value",
    ".long 0, 5 - x": "is no address",
    "movl $4-x, %eax": "is no address",
    ".long b - x - a": "is no address",
}


@pytest.mark.parametrize("text", list(REFUSED))
def test_what_keystone_mistreats_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(AssemblyError) as caught:
        built(f"a: nop\nb: nop\nx:\n{text}\nnop")
    assert (caught.value.file, caught.value.number) == ("test.s", 4)
    assert caught.value.text == text
    assert REFUSED[text] in caught.value.reason


def test_a_set_symbol_made_from_labels_is_no_constant_size() -> None:
    with pytest.raises(AssemblyError, match=r"^test\.s:3: '\.space D'.*constant"):
        built("a: nop\nb: .set D, b-a\n.space D")


LOCATED = {
    "mvl $1,%eax": "invalid mnemonic",
    "mov $9,(%eax)": "invalid operand",
    "movl $1,%eaxx": "produces nothing",
    "jmp nowhere": "symbol nowhere is not defined",
    "movl %ss:gone+4(,%eax,4), %ebx": "symbol gone is not defined",
    ".word near": "does not fit",
    "movb $near, %al": "does not fit",
    ".word 0x12345": "does not fit",
    ".byte 1,": "missing",
    ".org 1": "backwards",
    "loop far": "beyond loop's reach",
    "jecxz far": "beyond jecxz's reach",
    "near: nop": "label near is already defined at test.s:1",
}


@pytest.mark.parametrize("text", list(LOCATED))
def test_an_error_names_file_line_text_and_reason(text: str) -> None:
    program = ["near: nop", "# comment", *["addl %eax, near"] * 20, text]
    program += ["jmp near", ".space 200", "far: nop"]
    with pytest.raises(AssemblyError) as caught:
        assemble(generated(program, "test.s"), 0x100000)
    assert (caught.value.file, caught.value.number) == ("test.s", 23)
    assert caught.value.text == text
    assert LOCATED[text] in caught.value.reason
    assert str(caught.value) == f"test.s:23: {text!r}: {caught.value.reason}"


def test_an_error_in_16_bit_code_is_located() -> None:
    with pytest.raises(AssemblyError, match=r"^test\.s:3: 'movw %eax,%bx'"):
        built(".code16\nmovw $x,%ax\nmovw %eax,%bx\nx: nop", 0)


def test_an_input_that_kills_keystone_is_an_error_at_its_line() -> None:
    with pytest.raises(AssemblyError, match=r"^test\.s:2: '\.space 2000000000': keystone "):
        built("nop\n.space 2000000000\nnop")


def test_a_crash_of_the_child_is_an_error_with_its_progress() -> None:
    def crash(tell: Progress) -> int:
        tell(3)
        os.abort()

    with pytest.raises(ChildError, match="crashed") as caught:
        run_in_child(crash, 10)
    assert caught.value.progress == 3


def test_a_hang_of_the_child_ends_with_the_limit() -> None:
    def hang(tell: Progress) -> int:
        tell(7)
        while True:
            pass

    with pytest.raises(ChildError, match=r"within 0\.05 s") as caught:
        run_in_child(hang, 0.05)
    assert caught.value.progress == 7


def test_a_child_is_reaped_when_it_ends_and_its_exception_comes_back() -> None:
    def fail(_: Progress) -> int:
        raise ValueError(str(os.getpid()))

    with pytest.raises(ValueError, match=r"^\d+$") as caught:
        run_in_child(fail, 10)
    with pytest.raises(ProcessLookupError):
        os.kill(int(str(caught.value)), 0)


def test_a_large_result_passes_through_the_pipe() -> None:
    assert run_in_child(lambda _: bytes(5_000_000), 10) == bytes(5_000_000)
