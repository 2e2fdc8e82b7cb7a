"""A job of the sweep as data: one call from one start, at every boundary, with every arrival."""

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.explore.case import Outcome
from harness.report.grid import worst

Beat = Callable[[int, int], None]
"""Told how many points and cases were done since the last call; what it raises ends the job."""


@dataclass(frozen=True)
class Job:
    """A call with its arguments, a start, and how many arrivals a case has: 1 or 2.

    first: of two arrivals, the first one at this point alone; None for each point.
    """

    variant: str
    start: str
    depth: int = 1
    first: int | None = None


@dataclass(frozen=True)
class Task:
    """A job, and how many failures end it."""

    job: Job
    limit: int

    def __str__(self) -> str:
        return f"{self.job.variant} from {self.job.start}"


@dataclass
class JobResult:
    """What a job did; `failures` are the outcomes with complaints.

    `places` has what became of what arrives last, by the instruction at which and then by what it
    is: the worst, where the sweep came there in several ways.
    """

    job: Job
    points: int = 0
    cases: int = 0
    seconds: float = 0.0
    failures: list[Outcome] = field(default_factory=list)
    places: dict[str, dict[str, str]] = field(default_factory=dict)

    def note(self, outcome: Outcome) -> None:
        """Note an outcome."""
        if outcome.complaints:
            self.failures.append(outcome)
        if outcome.place and outcome.became:
            cells = self.places.setdefault(outcome.place, {})
            known = cells.get(outcome.arrival, outcome.became)
            cells[outcome.arrival] = worst([known, outcome.became])
