"""The state of a machine as data, as far as a call and what interrupts it can change it.

Writing such a state back is what makes a sweep fast: registers, a few ranges of memory and the two
8259s, in two round trips, where a snapshot of the whole machine takes milliseconds.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.errors import MachineError
from harness.machine.control import REGISTERS

PATTERN = 0xA5
"""What the stack is filled with below ESP, so that the deepest store shows."""

CPU, STACK_RANGE, LOG = 0, 1, 2
"""The ranges that every state has: the virtual CPU, the end of the kernel's stack, and the guest's
knobs and log. Those that a call writes come behind."""

CASCADE = 2
"""The line of the first 8259 that the second one is wired to."""

_PIC = re.compile(r"pic([01]): irr=([0-9a-f]{2}) imr=([0-9a-f]{2}) isr=([0-9a-f]{2}).*?rr_sel=(\d)")
_BASES = {0x20: 0x20, 0xA0: 0x28}  # first port of an 8259, and its first vector
_ICW1, _ICW4 = 0x11, 0x01
_POLL, _READ_IRR, _READ_ISR = 0x0C, 0x0A, 0x0B  # OCW3


@dataclass(frozen=True)
class Range:
    """Guest memory that is part of a state: linear address and bytes, 1024 at the most."""

    address: int
    size: int


@dataclass(frozen=True)
class Pics:
    """The two 8259s: requests, lines in service and masked lines; bit n is line n.

    `reads_isr`: bit 0 for the first, bit 1 for the second, whether a read of its command port
    answers the lines in service instead of the requests.
    """

    irr: int = 0
    isr: int = 0
    imr: int = 0
    reads_isr: int = 0

    @property
    def requests(self) -> list[int]:
        """The lines that are requested and not masked, without the cascade; highest rank first."""
        return by_rank(line for line in lines_of(self.irr & ~self.imr) if line != CASCADE)


@dataclass(frozen=True)
class State:
    """Registers in the order of `control.REGISTERS`, the bytes of each range, and the 8259s."""

    registers: tuple[int, ...]
    memory: tuple[bytes, ...]
    pics: Pics

    def __getitem__(self, register: str) -> int:
        return self.registers[REGISTERS.index(register)]

    def with_registers(self, values: Mapping[str, int]) -> "State":
        """The same with some registers changed."""
        words = dict(zip(REGISTERS, self.registers, strict=True)) | dict(values)
        return replace(self, registers=tuple(words[name] & 0xFFFFFFFF for name in REGISTERS))

    def with_memory(self, index: int, data: bytes, offset: int = 0) -> "State":
        """The same with bytes of one range changed."""
        old = self.memory[index]
        assert offset >= 0, "the range starts later"
        assert offset + len(data) <= len(old), "the range ends before"
        new = old[:offset] + data + old[offset + len(data) :]
        return replace(self, memory=(*self.memory[:index], new, *self.memory[index + 1 :]))


def write_packets(ranges: Sequence[Range], state: State) -> list[str]:
    """The packets of the remote protocol that write a state's memory and registers."""
    packets = [
        f"M{where.address:x},{len(data):x}:{data.hex()}"
        for where, data in zip(ranges, state.memory, strict=True)
    ]
    return [*packets, "G" + struct.pack("<16I", *state.registers).hex()]


def read_packets(ranges: Sequence[Range]) -> list[str]:
    """The packets whose answers `read_answers` understands."""
    return ["g", *(f"m{where.address:x},{where.size:x}" for where in ranges)]


def read_answers(answers: Sequence[str], pics: Pics) -> State:
    """The state that the answers to `read_packets` give. Raises MachineError."""
    if any(answer.startswith("E") for answer in answers):
        raise MachineError("Memory that a state consists of is not mapped.")
    registers = struct.unpack("<16I", bytes.fromhex(answers[0][: 8 * len(REGISTERS)]))
    return State(registers, tuple(bytes.fromhex(answer) for answer in answers[1:]), pics)


def parse_pics(text: str) -> Pics:
    """Read what the monitor's `info pic` printed, which changes nothing at the 8259s."""
    found = {int(match[1]): match for match in _PIC.finditer(text)}
    if found.keys() != {0, 1}:
        raise MachineError(f"QEMU's `info pic` could not be read; it printed: {text.strip()[:200]}")
    irr, imr, isr = (int(found[0][i], 16) | int(found[1][i], 16) << 8 for i in (2, 3, 4))
    return Pics(irr, isr, imr, int(found[0][5]) | int(found[1][5]) << 1)


def pic_requests(pics: Pics) -> Iterator[str | tuple[int, int]]:
    """What brings the 8259s, with no line up, to a state: port accesses, and lines to set.

    They are initialised anew. A line comes into service by being polled (Intel 8259A data sheet,
    "poll command"), the lowest in rank first, as a higher one in service would hide it.
    """
    for base, vector in _BASES.items():
        yield f"outb {base:#x} {_ICW1:#x}"
        for value in (vector, 1 << CASCADE if base == 0x20 else CASCADE, _ICW4):
            yield f"outb {base + 1:#x} {value:#x}"
    for line in reversed(by_rank(lines_of(pics.isr))):
        if line == CASCADE:
            continue
        yield from ((line, 1), (line, 0), f"outb 0x20 {_POLL:#x}", "inb 0x20")
        if line >= 8:
            yield from (f"outb 0xa0 {_POLL:#x}", "inb 0xa0")
    for line in lines_of(pics.irr):
        if line != CASCADE:
            yield from ((line, 1), (line, 0))
    for index, base in enumerate(_BASES):
        if pics.imr >> 8 * index & 0xFF:
            yield f"outb {base + 1:#x} {pics.imr >> 8 * index & 0xFF:#x}"
        if pics.reads_isr >> index & 1:
            yield f"outb {base:#x} {_READ_ISR:#x}"


def pic_questions() -> list[str]:
    """Port accesses that read both 8259s at rest; `pic_answers` understands what they answer."""
    return [
        request
        for base in _BASES
        for request in (
            f"outb {base:#x} {_READ_ISR:#x}",
            f"inb {base:#x}",
            f"outb {base:#x} {_READ_IRR:#x}",
            f"inb {base:#x}",
            f"inb {base + 1:#x}",
        )
    ]


def pic_answers(answers: Sequence[str]) -> Pics:
    """The 8259s as `pic_questions` found them."""
    isr, irr, imr = (
        int(answers[index], 16) | int(answers[index + 5], 16) << 8 for index in (1, 3, 4)
    )
    return Pics(irr, isr, imr)


def lines_of(bits: int) -> list[int]:
    """The numbers of the bits that are set, the lowest first."""
    return [line for line in range(16) if bits >> line & 1]


def rank(line: int) -> int:
    """A line's place in the 8259s' order of priority; 0 is the highest.

    Those of the second one have the place of the cascade (Intel 8259A data sheet, "cascade mode").
    """
    if line < CASCADE:
        return line
    return line - 8 + CASCADE if line >= 8 else line + 8 - 1


def by_rank(lines: Iterator[int] | Sequence[int]) -> list[int]:
    """Lines, the highest in rank first."""
    return sorted(lines, key=rank)
