"""Random sequences of events: what may happen to a guest, wherever it stands."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from harness.booted import Booted
from harness.explore.beside import Beside, Difference
from harness.explore.happenings import Action, event, possible
from harness.explore.model import Model
from harness.explore.script import Event
from harness.explore.shrink import shrink


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


def run_sequences(machine: type["Sequences"], chosen: settings, number: int | None) -> None:
    """Run these sequences; a number is their seed, instead of the one that they always have."""
    seeded = machine if number is None else seed(number)(machine)
    run_state_machine_as_test(seeded, settings=chosen)


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


def check_sequences(
    ready: Callable[[], Booted], folder: Path, examples: int, steps: int, number: int | None = None
) -> None:
    """Play random sequences on the guest that `ready` gives, beside the model; see run_sequences.

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
        chosen = settings(sequences(examples, steps), phases=[Phase.generate])
        run_sequences(OnTheRom, chosen, number)
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
