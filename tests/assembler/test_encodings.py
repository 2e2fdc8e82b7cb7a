"""The bytes of instructions that keystone gets wrong when it is asked in another way."""

import pytest

from rom.assembler import AssemblyError, Row, assemble
from rom.lint import check_prefixes
from tests.assembler.texts import built, lines

GOLDEN_32 = {
    "lgdtl (%eax)": "0f 01 10",
    "lidtl (%eax)": "0f 01 18",
    "sgdtl (%eax)": "0f 01 00",
    "sidtl (%eax)": "0f 01 08",
    "lgdt 0x1234": "0f 01 15 34 12 00 00",
    "iretl": "cf",
    "iret": "cf",
    "pushfl": "9c",
    "popfl": "9d",
    "pushf": "9c",
    "popf": "9d",
    "pushl %ds": "1e",
    "popl %ds": "1f",
    "pushl %es": "06",
    "popl %es": "07",
    "pushl %ss": "16",
    "pushl %cs": "0e",
    "pushl %fs": "0f a0",
    "pushl %gs": "0f a8",
    "movl %cr0, %eax": "0f 20 c0",
    "movl %eax, %cr0": "0f 22 c0",
    "movl %cr3, %eax": "0f 20 d8",
    "movl %eax, %cr4": "0f 22 e0",
    "movl %eax, %dr7": "0f 23 f8",
    "lldt %ax": "0f 00 d0",
    "sldt %ax": "66 0f 00 c0",
    "ltr %ax": "0f 00 d8",
    "lmsw %ax": "0f 01 f0",
    "invlpg (%eax)": "0f 01 38",
    "wbinvd": "0f 09",
    "clts": "0f 06",
    "sti": "fb",
    "cli": "fa",
    "hlt": "f4",
    "rdmsr": "0f 32",
    "wrmsr": "0f 30",
    "int $0x80": "cd 80",
    "lret": "cb",
    ".byte 0xcb": "cb",
    "movl $130, %eax": "b8 82 00 00 00",
    "lock cmpxchg8b (%edi)": "f0 0f c7 0f",
    "movb $0, %ss:4(%eax)": "36 c6 40 04 00",
    "outb %al, %dx": "ee",
    "inl %dx, %eax": "ed",
}
GOLDEN_16 = {
    "iret": "cf",
    "iretl": "66 cf",
    "lret": "cb",
    ".byte 0xcb": "cb",
    "ret": "c3",
    "pushf": "9c",
    "pushw %ds": "1e",
    "pushl %eax": "66 50",
    "lgdtl (%si)": "66 0f 01 14",
    "movw $0x1234, %ax": "b8 34 12",
    "movl $0x12345678, %eax": "66 b8 78 56 34 12",
}


def test_system_instructions_have_their_32_bit_encodings() -> None:
    assembly = built("\n".join(GOLDEN_32))
    found = {row.line.text: assembly.bytes_of(row).hex(" ") for row in assembly.rows}
    assert found == GOLDEN_32


def test_instructions_after_code16_have_their_16_bit_encodings() -> None:
    assembly = built(".code16\n" + "\n".join(GOLDEN_16), 0)
    found = {row.line.text: assembly.bytes_of(row).hex(" ") for row in assembly.rows[1:]}
    assert found == GOLDEN_16


def test_16_and_32_bit_code_mix_in_one_source_with_labels_across() -> None:
    assembly = built(
        ".code16\nmovw $1,%ax\n.byte 0x66,0xea\n.long far\n.word 8\n.code32\nfar: movl $1,%eax", 0
    )
    assert assembly.code.hex(" ") == "b8 01 00 66 ea 0b 00 00 00 08 00 b8 01 00 00 00"
    assert [row.bits for row in assembly.rows] == [16, 16, 16, 16, 16, 32, 32]


@pytest.mark.parametrize("text", list(GOLDEN_32))
def test_the_lint_accepts_the_right_encodings(text: str) -> None:
    check_prefixes(built(text))


@pytest.mark.parametrize(
    ("mode", "text", "code"),
    [
        (32, "iret", "66cf"),
        (32, "lgdt (%eax)", "660f0110"),
        (32, "lidtl %cs:(%eax)", "2e660f0118"),
        (32, "pushf", "669c"),
        (32, "push %ds", "661e"),
        (32, "pushw %ds", "1e"),
        (16, "lret", "66cb"),
        (16, "ret", "66c3"),
        (16, "lgdtl (%si)", "0f0114"),
    ],
)
def test_the_lint_refuses_a_wrong_operand_size(mode: int, text: str, code: str) -> None:
    assembly = built("nop")
    raw = bytes.fromhex(code)
    row = Row(lines(text)[0], assembly.base, len(raw), mode)
    wrong = type(assembly)(assembly.base, raw, {}, (row,))
    with pytest.raises(AssemblyError, match=rf"^test\.s:1: .*{raw[0]:02x}.* bits, not"):
        check_prefixes(wrong)


def test_no_lines_make_no_bytes() -> None:
    assert assemble(lines("# nothing\n\n"), 0x100).code == b""
