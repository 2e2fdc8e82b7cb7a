"""The model and a ROM side by side: the same events, and the first difference between them."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from harness.booted import Booted
from harness.errors import HarnessError
from harness.explore.driver import LIMIT, Driver
from harness.explore.model import Impossible, Model
from harness.explore.scene import State
from harness.explore.script import Event, Script


@dataclass(frozen=True)
class Difference:
    """Where a ROM departs from the model: after which event of a script, and what is not as due.

    `differs` maps what is compared to the model's value and the ROM's.
    """

    script: Script
    differs: dict[str, tuple[object, object]]

    def __str__(self) -> str:
        number = len(self.script.events)
        lines = [f"After event {number}, {self.script.events[-1]}:" if number else "At the start:"]
        for name, (due, found) in self.differs.items():
            lines.append(f"  {name}: {due} by the model, {found} by the ROM")
        return "\n".join([*lines, "The events:", str(self.script)])


class Beside:
    """A guest at `ready` and the model, moved together; `model` says what may happen next."""

    def __init__(self, booted: Booted, limit: float = LIMIT) -> None:
        manifest = booted.rom.rom.manifest
        self.model = Model(lazy=manifest["lazy"])
        self.events: list[Event] = []
        self._driver = Driver(booted, limit)
        self._backend, self._build = manifest["backend"], manifest["build_id"]

    @property
    def script(self) -> Script:
        """What has happened so far."""
        return Script(self._backend, self._build, tuple(self.events))

    def stand_before(self, event: Event) -> None:
        """Have the machine about to do an event, for a debugger; nothing can happen after that."""
        self._driver.stand_before(event)

    def happen(self, event: Event) -> Difference | None:
        """Let an event happen to both. Raises Impossible, with nothing done, when it cannot."""
        due = event.happen(self.model)
        self.events.append(event)
        try:
            found = event.happen(self._driver)
            state = self._driver.state()
        except HarnessError as error:
            return Difference(self.script, {"event": ("an end", str(error))})
        differs = compare(self.model.state(), state)
        if due != found:
            differs["result"] = (due, found)
        return Difference(self.script, differs) if differs else None


def compare(due: State, found: State) -> dict[str, tuple[object, object]]:
    """The fields in which two states differ, each with both values."""
    pairs = {
        each.name: (getattr(due, each.name), getattr(found, each.name)) for each in fields(due)
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def play(booted: Booted, events: Iterable[Event], limit: float = LIMIT) -> Difference | None:
    """Play events on a guest at `ready`, up to the first difference.

    limit: seconds that the guest has for each. Raises HarnessError for an event that cannot happen
    where the guest stands.
    """
    both = Beside(booted, limit)
    for number, event in enumerate(events, 1):
        try:
            difference = both.happen(event)
        except Impossible as error:
            raise HarnessError(f"Event {number}, {event}, cannot happen: {error}") from None
        if difference is not None:
            return difference
    return None
