"""Mutants: each small change of the interrupt path's instructions, as bytes to put into RAM.

Each instruction dropped, each conditional inverted, each pair of neighbours swapped, each constant
changed. A mutant has the length of what it replaces, so that nothing else moves.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from capstone import CS_ARCH_X86, CS_MODE_32, Cs, CsInsn
from capstone.x86 import X86_GRP_CALL, X86_GRP_IRET, X86_GRP_JUMP, X86_GRP_RET, X86_OP_MEM

from harness.explore.museum import SOURCES
from harness.explore.same import are_independent
from rom.image import Image
from rom.source import strip_comment

PATHS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "bare": (
        ("EnableInterrupts", "SetGDT"),
        ("UpdateKernelStack", "WriteLDTEntry"),
        ("leave_open", "leave_open_end"),
        ("leave_closed", "write_gate"),
        ("closed_start", "set_idt"),
        ("vector_02", "vector_04"),
        ("vector_0d", "vector_0e"),
        ("vector_24", "vector_25"),
    ),
    "native": (
        ("EnableInterrupts", "start_guest"),
        ("SYSEXIT", "SetGDT"),
        ("write_entry", "SetIOPLMask"),
    ),
}
"""The interrupt path of each backend, as ranges from a label to another: the bodies of the
interrupt calls, arrival and delivery with what they ask the 8259s, the ways out of closed code, and
of the 256 entries, which one line of source makes, one of each kind. `native` closes itself only
to write a descriptor."""

NOP = b"\x90"
SWAPPED = "swapped"
CONDITION = 1
"""Bit of a conditional jump's opcode: the opposite condition."""

_NEAR, _SHORT_JUMPS, _NEAR_JUMPS = 0x0F, range(0x70, 0x80), range(0x80, 0x90)


@dataclass(frozen=True)
class Instruction:
    """One instruction of the path. `offset` is in the RAM block; `begins_block`: others jump here.

    `constants`: its immediates and displacements, as offset in `data`, size, and which; `relative`
    is the offset and size of a branch's distance. `ends_block`: what follows may not be next.
    `closed`: it runs with the real IF off, unless it turns that on itself.
    """

    offset: int
    data: bytes
    label: str
    text: str
    begins_block: bool
    ends_block: bool
    constants: tuple[tuple[int, int, str], ...]
    relative: tuple[int, int] | None
    closed: bool
    decoded: CsInsn


@dataclass(frozen=True)
class Mutant:
    """One change. `number` tells those apart that are the same change of the same text under one
    label, from 1. Prints as the key that it goes by in the list of survivors.
    """

    label: str
    text: str
    change: str
    offset: int
    data: bytes
    number: int = 1

    def __str__(self) -> str:
        again = f" ({self.number})" if self.number > 1 else ""
        return f"{self.label}: {self.text}: {self.change}{again}"


def mutants(image: Image, base: int = 0) -> list[Mutant]:
    """All mutants of an image whose block is at an address, in the order of addresses.

    Two neighbours of closed code whose order nothing can tell are not swapped: that would be the
    same program (see same.py).
    """
    return [mutant for mutant, same in _all(image, base) if not same]


def same_programs(image: Image) -> list[Mutant]:
    """The mutants that are left out."""
    return [mutant for mutant, same in _all(image, 0) if same]


def _all(image: Image, base: int) -> Iterator[tuple[Mutant, bool]]:
    """Each change, and whether it makes the same program."""
    counts: Counter[str] = Counter()
    relocated = frozenset(image.wedge.relocations)
    code = instructions(image, base)
    for index, instruction in enumerate(code):
        following = code[index + 1] if index + 1 < len(code) else None
        for mutant in _changes(instruction, following, relocated):
            counts[str(mutant)] += 1
            same = (
                mutant.change.startswith(SWAPPED)
                and following is not None
                and (instruction.closed and following.closed)
                and are_independent(instruction.decoded, following.decoded)
            )
            yield replace(mutant, number=counts[str(mutant)]), same


def instructions(image: Image, base: int = 0) -> list[Instruction]:
    """The interrupt path's instructions, in the order of addresses."""
    assembly = image.wedge.assembly
    code = image.wedge.at(base)
    names = {at: name for name, at in assembly.labels.items()}  # of several, the last
    marks = sorted(names)
    decoder = Cs(CS_ARCH_X86, CS_MODE_32)
    decoder.detail = True
    lines: dict[str, list[str]] = {}
    found = []
    for first, last in sorted(
        (assembly.labels[first], assembly.labels[last]) for first, last in PATHS[image.backend.name]
    ):
        for row in assembly.rows:
            if not (first <= row.address < last and row.size):
                continue
            data = code[row.address : row.address + row.size]
            decoded = list(decoder.disasm(data, base + row.address))
            alone = len(decoded) == 1
            for each in decoded:
                if not alone and each.bytes == NOP:
                    continue  # what aligns the next entry
                offset = each.address - base
                label = names[max(mark for mark in marks if mark <= offset)]
                text = _source(lines, row.line.file, row.line.number) if alone else ""
                text = text or _plain(each)
                closed = offset in _closed(image)
                found.append(_instruction(each, offset, label, text, offset in names, closed))
    return found


