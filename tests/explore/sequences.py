"""Random sequences of events: what may happen to a guest, wherever it stands."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from harness.booted import Booted
from harness.explore.beside import Beside, Difference
from harness.explore.model import NMI, SOFTWARE, Model
from harness.explore.pic import CASCADE, FIRST_VECTOR
from harness.explore.script import Event
from harness.explore.shrink import shrink

LINES = (0, 1, 5, 9, 12)
"""Edge-triggered lines whose devices are quiet: few, so that sequences come back to each. 1 and 9
are the same input of their chips."""

TRAPPED = (5, 9)
"""Lines whose gates become trap gates now and then."""

ENABLING = ("call EnableInterrupts", "call SetInterruptMask 0x200", "resume on")
OTHERS = (
    *("call GetInterruptMask", "call UpdateKernelStack", "call SetGDT"),
    *("call SetInterruptMask 0", "call SetInterruptMask 0xfffffdff", "resume off"),
)
CLOSED = ("call WriteGDTEntry", "call SetIDT", "call SetIOPLMask")
"""Calls that turn the real IF off for their work, and on again: see test_defects.py."""

Action = tuple[str, ...]
"""Lines of a script that happen together."""


def sequences(examples: int, steps: int) -> settings:
    """Settings for as many sequences, the same ones in each run."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )


class Sequences(RuleBasedStateMachine):
    """`model` says what may happen next; `happen` is given by those who use this.

    One rule draws from all that is possible, an action as often as it stands there: rules of their
    own would each be chosen alike, or left out for a whole sequence, and few handlers would end.
    """

    model: Model

    def happen(self, event: Event) -> None:
        raise NotImplementedError

    def start(self, action: Action) -> None:
        """Told what is about to happen."""

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        action = data.draw(st.sampled_from(list(self.possible())), label="next")
        self.start(action)
        for line in action:
            self.happen(event(line))

    def possible(self) -> Iterator[Action]:
        """What may happen now."""
        return possible(self.model)


def event(line: str) -> Event:
    """The event of a script's line."""
    verb, *words = line.split()
    return Event(verb, tuple(words))


def possible(model: Model) -> Iterator[Action]:
    """What may happen now, an action as often as it is to be drawn."""
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
    if here.user:
        yield from 2 * (("sysenter",), ("sysenter", "call EnableInterrupts"))
    else:
        yield from in_kernel(model)


def in_kernel(model: Model) -> Iterator[Action]:
    yield from ((line,) for line in ENABLING)
    yield from ((line,) for line in OTHERS)
    yield from 4 * (("call DisableInterrupts",),)
    yield ("call Halt",)
    if not model.held:
        yield from ((line,) for line in CLOSED)
        for each in TRAPPED:
            yield (f"gate {each} {'interrupt' if each in model.trap_gates else 'trap'}",)
    if model.here.frame is None:
        yield from 4 * (("user",), ("sysexit",))
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


def check_sequences(ready: Callable[[], Booted], folder: Path, examples: int, steps: int) -> None:
    """Play random sequences on the guest that `ready` gives, beside the model.

    A difference is made short, written to a file in the folder, and told. On a machine hypothesis
    would take minutes to make it short, so that is left to `shrink`.
    """
    taken: list[Action] = []
    found: list[Difference] = []

    class OnTheRom(Sequences):
        def __init__(self) -> None:
            super().__init__()
            self.both = Beside(ready())
            self.model = self.both.model
            taken.clear()

        def start(self, action: Action) -> None:
            taken.append(action)

        def happen(self, event: Event) -> None:
            difference = self.both.happen(event)
            if difference is not None:
                found.append(difference)
                raise AssertionError(str(difference))

    def fails(actions: Sequence[Action]) -> Sequence[Action] | None:
        both = Beside(ready())
        played: list[Action] = []
        for action in actions:
            if action not in possible(both.model):
                continue
            played.append(action)
            for line in action:
                if (difference := both.happen(event(line))) is not None:
                    found.append(difference)
                    return played
        return None

    try:
        run_state_machine_as_test(
            OnTheRom, settings=settings(sequences(examples, steps), phases=[Phase.generate])
        )
    except AssertionError:
        if not found:
            raise
        shortest = shrink(list(taken), fails)
        fails(shortest)  # the difference that it makes is found last
        script = found[-1].script
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{script.backend}-{script.build_id[:12]}.events"
        file.write_text(str(script))
        told = f"{found[-1]}\n  inv explore --replay {file}"
        raise AssertionError(told) from None
