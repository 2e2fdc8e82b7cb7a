"""One row of the VMI interface: a call, its numbers, registers, clobbers and meaning.

Default calling convention (VMI ABI, "calling conventions"): the first three 32-bit arguments in
EAX, EDX, ECX, the others on the stack from [ESP+4] on entry, removed by the caller; the result in
EAX or EDX:EAX. EAX, ECX, EDX and the flags may be clobbered. A row states what differs from that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from rom.interface.errors import UnknownCall


@dataclass(frozen=True)
class Generation:
    """One incompatible ABI of VMI, by the version bytes in the ROM header."""

    name: str
    major: int
    minor: int


GENERATIONS: Mapping[str, Generation] = {
    "3.0": Generation("3.0", 3, 0),  # Linux 2.6.21 to 2.6.36
    "13.0": Generation("13.0", 13, 0),  # the older one, of March 2006: the version went down
}


def generation_named(name: str) -> Generation:
    """Answer the generation of that name; raise UnknownCall for a name not in GENERATIONS."""
    if name not in GENERATIONS:
        known = ", ".join(GENERATIONS)
        raise UnknownCall(f"generation {name!r} is not known; choose one of: {known}")
    return GENERATIONS[name]


class Category(Enum):
    """The subject of a call: the module its row is in and the section of the documentation."""

    CPU = "Processor state"
    DESCRIPTORS = "Descriptor tables and kernel stack"
    INTERRUPTS = "Interrupts and return from them"
    MMU = "Page tables and TLB"
    PORTS = "Ports"
    PROCESSORS = "Processors, local APIC, power"
    TIMER = "Time"


class Requirement(Enum):
    """What Linux does without the call (GetRelocationInfo answers NONE); the text is for tables."""

    REQUIRED = "required"  # Linux crashes
    OPTIONAL = "optional"  # Linux keeps its native code
    TIMER_GROUP = "timer group"  # all calls of the group, or none of them
    UNUSED = "never asked"


class Segments(Enum):
    """Which segment registers the stub may rely on; FS and GS are never flat for certain."""

    FLAT = "flat"  # CS, SS, DS and ES are flat
    CS_SS = "CS, SS only"  # DS and ES may be null or the user's: reach memory through SS


@dataclass(frozen=True)
class Argument:
    """One input: its place ("EAX", "EDX:EAX" high:low, "[ESP+4]"), name and meaning."""

    place: str
    name: str
    meaning: str


@dataclass(frozen=True)
class Result:
    """One output: its place ("EAX", "EDX:EAX" high:low, "[EAX] 6 bytes"), name and meaning."""

    place: str
    name: str
    meaning: str


@dataclass(frozen=True)
class Outcome:
    """What bad or unusual input does: the case, and what is defined to happen, as phrases.

    A fault "in the stub" is the instruction's own: the guest's handler sees EIP inside the ROM,
    nothing has changed before, and when it has mended the cause and returns, the call goes on.
    """

    case: str
    outcome: str


STANDARD_CLOBBERS = frozenset({"EAX", "ECX", "EDX", "flags"})
MEMORY_CLOBBERS = STANDARD_CLOBBERS | {"memory"}
FLAGS_ONLY = frozenset({"flags"})
NO_CLOBBERS: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Call:
    """One VMI operation.

    `numbers` maps a generation's name to the call's number there; a generation in which the call
    does not exist, or takes its arguments elsewhere, is left out. `clobbers` are what may differ
    afterwards besides the registers of the results: names of registers, "flags", "memory" (the
    guest's compiler must assume that memory changed). `returns` is False for calls that never come
    back to their caller. `notes` say what the record of the interface leaves open and what is
    decided here; '' when nothing is. `outcomes` define what bad or unusual input does; none of it
    ever changes the ROM's own state beyond what is said.
    """

    name: str
    numbers: Mapping[str, int] = field(hash=False)
    category: Category
    meaning: str
    arguments: tuple[Argument, ...] = ()
    results: tuple[Result, ...] = ()
    clobbers: frozenset[str] = STANDARD_CLOBBERS
    segments: Segments = Segments.FLAT
    requirement: Requirement = Requirement.OPTIONAL
    returns: bool = True
    notes: str = ""
    outcomes: tuple[Outcome, ...] = ()

    def number(self, generation: str) -> int:
        """Answer the call's number in a generation; raise UnknownCall where it has none."""
        generation_named(generation)
        if generation not in self.numbers:
            raise UnknownCall(
                f"{self.name} has no number in generation {generation}; "
                f"it exists in {', '.join(self.numbers)}"
            )
        return self.numbers[generation]

    @property
    def signature(self) -> str:
        """The call as one reads it in a listing: `SetPxE(EAX=value, EDX=entry, ECX=flags)`."""
        return f"{self.name}({', '.join(f'{a.place}={a.name}' for a in self.arguments)})"


def numbers(in_3_0: int, in_13_0: int | None = None) -> Mapping[str, int]:
    """Answer the `numbers` of a row; None: generation 13.0 has no such call."""
    return {"3.0": in_3_0} if in_13_0 is None else {"3.0": in_3_0, "13.0": in_13_0}