def _closed(image: Image) -> range:
    """Where closed code is; nowhere in a backend without."""
    labels = image.wedge.assembly.labels
    return range(labels.get("closed_start", 0), labels.get("closed_end", 0))


def _source(lines: dict[str, list[str]], file: str, number: int) -> str:
    """A line of the source as it is written; nothing for one that a program made."""
    if file not in lines:
        path = SOURCES.parent / file
        lines[file] = path.read_text().splitlines() if path.exists() else []
    if number > len(lines[file]):
        return ""
    return " ".join(strip_comment(lines[file][number - 1]).split())


def _plain(decoded: CsInsn) -> str:
    """An instruction without its source: as decoded, and of a branch the name alone."""
    branches = decoded.group(X86_GRP_JUMP) or decoded.group(X86_GRP_CALL)
    return str(decoded.mnemonic if branches else f"{decoded.mnemonic} {decoded.op_str}")


def _instruction(
    decoded: CsInsn, offset: int, label: str, text: str, begins_block: bool, closed: bool
) -> Instruction:
    data = bytes(decoded.bytes)
    branches = decoded.group(X86_GRP_JUMP) or decoded.group(X86_GRP_CALL)
    leaves = any(map(decoded.group, (X86_GRP_JUMP, X86_GRP_RET, X86_GRP_IRET)))
    constants = []
    relative = None
    if decoded.imm_offset and branches:
        relative = (decoded.imm_offset, decoded.imm_size)
    elif decoded.imm_offset:
        constants.append((decoded.imm_offset, decoded.imm_size, "immediate"))
    if decoded.disp_offset:
        memory = next((each for each in decoded.operands if each.type == X86_OP_MEM), None)
        computed = decoded.mnemonic.startswith("lea") or memory is None
        wide = not computed and memory is not None and memory.size >= 4
        what = "displacement of a dword" if wide else "displacement"
        constants.append((decoded.disp_offset, decoded.disp_size, what))
    sysexit = data[:2] == b"\x0f\x35"
    return Instruction(
        *(offset, data, label, text, begins_block, leaves or sysexit),
        *(tuple(constants), relative, closed, decoded),
    )


def _changes(
    instruction: Instruction, following: Instruction | None, relocated: frozenset[int]
) -> Iterator[Mutant]:
    def change(what: str, data: bytes) -> Mutant:
        return Mutant(instruction.label, instruction.text, what, instruction.offset, data)

    size = len(instruction.data)
    if instruction.data != NOP * size:
        yield change("dropped", NOP * size)
    if inverted := _inverted(instruction.data):
        yield change("inverted", inverted)
    if following is not None and (swapped := _swapped(instruction, following)):
        yield change(f"{SWAPPED} with {following.text}", swapped)
    for at, width, which in instruction.constants:
        value = int.from_bytes(instruction.data[at : at + width], "little")
        for what, new in _values(which, value, instruction.offset + at in relocated):
            field = (new & ((1 << 8 * width) - 1)).to_bytes(width, "little")
            data = instruction.data[:at] + field + instruction.data[at + width :]
            if data != instruction.data:
                yield change(what, data)


def _inverted(data: bytes) -> bytes:
    """A conditional jump with the opposite condition; nothing for any other instruction."""
    if data[0] in _SHORT_JUMPS:
        return bytes([data[0] ^ CONDITION]) + data[1:]
    if data[0] == _NEAR and data[1] in _NEAR_JUMPS:
        return bytes([data[0], data[1] ^ CONDITION]) + data[2:]
    return b""


def _swapped(first: Instruction, second: Instruction) -> bytes:
    """Two neighbours of one basic block the other way round; nothing where they cannot be."""
    adjacent = first.offset + len(first.data) == second.offset
    if not adjacent or first.ends_block or second.begins_block or first.data == second.data:
        return b""
    moved = [_moved(second, -len(first.data)), _moved(first, len(second.data))]
    return b"".join(moved) if all(moved) else b""


def _moved(instruction: Instruction, distance: int) -> bytes:
    """An instruction as it has to be elsewhere; nothing when a branch does not reach so far."""
    if instruction.relative is None:
        return instruction.data
    at, width = instruction.relative
    target = int.from_bytes(instruction.data[at : at + width], "little", signed=True) - distance
    try:
        field = target.to_bytes(width, "little", signed=True)
    except OverflowError:
        return b""
    return instruction.data[:at] + field + instruction.data[at + width :]


def _values(which: str, value: int, relocated: bool) -> Iterator[tuple[str, int]]:
    """What a constant becomes: for an immediate the next number and none; another dword's or
    byte's place for a displacement.
    """
    if which == "immediate":
        yield "immediate + 1", value + 1
        if relocated:
            yield "immediate - 1", value - 1
        elif value:
            yield "immediate 0", 0
        else:
            yield "immediate -1", -1
    else:
        step = 4 if which == "displacement of a dword" else 1
        yield f"displacement + {step}", value + step
