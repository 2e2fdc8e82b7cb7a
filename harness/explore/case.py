"""One case of the sweep as data, and what came of it; a case has a text form for replay files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.booted import Entered
from harness.errors import HarnessError

NMI = -1
"""Stands where a line of the 8259s would: the arrival is a non-maskable interrupt."""

RETURNED, HANGS, SLEEPS, SHUT_DOWN, GAVE_UP, DIED, FAILED = (
    *("returned", "hangs", "sleeps", "shuts down", "gives up", "died", "failed"),
)
"""How a case ends: at the place where the call leads; nowhere within the limit, running or in HLT;
in a reset or triple fault; in the guest's last words; with QEMU gone; before its last arrival."""

FIRST_LINE = "wedge case"
"""Of each replay file."""

_ARRIVAL = re.compile(r"^arrival (\d+) (nmi|line (\d+))$")


@dataclass(frozen=True)
class Arrival:
    """An interrupt raised at a point: `point` counts the boundaries from where the walk began.

    The first walk begins at the call's stub; that of a second arrival begins at the first one.
    `line` is an input of the 8259s, or NMI.
    """

    point: int
    line: int

    def __str__(self) -> str:
        return f"{shown_line(self.line)} at point {self.point}"


@dataclass(frozen=True)
class Case:
    """One or two arrivals in a call (`variant`: the call with its arguments) from a start."""

    variant: str
    start: str
    arrivals: tuple[Arrival, ...]

    def __str__(self) -> str:
        arrivals = ", then ".join(map(str, self.arrivals)) or "no arrival"
        return f"{self.variant} from {self.start}: {arrivals}"


@dataclass(frozen=True)
class Outcome:
    """What came of a case. `complaints` are sentences; none of them: all held.

    `place` is where the last arrival was raised, `eip` where the case ended; `delivered` is the
    guest's log, and `waiting` the vectors that were recorded or requested at the end.
    """

    case: Case
    ending: str
    place: str
    eip: int = 0
    delivered: tuple[Entered, ...] = ()
    waiting: tuple[int, ...] = ()
    complaints: tuple[str, ...] = ()


def shown_line(line: int) -> str:
    """An arrival's kind as a person reads it."""
    return "nmi" if line == NMI else f"line {line}"


def case_text(case: Case, backend: str, build_id: str, notes: Sequence[str] = ()) -> str:
    """A replay file: one case of one ROM build. `notes` become comments."""
    arrivals = [f"{arrival.point} {shown_line(arrival.line)}" for arrival in case.arrivals]
    lines = [
        FIRST_LINE,
        *(f"# {note}" for note in notes),
        f"backend {backend}",
        f"build {build_id}",
        f"call {case.variant}",
        f"start {case.start}",
        *(f"arrival {arrival}" for arrival in arrivals or ["none"]),
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Replay:
    """A replay file, read."""

    backend: str
    build_id: str
    case: Case


def read_replay(path: Path) -> Replay:
    """Read a replay file. Raises HarnessError for one that cannot be read or makes no sense."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"The replay file {path} cannot be read: {error}.") from None
    if not lines or lines[0] != FIRST_LINE:
        raise HarnessError(f"{path} is no replay file: its first line is not {FIRST_LINE!r}.")
    values: dict[str, str] = {}
    arrivals = []
    none = False  # a call that went wrong by itself
    for number, line in enumerate(lines[1:], 2):
        word, _, value = line.partition(" ")
        if not line or word == "#":
            continue
        if word == "arrival" and (found := _ARRIVAL.match(line)):
            arrivals.append(Arrival(int(found[1]), int(found[3]) if found[3] else NMI))
        elif line == "arrival none":
            none = True
        elif word in ("backend", "build", "call", "start") and value:
            values[word] = value
        else:
            raise HarnessError(f"{path}:{number}: {line!r} is no line of a replay file.")
    missing = {"backend", "build", "call", "start"} - values.keys()
    if missing or not (arrivals or none):
        what = ", ".join(sorted(missing)) or "arrival"
        raise HarnessError(f"The replay file {path} does not say: {what}.")
    case = Case(values["call"], values["start"], tuple(arrivals))
    return Replay(values["backend"], values["build"], case)
