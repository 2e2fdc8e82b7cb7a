"""All calls, in the order of their numbers in generation 3.0, and the ways to find one."""

import re
from collections.abc import Sequence

from rom.interface import cpu, descriptors, interrupts, mmu, ports, processors, timer
from rom.interface.call import GENERATIONS, Call, generation_named
from rom.interface.errors import InterfaceError, UnknownCall

_REGISTER = r"(?:E[A-D]X|E[SD]I|EBP|[A-D][XL])"
_STACK = r"\[ESP(?:\+(?:4|8|12|16|20|24|28|32))?\]"
_PLACE = re.compile(
    rf"{_REGISTER}|{_REGISTER}:{_REGISTER}|{_STACK}|{_STACK}:{_STACK}|\[{_REGISTER}\] \d+ bytes"
)
_CLOBBERS = {"EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP", "flags", "memory"}


def check(rows: Sequence[Call]) -> None:
    """Raise InterfaceError for rows that contradict each other or cannot be read.

    Found are: two rows with one name or one number of a generation, a generation that is not in
    GENERATIONS, a hole in the numbers of generation 3.0, and a place or clobber that is not known.
    """
    names: set[str] = set()
    holders: dict[tuple[str, int], str] = {}
    for row in rows:
        if row.name in names:
            raise InterfaceError(f"two rows are named {row.name}; rename or remove one")
        names.add(row.name)
        for generation, number in row.numbers.items():
            if generation not in GENERATIONS:
                raise InterfaceError(
                    f"{row.name} has a number in generation {generation!r}, which is not known; "
                    "add the generation to GENERATIONS"
                )
            holder = holders.setdefault((generation, number), row.name)
            if holder != row.name:
                raise InterfaceError(
                    f"{holder} and {row.name} both have number {number} in generation "
                    f"{generation}; correct one of them"
                )
        _check_places(row)
    used = {number for generation, number in holders if generation == "3.0"}
    holes = sorted(set(range(max(used, default=-1) + 1)) - used)
    if holes:
        raise InterfaceError(
            f"no row has number {', '.join(map(str, holes))} in generation 3.0; "
            "its numbers are contiguous from 0, add what is missing"
        )


def _check_places(row: Call) -> None:
    places = [a.place for a in row.arguments] + [r.place for r in row.results]
    for place in places:
        if not _PLACE.fullmatch(place):
            raise InterfaceError(
                f"{row.name} has an argument or result in {place!r}, which is no place known; "
                "write a register, EDX:EAX, [ESP+4] or [EAX] 6 bytes"
            )
    for clobber in sorted(row.clobbers - _CLOBBERS):
        raise InterfaceError(
            f"{row.name} clobbers {clobber!r}, which is not known; "
            f"choose from {', '.join(sorted(_CLOBBERS))}"
        )


_ROWS = (
    *cpu.CALLS,
    *descriptors.CALLS,
    *interrupts.CALLS,
    *mmu.CALLS,
    *ports.CALLS,
    *processors.CALLS,
    *timer.CALLS,
)

CALLS: tuple[Call, ...] = tuple(sorted(_ROWS, key=lambda row: row.numbers["3.0"]))
_BY_NAME = {row.name: row for row in CALLS}


def calls_of(generation: str) -> tuple[Call, ...]:
    """Answer the calls of a generation in the order of their numbers there.

    Of 13.0 these are the calls it shares with 3.0, with holes between the numbers. Raises
    UnknownCall for a generation not in GENERATIONS.
    """
    generation_named(generation)
    rows = (row for row in CALLS if generation in row.numbers)
    return tuple(sorted(rows, key=lambda row: row.numbers[generation]))


def by_name(name: str) -> Call:
    """Answer the call of that name, in its exact spelling; raise UnknownCall if there is none."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    near = next((known for known in _BY_NAME if known.lower() == name.lower()), None)
    hint = f"did you mean {near}?" if near else "see docs/calls.md for the calls there are"
    raise UnknownCall(f"no call is named {name!r}; {hint}")


def by_number(number: int, generation: str = "3.0") -> Call:
    """Answer the call with that number in a generation; raise UnknownCall if there is none."""
    rows = calls_of(generation)
    for row in rows:
        if row.numbers[generation] == number:
            return row
    low, high = rows[0].numbers[generation], rows[-1].numbers[generation]
    raise UnknownCall(
        f"no call has number {number} in generation {generation}; its numbers are in {low}..{high}"
    )
