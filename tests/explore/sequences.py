"""Random sequences of events: what may happen to a guest, wherever it stands."""

from collections.abc import Iterator

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

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

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        for line in data.draw(st.sampled_from(list(self.possible())), label="next"):
            verb, *words = line.split()
            self.happen(Event(verb, tuple(words)))

    def possible(self) -> Iterator[Action]:
        """What may happen now."""
        here = self.model.here
        pic = self.model.pic
        for line in LINES:
            if line not in pic.requested:  # as a device: the next edge once the last was taken
                up = (f"lower {line}", f"raise {line}") if line in pic.up else (f"raise {line}",)
                yield from 2 * (up,)
        if all(context.vector != NMI for context in self.model.contexts):
            yield ("nmi",)
        if here.asleep:
            yield (f"lower {LINES[0]}",)  # something is always possible
            return
        yield from ((f"int {vector:#x}",) for vector in SOFTWARE[1:])
        if here.user:
            yield from 2 * (("sysenter",), ("sysenter", "call EnableInterrupts"))
        else:
            yield from self.in_kernel()

    def in_kernel(self) -> Iterator[Action]:
        yield from ((line,) for line in ENABLING)
        yield from ((line,) for line in OTHERS)
        yield from 4 * (("call DisableInterrupts",),)
        yield ("call Halt",)
        for line in TRAPPED:
            yield (f"gate {line} {'interrupt' if line in self.model.trap_gates else 'trap'}",)
        if self.model.here.frame is None:
            yield from 4 * (("user",), ("sysexit",))
            return
        yield ("iret",)
        owed = self.owed()
        if owed is None:
            yield from 7 * (("iret",),)
            return
        for specific in (False, True):
            yield from 3 * (tuple(eoi(owed, specific)),)
            if not self.model.virtual_if:  # else another may come between
                yield from 4 * ((*eoi(owed, specific), "iret"),)

    def owed(self) -> int | None:
        """The line whose handler runs and has to send its EOI."""
        line = (self.model.here.vector or 0) - FIRST_VECTOR
        ours = line in self.model.pic.in_service and line not in self.model.waiting
        return line if ours else None


def eoi(line: int, specific: bool) -> Iterator[str]:
    """The EOI that a line wants: at the slave first, as kernels send it."""
    if line >= 8:
        yield f"eoi slave {line - 8}" if specific else "eoi slave"
        line = CASCADE
    yield f"eoi master {line}" if specific else "eoi master"
