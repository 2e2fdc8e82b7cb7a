"""The model: what it says of the bare machine, and how far a lazy ROM may differ from that."""

from collections import Counter

import pytest

from harness.explore.happenings import eoi
from harness.explore.model import IF, NMI, Impossible, Model
from harness.explore.pic import CASCADE, FIRST_VECTOR
from harness.explore.scene import Allowance, Frame, Place
from harness.explore.script import Event
from tests.explore.sequences import Sequences, run_sequences, sequences

MOST_EVENTS = 150
"""More than it takes to let all handlers of a sequence end."""

both = pytest.mark.parametrize("lazy", [False, True], ids=["native", "lazy"])


@both
def test_what_arrives_while_masked_is_delivered_by_enabling(lazy: bool) -> None:
    model = Model(lazy)
    model.raise_line(5)
    assert (model.delivered, model.pending, model.mask) == ([], [0x25], 0)
    model.call("EnableInterrupts")
    assert (model.delivered, model.pending, model.mask) == ([0x25], [], 0)
    assert model.here.frame == Frame(Place.KERNEL, True)
    model.eoi("master")
    model.iret()
    assert model.state().vector is None
    assert (model.mask, model.pic.in_service) == (IF, set())


@both
def test_the_order_is_that_of_the_8259s(lazy: bool) -> None:
    model = Model(lazy)
    for line in (7, 12, 1):
        model.raise_line(line)
    model.call("SetInterruptMask", 0x200)
    for _ in range(3):
        line = model.delivered[-1] - FIRST_VECTOR
        if line >= 8:
            model.eoi("slave")
        model.eoi("master")
        model.iret()
    assert model.delivered == [0x21, 0x2C, 0x27]


@both
def test_a_handler_that_enables_before_its_eoi_is_interrupted_by_a_higher_line(lazy: bool) -> None:
    model = Model(lazy)
    model.call("EnableInterrupts")
    for line in (5, 7, 3):
        model.raise_line(line)
    assert model.delivered == [0x25]
    model.call("EnableInterrupts")
    assert model.delivered == [0x25, 0x23]
    assert [context.vector for context in model.contexts] == [None, 0x25, 0x23]
    assert model.pending == [0x27]


@both
def test_halt_sleeps_until_something_comes(lazy: bool) -> None:
    model = Model(lazy)
    model.call("Halt")
    assert model.here.asleep
    model.nmi()
    assert (model.here.vector, model.here.frame) == (2, Frame(Place.HALT, True))
    model.iret()
    assert (model.here.asleep, model.mask) == (False, IF)


@both
def test_halt_does_not_sleep_on_what_is_pending(lazy: bool) -> None:
    model = Model(lazy)
    model.raise_line(5)
    model.call("Halt")
    assert (model.here.asleep, model.delivered) == (False, [0x25])


@both
def test_what_cannot_happen_changes_nothing(lazy: bool) -> None:
    model = Model(lazy)
    before = model.state()
    for event in (("iret",), ("sysenter",), ("int", "5"), ("raise", "2"), ("call", "IRET")):
        with pytest.raises(Impossible):
            Event(event[0], event[1:]).happen(model)
        assert model.state() == before


def test_with_no_allowance_used_a_lazy_rom_is_the_bare_machine(wedge_seed: int | None) -> None:
    class OnBoth(Sequences):
        def __init__(self) -> None:
            super().__init__()
            self.model = Model(lazy=True)
            self.ideal = Model(lazy=False)

        def happen(self, event: Event) -> None:
            if self.model.used <= {Allowance.ACCEPTED_EARLY}:
                event.happen(self.ideal)
            event.happen(self.model)
            if self.model.used <= {Allowance.ACCEPTED_EARLY}:
                assert self.model.without_accepted() == self.ideal.state()

    run_sequences(OnBoth, sequences(examples=100, steps=30), wedge_seed)


@both
def test_each_edge_is_delivered_once(lazy: bool, wedge_seed: int | None) -> None:
    class Counted(Sequences):
        def __init__(self) -> None:
            super().__init__()
            self.model = Model(lazy)
            self.edges: Counter[int] = Counter()

        def happen(self, event: Event) -> None:
            if event.verb == "raise" and (line := int(event.words[0])) not in self.model.pic.up:
                self.edges[line] += line not in self.model.pic.requested
            event.happen(self.model)

        def teardown(self) -> None:
            """Let all handlers end, and count what came."""
            model = self.model
            if Allowance.EARLY_EOI in model.used:
                return  # the guest's own EOIs are for other lines than its handlers'
            for _ in range(MOST_EVENTS):
                slaves = [line for line in model.pic.in_service if line >= 8]
                without = [*model.waiting, *([CASCADE] if slaves else [])]
                running = model.pic.in_service.difference(without)
                if model.here.asleep:
                    if any(context.vector == NMI for context in model.contexts):
                        return  # nothing wakes it for certain
                    model.nmi()
                elif model.here.user:
                    model.sysenter()
                elif running:
                    for line in eoi(min(running), specific=True):
                        verb, *words = line.split()
                        Event(verb, tuple(words)).happen(model)
                elif model.here.frame is not None:
                    model.iret()
                elif model.pending:
                    model.call("EnableInterrupts")
            assert (model.pending, len(model.contexts)) == ([], 1)
            came = Counter(vector - FIRST_VECTOR for vector in model.delivered)
            assert {line: came[line] for line in self.edges} == dict(self.edges)

    run_sequences(Counted, sequences(examples=80, steps=30), wedge_seed)
