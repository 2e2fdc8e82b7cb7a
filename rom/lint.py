"""Checks on assembled bytes: the operand-size prefix, and a comparison with GNU as."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rom.assembler import Assembly, Program, Row, compose
from rom.dialect import ALIGNMENTS, DATA_WIDTH, AssemblyError, names_in
from rom.source import Line, parse

GNU_LIMIT = 20.0
"""Seconds that GNU as or ld may take."""

_SEGMENT = re.compile(r"%[cdefgs]s$")
_SYSTEM = {"lgdt", "lidt", "sgdt", "sidt", "iret", "pushf", "popf", "ret", "lret"}
_STACK = {"push", "pop"}
_OTHER_PREFIXES = b"\x26\x2e\x36\x3e\x64\x65\x67\xf0\xf2\xf3"
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+")
_ERROR_LINE = re.compile(r":(\d+): Error: (.*)")


def check_prefixes(assembly: Assembly) -> None:
    """Check that system instructions have the operand size their mnemonic and mode say.

    A stray 66 prefix makes lgdt load a base of 24 bits, and iret and push take 16-bit frames
    (Intel SDM vol 2, LGDT, IRET, PUSH). A line of several statements is not looked at.
    Raises AssemblyError.
    """
    for row in assembly.rows:
        statement = parse(row.line.text)
        if len(statement.parts) != 1 or not row.size:
            continue
        width = _operand_size(statement.words[0], statement.parts[0], row.bits)
        if width is None:
            continue
        code = assembly.bytes_of(row)
        prefixed = b"\x66" in code[: len(code) - len(code.lstrip(_OTHER_PREFIXES + b"\x66"))]
        if prefixed != (width != row.bits):
            raise AssemblyError(
                row.line,
                f"{code.hex(' ')} has an operand of {16 if prefixed == (row.bits == 32) else 32} "
                f"bits, not {width}; write the suffix or emit the bytes",
            )


def _operand_size(word: str, part: str, bits: int) -> int | None:
    """Operand size that a checked instruction must have, None for one that is not checked."""
    stem, suffix = (word[:-1], word[-1]) if word[-1] in "wl" else (word, "")
    if stem not in _SYSTEM and not (stem in _STACK and _SEGMENT.search(part)):
        return None
    return {"w": 16, "l": 32, "": bits}[suffix]


def gnu_assembly(lines: Sequence[Line], base: int = 0) -> Assembly | None:
    """Assemble the same lines with GNU as and ld; None when one of them is not installed.

    Raises AssemblyError for a line that GNU as refuses.
    """
    gnu_as, gnu_ld = shutil.which("as"), shutil.which("ld")
    if gnu_as is None or gnu_ld is None:
        return None
    program = compose(lines)
    if not program.lines:
        return Assembly(base, b"", {}, ())
    with tempfile.TemporaryDirectory(prefix="wedge-") as name:
        folder = Path(name)
        source, module, binary = folder / "source.s", folder / "source.o", folder / "source.bin"
        source.write_text(program.at(0), encoding="utf-8")
        _run(program, [gnu_as, "--32", "-o", str(module), str(source)])
        layout = ["-m", "elf_i386", "-N", "-e", "0", f"-Ttext={base:#x}", "--oformat", "binary"]
        _run(program, [gnu_ld, *layout, "-o", str(binary), str(module)])
        return program.read(base, binary.read_bytes())


def gnu_bytes(lines: Sequence[Line], base: int = 0) -> bytes | None:
    """The bytes GNU as makes of the lines; None when as or ld is not installed.

    Raises AssemblyError for a line that GNU as refuses.
    """
    assembly = gnu_assembly(lines, base)
    return None if assembly is None else assembly.code


def _run(program: Program, command: list[str]) -> None:
    tool = Path(command[0]).name
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=GNU_LIMIT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise AssemblyError(program.lines[0], f"GNU {tool} did not end in time") from error
    if done.returncode:
        found = _ERROR_LINE.search(done.stderr)
        index = min(int(found[1]), len(program.lines)) - 1 if found else 0
        said = found[2] if found else done.stderr.strip().splitlines()[-1]
        raise AssemblyError(program.lines[index], f"GNU {tool}: {said}")


def differences(ours: Assembly, gnu: Assembly) -> list[str]:
    """Compare two assemblies of the same lines; one sentence for each line that differs.

    Differences without effect do not count: a needless 66 on a move to a segment register, another
    length of an immediate or displacement, the padding of an alignment. Addresses within the
    program count as equal when they are those of the same line, and so do distances of labels.
    """
    said = []
    decode = _decoder()
    for our_row, gnu_row in zip(ours.rows, gnu.rows, strict=True):
        our_bytes, gnu_bytes_ = ours.bytes_of(our_row), gnu.bytes_of(gnu_row)
        words = parse(our_row.line.text).words
        if our_bytes == gnu_bytes_ or set(words) & ALIGNMENTS:
            continue
        if words and words[0] in DATA_WIDTH:
            width = DATA_WIDTH[words[0]]
            pair = _values(our_bytes, width), _values(gnu_bytes_, width)
        else:
            pair = decode(ours, our_row), decode(gnu, gnu_row)
        line = our_row.line
        if not _same(ours, gnu, *pair, _moved(ours, gnu, line)):
            said.append(
                f"{line.file}:{line.number}: {line.text.strip()!r}: {our_bytes.hex(' ')}, "
                f"but GNU as makes {gnu_bytes_.hex(' ')}"
            )
    return said


def _decoder() -> Callable[[Assembly, Row], list[str]]:
    """A function that disassembles one row to a text for each instruction."""
    import capstone  # costs more than a whole build, and only this check needs it

    engines: dict[int, Any] = {
        16: capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_16),
        32: capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32),
    }

    def decode(assembly: Assembly, row: Row) -> list[str]:
        code = assembly.bytes_of(row)
        found = list(engines[row.bits].disasm(code, row.address))
        if sum(instruction.size for instruction in found) != row.size:
            return [code.hex()]
        return [_normal(code, row, instruction) for instruction in found]

    return decode


def _normal(code: bytes, row: Row, instruction: Any) -> str:
    """The instruction's text, with its operand size where the disassembler hides it."""
    text = f"{instruction.mnemonic} {instruction.op_str}"
    start = instruction.address - row.address
    code = code[start:]
    prefixes = code[: len(code) - len(code.lstrip(_OTHER_PREFIXES + b"\x66"))]
    near_jump = row.bits == 16 and text.startswith("j")
    if "word ptr" not in text and not text.startswith("mov ") and not near_jump:
        text += " (66)" if b"\x66" in prefixes else ""
    return re.sub(r"\bmov ([cdefgs]s), e?(ax|bx|cx|dx|si|di|sp|bp)\b", r"mov \1, \2", text)


