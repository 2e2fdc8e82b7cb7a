"""The same text through GNU as gives the same code."""

import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from rom.assembler import Assembly, AssemblyError, Row
from rom.lint import differences, gnu_assembly, gnu_bytes
from rom.relocate import relocatable
from tests.assembler.test_encodings import GOLDEN_16, GOLDEN_32
from tests.assembler.test_relocate import PROGRAM
from tests.assembler.texts import built, lines, needs_gnu

BASE = 0x100000

registers = st.sampled_from(["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"])
indexes = st.sampled_from(["eax", "ecx", "edx", "ebx", "ebp", "esi", "edi"])
numbers = st.integers(-(2**31), 2**31 - 1) | st.integers(-130, 130)
labels = st.integers(0, 9).map("l{}".format)
memory = (
    st.builds("{}(%{})".format, numbers, registers)
    | st.builds("{}(%{},%{},{})".format, numbers, registers, indexes, st.sampled_from([1, 2, 4, 8]))
    | st.builds("%ss:{}".format, labels)
    | st.builds("{}(,%{},4)".format, labels, indexes)
)
operations = st.sampled_from(["movl", "addl", "cmpl", "xorl", "andl", "orl", "subl", "testl"])
instructions = (
    st.builds("{} ${}, %{}".format, operations, numbers, registers)
    | st.builds("{} %{}, %{}".format, operations, registers, registers)
    | st.builds("{} %{}, {}".format, operations, registers, memory)
    | st.builds("{} ${}, {}".format, operations, numbers, memory)
    | st.builds("movl {}, %{}".format, memory, registers)
    | st.builds("leal {}, %{}".format, memory, registers)
    | st.builds("{} {}".format, st.sampled_from(["jmp", "jne", "jc", "call"]), labels)
    | st.builds("{} %{}".format, st.sampled_from(["pushl", "popl", "incl", "negl"]), registers)
    | st.builds(".long {}, {}".format, labels, numbers)
    | st.builds(".space {}".format, st.integers(1, 200))
    | st.sampled_from(["pushfl", "popfl", "cli", "sti", "ret", "iretl", "pushl %ds", ".align 4"])
)


@needs_gnu
@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.lists(instructions, max_size=8), min_size=10, max_size=10))
def test_random_programs_assemble_as_gnu_as_does(blocks: list[list[str]]) -> None:
    text = "\n".join(f"l{number}:\n" + "\n".join(block) for number, block in enumerate(blocks))
    ours, gnu = built(text, BASE), gnu_assembly(lines(text), BASE)
    assert gnu is not None
    assert differences(ours, gnu) == []


@needs_gnu
@pytest.mark.parametrize("mode", [".code32", ".code16"])
def test_system_instructions_are_those_of_gnu_as(mode: str) -> None:
    text = "\n".join([mode, *(GOLDEN_32 if mode == ".code32" else GOLDEN_16)])
    gnu = gnu_assembly(lines(text), 0)
    assert gnu is not None
    assert differences(built(text, 0), gnu) == []


@needs_gnu
def test_gnu_as_agrees_on_org_labels_and_bytes() -> None:
    assert gnu_bytes(lines(PROGRAM), BASE) == built(PROGRAM, BASE).code


@needs_gnu
def test_harmless_differences_are_none() -> None:
    text = "movw %ax, %ds\njmp b\n.align 16\na: addl $b-a, %ecx\n.align 16\nb: movl $b, %eax"
    ours, gnu = built(text, BASE), gnu_assembly(lines(text), BASE)
    assert gnu is not None
    assert ours.code != gnu.code
    assert differences(ours, gnu) == []


@needs_gnu
def test_distances_over_code_of_another_length_are_the_same() -> None:
    text = "a: movw %ax, %ds\nb: movl $b-a+4, %ecx\n.long b-a, a-b+1"
    ours, gnu = built(text, BASE), gnu_assembly(lines(text), BASE)
    assert gnu is not None
    assert ours.code[-8] != gnu.code[-8]
    assert differences(ours, gnu) == []


@pytest.mark.parametrize(
    ("text", "ours", "gnu"),
    [
        ("iret", "66cf", "cf"),
        ("lgdt (%eax)", "660f0110", "0f0110"),
        ("movb $300, %al", "b02c", "b02d"),
        ("movl $1, %eax", "b801000000", "b802000000"),
        (".long 1", "01000000", "02000000"),
        ("pushl %ds", "661e", "1e"),
        ("nop", "90", "9090"),
    ],
)
def test_a_real_difference_is_reported_with_its_line(text: str, ours: str, gnu: str) -> None:
    def made(code: bytes) -> Assembly:
        return Assembly(BASE, code, {}, (Row(lines(text)[0], BASE, len(code)),))

    (said,) = differences(made(bytes.fromhex(ours)), made(bytes.fromhex(gnu)))
    assert said.startswith(f"test.s:1: {text!r}: ")


@needs_gnu
def test_a_line_that_gnu_as_refuses_is_named() -> None:
    with pytest.raises(AssemblyError, match=r"^test\.s:2: 'frob': GNU as: "):
        gnu_bytes(lines("nop\nfrob\nnop"))


def test_without_gnu_as_there_is_nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert gnu_bytes(lines("nop")) is None


@needs_gnu
def test_the_relocations_found_are_those_of_gnu_as(tmp_path: Path) -> None:
    (tmp_path / "x.s").write_text(PROGRAM + "\n")
    command = ["as", "--32", "-o", str(tmp_path / "x.o"), str(tmp_path / "x.s")]
    subprocess.run(command, check=True, timeout=20)
    with (tmp_path / "x.o").open("rb") as file:
        section: Any = ELFFile(file).get_section_by_name(".rel.text")
        entries = list(section.iter_relocations())
    found = sorted(entry["r_offset"] for entry in entries if entry["r_info_type"] == 1)
    assert sorted(relocatable(lines(PROGRAM)).relocations) == found
    code = relocatable(lines(PROGRAM)).at(0)
    assert all(struct.unpack_from("<I", code, at)[0] < len(code) for at in found)
