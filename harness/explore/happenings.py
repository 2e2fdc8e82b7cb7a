"""What may happen next to a guest, wherever it stands, and random scripts of it."""

import random
from collections.abc import Iterator

from harness.explore.model import NMI, SOFTWARE, Model
from harness.explore.pic import CASCADE, FIRST_VECTOR
from harness.explore.script import Event

LINES = (0, 1, 5, 9, 12)
"""Edge-triggered lines whose devices are quiet: few, so that sequences come back to each. 1 and 9
are the same input of their chips."""

TRAPPED = (5, 9)
"""Lines whose gates become trap gates now and then."""

ENABLING = ("call EnableInterrupts", "call SetInterruptMask 0x200", "resume on")
OTHERS = (
    *("call GetInterruptMask", "call UpdateKernelStack", "call SetGDT"),
    *("call SetInterruptMask 0", "call SetInterruptMask 0xfffffdff", "resume off"),
    *("call WriteGDTEntry", "call SetIDT", "call SetIOPLMask"),
)

Action = tuple[str, ...]
"""Lines of a script that happen together."""


def possible(model: Model) -> Iterator[Action]:
    """What may happen now, an action as often as it should be chosen."""
    here, pic = model.here, model.pic
    for line in LINES:
        if line not in pic.requested:  # as a device: the next edge once the last was taken
            up = (f"lower {line}", f"raise {line}") if line in pic.up else (f"raise {line}",)
            yield from 2 * (up,)
    if all(context.vector != NMI for context in model.contexts):
        yield ("nmi",)
    if here.asleep:
        yield (f"lower {LINES[0]}",)  # something is always possible
        return
    yield from ((f"int {vector:#x}",) for vector in SOFTWARE[1:])
    yield ("fault",)
    if here.user:
        yield from 2 * (("sysenter",), ("sysenter", "call EnableInterrupts"))
    else:
        yield from _in_kernel(model)


def _in_kernel(model: Model) -> Iterator[Action]:
    yield from ((line,) for line in ENABLING)
    yield from ((line,) for line in OTHERS)
    yield from 4 * (("call DisableInterrupts",),)
    yield ("call Halt",)
    for each in TRAPPED:
        yield (f"gate {each} {'interrupt' if each in model.trap_gates else 'trap'}",)
    if not model.virtual_if:
        yield ("switch",)
    if model.here.frame is None:
        yield from 4 * (("user",), ("sysexit",))
        if not model.waiting:
            yield ("user off",)
        return
    yield ("iret",)
    line = owed(model)
    if line is None:
        yield from 7 * (("iret",),)
        return
    for specific in (False, True):
        yield from 3 * (tuple(eoi(line, specific)),)
        if not model.virtual_if:  # else another may come between
            yield from 4 * ((*eoi(line, specific), "iret"),)


def owed(model: Model) -> int | None:
    """The line whose handler runs and has to send its EOI."""
    line = (model.here.vector or 0) - FIRST_VECTOR
    ours = line in model.pic.in_service and line not in model.waiting
    return line if ours else None


def eoi(line: int, specific: bool) -> Iterator[str]:
    """The EOI that a line wants: at the slave first, as kernels send it."""
    if line >= 8:
        yield f"eoi slave {line - 8}" if specific else "eoi slave"
        line = CASCADE
    yield f"eoi master {line}" if specific else "eoi master"


def event(line: str) -> Event:
    """The event that a line of a script says."""
    verb, *words = line.split()
    return Event(verb, tuple(words))


def random_events(seed: int, steps: int, lazy: bool) -> tuple[Event, ...]:
    """Events of a random script, the same ones for the same seed."""
    chance, model = random.Random(seed), Model(lazy)
    events: list[Event] = []
    while len(events) < steps:
        for line in chance.choice(list(possible(model))):
            events.append(event(line))
            events[-1].happen(model)
    return tuple(events)