def _values(code: bytes, width: int) -> list[str]:
    starts = range(0, len(code), width)
    return [str(int.from_bytes(code[start : start + width], "little")) for start in starts]


def _moved(ours: Assembly, gnu: Assembly, line: Line) -> set[int]:
    """By how much the labels that a line names, and their distances, differ in both assemblies."""
    names = [n for part in parse(line.text).parts for n in names_in(part) if n in ours.labels]
    shifts = [ours.labels[name] - gnu.labels[name] for name in names]
    return {*shifts, *(one - other for one in shifts for other in shifts)}


def _same(
    ours: Assembly, gnu: Assembly, left: list[str], right: list[str], moved: set[int]
) -> bool:
    if len(left) != len(right):
        return False
    for one, other in zip(left, right, strict=True):
        if _NUMBER.sub("N", one) != _NUMBER.sub("N", other):
            return False
        numbers = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
        for ours_text, gnu_text in numbers:
            a, b = int(ours_text, 0), int(gnu_text, 0)
            if a - b not in {0, *moved} and not set(_places(ours, a)) & set(_places(gnu, b)):
                return False
    return True


def _places(assembly: Assembly, address: int) -> Iterator[tuple[int, int]]:
    """Which rows an address lies in, as pairs of row number and offset (an empty row counts)."""
    for index, row in enumerate(assembly.rows):
        if row.address <= address < row.address + max(row.size, 1):
            yield index, address - row.address
    if address == assembly.base + len(assembly.code):
        yield len(assembly.rows), 0
