"""What was done to a machine from outside, in order: for a person to read, and to do again."""

from collections import deque
from collections.abc import Iterable

MOST = 2000
"""Deeds that are kept; of more the last ones."""

Argument = int | str | bytes | float

REGISTERS_SET, WRITE, RUN, STEP, ASK, NMI, OTHER = (
    *("set_registers", "write", "run_to", "step", "ask", "nmi", "other"),
)
"""Kinds of deeds: methods of a wire or an injector. Of OTHER it is not known what they were."""


class Journal:
    """The deeds since the last `clear`: the kind of each, and its arguments.

    `whole`: none was dropped, and each is known well enough to be done again.
    """

    def __init__(self) -> None:
        self.deeds: deque[tuple[str, tuple[Argument, ...]]] = deque(maxlen=MOST)
        self.whole = True

    def clear(self) -> None:
        """Begin anew: the machine is in a state that is known by other means."""
        self.deeds.clear()
        self.whole = True

    def note(self, kind: str, arguments: Iterable[Argument] = ()) -> None:
        """Note what is about to be done."""
        self.whole = self.whole and kind != OTHER and len(self.deeds) < MOST
        if kind != OTHER:
            self.deeds.append((kind, tuple(arguments)))
