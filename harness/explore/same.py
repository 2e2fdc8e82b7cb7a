"""Two neighbours in closed code whose order nothing can tell: swapped, it is the same program."""

from dataclasses import dataclass

from capstone import CsInsn
from capstone.x86 import X86_OP_MEM, X86_OP_REG, X86_REG_ESP, X86_REG_INVALID

PLAIN = frozenset(
    (
        *("mov", "movzx", "lea", "push", "pop", "xchg", "inc", "dec", "shl", "bt", "btr"),
        *("add", "sub", "and", "or", "xor", "cmp", "test"),
    )
)
"""Instructions that do nothing but what their registers, flags and memory show."""

UNCHANGING = ("cmp", "test", "bt", "push")
"""Those that write to none of their operands."""

_PARTS = {
    part: f"e{letter}x"
    for letter in "abcd"
    for part in (f"{letter}l", f"{letter}h", f"{letter}x", f"e{letter}x")
}


@dataclass(frozen=True)
class _Place:
    """Memory that an instruction touches: the stack's, at this distance from ESP, or the ROM's."""

    of_stack: bool
    bytes: range


def are_independent(first: CsInsn, second: CsInsn) -> bool:
    """Whether two instructions of one basic block do the same in either order.

    That holds for closed code: nothing but an NMI or an exception comes between the two, and it
    leaves every register and flag as it finds them, and the stack from ESP up. They must have no
    register and no flag in common that one of them writes, and no memory, and but one may touch the
    virtual CPU: so an NMI finds that as it would one instruction sooner or later. No other memory
    counts: the guest's own may fault, and then a handler would see the difference.
    """
    if not {first.mnemonic, second.mnemonic} <= PLAIN:
        return False
    reads, writes = zip(_registers(first), _registers(second), strict=True)
    if writes[0] & (reads[1] | writes[1]) or writes[1] & reads[0]:
        return False
    try:
        places = [place for each in (first, second) if (place := _place(each))]
    except ValueError:
        return False
    if len(places) < 2 or places[0].of_stack != places[1].of_stack:
        return True
    ours, theirs = (place.bytes for place in places)
    return places[0].of_stack and (ours.stop <= theirs.start or theirs.stop <= ours.start)


def _registers(instruction: CsInsn) -> tuple[frozenset[str], frozenset[str]]:
    """What it reads, or may, and what it writes: whole registers; all flags are one of them.

    Not by capstone's regs_access, which leaves out operands of TEST and what a PUSH does to ESP.
    """
    name, operands = instruction.mnemonic, instruction.operands
    numbers = [each.reg for each in operands if each.type == X86_OP_REG]
    written = [
        each.reg for each in operands[: 2 if name == "xchg" else 1] if each.type == X86_OP_REG
    ]
    for each in operands:
        if each.type == X86_OP_MEM:
            numbers += [each.mem.base, each.mem.index]
    reads, writes = (
        {_PARTS.get(word, word) for number in which if (word := instruction.reg_name(number))}
        for which in (numbers, [] if name in UNCHANGING else written)
    )
    if name in ("push", "pop"):
        reads.add("esp")
        writes.add("esp")
    elif name not in ("mov", "movzx", "lea", "xchg"):
        writes.add("eflags")
    return frozenset(reads), frozenset(writes)


def _place(instruction: CsInsn) -> _Place | None:
    """The memory that it touches, if any. Raises ValueError for other memory than is known here."""
    if instruction.mnemonic in ("push", "pop"):
        below = -4 if instruction.mnemonic == "push" else 0
        if any(each.type == X86_OP_MEM for each in instruction.operands):
            raise ValueError("two places")
        return _Place(True, range(below, below + 4))
    memory = [each for each in instruction.operands if each.type == X86_OP_MEM]
    if instruction.mnemonic == "lea" or not memory:
        return None
    where, size = memory[0].mem, memory[0].size
    if where.base == X86_REG_INVALID:
        return _Place(False, range(where.disp, where.disp + size))
    if where.base == X86_REG_ESP and where.index == X86_REG_INVALID and where.disp >= 0:
        return _Place(True, range(where.disp, where.disp + size))
    raise ValueError("the guest's")
