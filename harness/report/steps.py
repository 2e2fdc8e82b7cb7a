"""A case step by step, as data: the state at each instruction boundary, and what happened there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BEFORE, AFTER = 2, 1
"""Steps that are shown before and after one at which something happens."""

MOST_NAMES = 4
"""Labels that are named of a stretch that is left out."""

MOST_AROUND = 40
"""Lines of a timeline in the terminal when it was not asked for."""

LEAST_FOLDED = 4
"""Steps in a row that are folded at the least; fewer are shown."""


@dataclass(frozen=True)
class Step:
    """An instruction boundary: the state there, before the instruction is executed.

    `where` is its place as `label+offset`, `text` the instruction, `comment` and `source` what the
    listing says beside it. `pending` holds the vectors that are recorded and not delivered, in
    their order; `requested` and `in_service` the lines of the 8259s; `handlers` the vectors whose
    handlers run, the innermost last. `marks` say what happened since the step before. `of_rom`:
    the ROM's code, not the guest's. `after_loop`: turns of a loop passed unseen before this step.
    """

    where: str
    text: str
    virtual_if: bool
    real_if: bool
    pending: tuple[int, ...] = ()
    requested: tuple[int, ...] = ()
    in_service: tuple[int, ...] = ()
    handlers: tuple[int, ...] = ()
    marks: tuple[str, ...] = ()
    of_rom: bool = True
    comment: str = ""
    source: str = ""
    after_loop: bool = False

    @property
    def state(self) -> tuple[object, ...]:
        """What the lanes of a picture show."""
        flags = (self.virtual_if, self.real_if)
        return (*flags, self.pending, self.requested, self.in_service, self.handlers)


@dataclass(frozen=True)
class CaseTimeline:
    """A case as it went. `complaints` are sentences, none when all held; `ending` is one, too.

    arrivals: the numbers of the steps at which something arrives. `facts` say in a few words what
    was run; `command` runs the case again.
    """

    title: str
    complaints: tuple[str, ...]
    steps: tuple[Step, ...]
    ending: str
    arrivals: tuple[int, ...] = ()
    facts: tuple[str, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Fold:
    """A stretch of steps that a picture leaves out, from number `first` on, and what it is."""

    first: int
    steps: tuple[Step, ...]
    what: str


Shown = tuple[int, Step]
"""A step with its number."""


def folded(steps: Sequence[Step], arrivals: Sequence[int] = ()) -> list[Shown | Fold]:
    """The steps to show, and in their places the stretches to leave out.

    Shown is where something happens or a lane changes, with what is just before and after.
    """
    kept: set[int] = {0, len(steps) - 1, *arrivals}
    for index, step in enumerate(steps):
        if step.marks or step.after_loop or (index and step.state != steps[index - 1].state):
            kept.update(range(index - BEFORE, index + AFTER + 1))
    shown: list[Shown | Fold] = []
    first = 0
    for last in [*(index for index in range(len(steps)) if index in kept), len(steps)]:
        for start, end in _same_code(steps, first, last):
            if end - start >= LEAST_FOLDED:
                shown.append(Fold(start, tuple(steps[start:end]), _what(steps[start:end])))
            else:
                shown += [(number, steps[number]) for number in range(start, end)]
        if last < len(steps):
            shown.append((last, steps[last]))
        first = last + 1
    return shown


def around(shown: Sequence[Shown | Fold], arrivals: Sequence[int]) -> list[Shown | Fold]:
    """What of a long timeline to show in a terminal: from just before the first arrival on."""
    first = next((i for i, item in enumerate(shown) if number_of(item) in arrivals), 0)
    start = max(first - BEFORE, 0)
    return list(shown[start : start + MOST_AROUND])


def number_of(item: Shown | Fold) -> int:
    """The number of a step, or of the first one that is left out."""
    return item.first if isinstance(item, Fold) else item[0]


def _same_code(steps: Sequence[Step], first: int, last: int) -> Iterator[tuple[int, int]]:
    """A quiet stretch in parts: the ROM's code, and the guest's with the calls that it makes."""
    start = first
    while start < last:
        end = start + 1
        while end < last and steps[end].of_rom == steps[start].of_rom:
            end += 1
        back = next((i for i in range(end, last) if not steps[i].of_rom), None)
        while not steps[start].of_rom and back is not None:
            end = next((i for i in range(back, last) if steps[i].of_rom), last)
            back = next((i for i in range(end, last) if not steps[i].of_rom), None)
        yield start, end
        start = end


def _what(steps: Sequence[Step]) -> str:
    count = f"{len(steps)} instructions"
    if steps[0].of_rom:
        labels = dict.fromkeys(step.where.partition("+")[0] for step in steps)
        names = [*labels][:MOST_NAMES] + ["..."] * (len(labels) > MOST_NAMES)
        return f"{count}: {', '.join(names)}"
    running = {step.handlers[-1:] for step in steps}
    if () in running:
        return f"{count} of the guest"
    return f"{count} of the handler" + "s" * (len(running) > 1)
