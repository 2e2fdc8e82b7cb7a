"""What the model and a ROM are compared by: where a guest stands, and how it came there."""

from dataclasses import dataclass
from enum import Enum, StrEnum


class Place(StrEnum):
    """Where code goes on: what a frame's EIP points at."""

    KERNEL = "kernel"  # where the driver has the kernel loop, or a call's return address
    USER = "user"  # the loop of user mode
    HALT = "halt"  # in Halt, after its HLT
    ENTRY = "entry"  # the first instruction of a handler


class Allowance(Enum):
    """Where a lazy ROM may differ from the bare machine, each with what the guest sees."""

    ACCEPTED_EARLY = "an interrupt that waits while masked shows as in service, not as requested"
    SLAVE_ORDER = "a line of the slave that waits is not overtaken by a higher one of the slave"
    SECOND_EDGE = "an edge behind one that waits is delivered too, where an 8259 merges them"
    LATE_EOI = "what waited for an EOI is delivered at the next enabling, not right after it"
    EARLY_EOI = "an EOI for a lower one, sent masked while a higher one waits, ends the higher one"
    SLAVE_EOI = "a handler of the slave's is over for what waits with its EOI at the slave"
    USER_IF = "what was accepted is delivered on the way to user code, even if that has IF clear"
    SYSENTER_MASK = "after SYSENTER the guest counts as enabled until an exception or INT n comes"


@dataclass(frozen=True)
class Frame:
    """What a handler finds on its stack: where to go on, the EFLAGS image's IF, the error code."""

    place: Place
    interrupts: bool
    error: int = 0


@dataclass
class Context:
    """The kernel's base, user code, or a handler; `frame` is that of a handler.

    `at` is where it goes on: ENTRY and HALT (awake) only while others are entered on top at once.
    """

    vector: int | None = None
    frame: Frame | None = None
    at: Place = Place.KERNEL
    asleep: bool = False

    @property
    def user(self) -> bool:
        """Whether it is user code."""
        return self.at is Place.USER


@dataclass(frozen=True)
class State:
    """What is compared after each event; vectors are numbers, registers as a port read gives them.

    `delivered`: vectors of the handlers entered, in order. `waits`: vectors recorded or requested,
    in the order of numbers. `in_service`: of master and slave. `vector`: of the handler that runs,
    None in the kernel's base or in user mode; `frame` what it found on its stack. `real_if`: what a
    lazy ROM takes for the real IF of guest code, and `marks`: which of `held` and `left` it has
    noted in `pending`; None of any other. `wrong`: what a ROM has done besides, such as a register
    that it did not keep; nothing by the model.
    """

    mask: int
    delivered: tuple[int, ...]
    waits: tuple[int, ...]
    in_service: tuple[int, int]
    place: Place
    asleep: bool
    vector: int | None
    frame: Frame | None
    real_if: bool | None
    marks: tuple[str, ...] | None
    wrong: tuple[str, ...] = ()
