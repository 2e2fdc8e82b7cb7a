import struct

import pytest

from rom.assembler import AssemblyError, assemble
from rom.relocate import relocatable
from tests.assembler.texts import lines

PROGRAM = """\
start: movl data, %eax
 movl %eax, %ss:data+4
 movl $data, table(,%eax,4)
 call start
 jmp *table
 cmpl $0, %ss:data
data: .long 0x12345678, 5
table: .long start, data, end-start
 .org 0x80
end: ret"""


def test_the_relocations_are_the_absolute_fields() -> None:
    found = relocatable(lines(PROGRAM))
    labels = found.assembly.labels
    values = [struct.unpack_from("<I", found.assembly.code, at)[0] for at in found.relocations]
    data, table = labels["data"], labels["table"]
    # An instruction's displacement stands before its immediate.
    assert values == [data, data + 4, table, data, table, data, labels["start"], data]
    assert found.relocations[-2:] == (table, table + 4)


@pytest.mark.parametrize("base", [0x1000, 0xE7C40, 0xC0000000, 0xFFFF0000])
def test_loaded_code_equals_code_assembled_there(base: int) -> None:
    assert relocatable(lines(PROGRAM)).at(base) == assemble(lines(PROGRAM), base).code


def test_labels_and_rows_of_relocatable_code_count_from_zero() -> None:
    assembly = relocatable(lines(PROGRAM)).assembly
    assert assembly.base == 0
    assert assembly.labels["end"] == 0x80
    assert assembly.rows[0].address == 0
    assert assembly.rows[-1].address == 0x80


def test_code_without_addresses_has_no_relocations() -> None:
    assert relocatable(lines("a: jmp a\n.long . - a")).relocations == ()


def test_an_address_below_the_start_of_the_code_relocates() -> None:
    found = relocatable(lines("a: .long a - 0x200000"))
    assert found.relocations == (0,)
    assert found.at(0x300000) == assemble(lines("a: .long a - 0x200000"), 0x300000).code


@pytest.mark.parametrize(
    "text",
    [".set A, 0 - x\n.long A", ".word x"],
)
def test_a_field_that_is_no_plain_address_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(AssemblyError, match=r"^test\.s:[23]: '\.(byte|long|word)"):
        relocatable(lines(f"nop\n{text}\nx: nop"))
