"""Calls on I/O ports. Each width triple is in the order long, byte, word."""

from rom.interface.call import (
    NO_CLOBBERS,
    Argument,
    Call,
    Category,
    Outcome,
    Requirement,
    Result,
    numbers,
)

_PORT = Argument("EDX", "port", "port number")
_COUNT = Argument("ECX", "count", "number of units")
_LEFT = Result("ECX", "left", "0")
_NOTE = "The number is from the call list of VMI 3.0 alone; mainline Linux does not define it."
_WIDTHS = (("L", "dword", "EAX"), ("B", "byte", "AL"), ("W", "word", "AX"))

_NO_DEVICE = "a port that nothing answers at"
_NO_COUNT = Outcome("count 0", "nothing is moved, and no port is touched")
_UNMAPPED = Outcome(
    "memory that is not mapped",
    "#PF in the stub, with the registers of the units that are left; a string goes on there",
)


def _in(letter: str, unit: str, place: str, in_3_0: int, in_13_0: int) -> Call:
    return Call(
        f"IN{letter}",
        numbers(in_3_0, in_13_0),
        Category.PORTS,
        f"Reads a {unit} from a port.",
        arguments=(_PORT,),
        results=(Result(place, "value", f"the {unit} read"),),
        clobbers=frozenset({"memory"}),
        requirement=Requirement.UNUSED,
        notes=_NOTE,
        outcomes=(Outcome(_NO_DEVICE, "all bits of the answer are set"),),
    )


def _ins(letter: str, unit: str, in_3_0: int, in_13_0: int) -> Call:
    return Call(
        f"INS{letter}",
        numbers(in_3_0, in_13_0),
        Category.PORTS,
        f"Reads {unit}s from a port into memory, as REP INS does.",
        arguments=(_PORT, Argument("EDI", "destination", "where the first unit goes"), _COUNT),
        results=(Result("EDI", "end", "address after the last unit"), _LEFT),
        clobbers=frozenset({"EDI", "ECX", "memory"}),
        requirement=Requirement.UNUSED,
        notes=_NOTE + " The specification names ESI by mistake.",
        outcomes=(_NO_COUNT, _UNMAPPED),
    )


def _out(letter: str, unit: str, in_3_0: int, in_13_0: int) -> Call:
    return Call(
        f"OUT{letter}",
        numbers(in_3_0, in_13_0),
        Category.PORTS,
        f"Writes a {unit} to a port.",
        arguments=(Argument("EAX", "value", f"the {unit} to write, in the low bits"), _PORT),
        clobbers=NO_CLOBBERS,
        requirement=Requirement.UNUSED,
        notes=_NOTE,
        outcomes=(Outcome(_NO_DEVICE, "nothing happens"),),
    )


def _outs(letter: str, unit: str, in_3_0: int, in_13_0: int) -> Call:
    return Call(
        f"OUTS{letter}",
        numbers(in_3_0, in_13_0),
        Category.PORTS,
        f"Writes {unit}s from memory to a port, as REP OUTS does.",
        arguments=(_PORT, Argument("ESI", "source", "where the first unit is"), _COUNT),
        results=(Result("ESI", "end", "address after the last unit"), _LEFT),
        clobbers=frozenset({"ESI", "ECX"}),
        requirement=Requirement.UNUSED,
        notes=_NOTE,
        outcomes=(_NO_COUNT, _UNMAPPED),
    )


CALLS = (
    *(_in(c, unit, place, 49 + i, 59 + i) for i, (c, unit, place) in enumerate(_WIDTHS)),
    *(_ins(c, unit, 52 + i, 62 + i) for i, (c, unit, _) in enumerate(_WIDTHS)),
    *(_out(c, unit, 55 + i, 65 + i) for i, (c, unit, _) in enumerate(_WIDTHS)),
    *(_outs(c, unit, 58 + i, 68 + i) for i, (c, unit, _) in enumerate(_WIDTHS)),
    Call(
        "SetIOPLMask",
        numbers(61, 71),
        Category.PORTS,
        "Sets the guest's IOPL, which POPF and IRET may be unable to change.",
        arguments=(Argument("EAX", "mask", "IOPL at its place in EFLAGS: iopl << 12"),),
        notes="Port access for the user never gives it control of the virtual IF.",
        outcomes=(
            Outcome("bits besides 12 and 13", "they are ignored; IF and all other flags stay"),
        ),
    ),
    Call(
        "IODelay",
        numbers(65, 78),
        Category.PORTS,
        "Waits about as long as an access to a slow port takes.",
    ),
)
