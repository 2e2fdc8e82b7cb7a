"""What a run found: checks with their verdicts, and the events that were seen.

Whoever does a thing records it here; the terminal and the JSON file are made from it afterwards.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

PASS, FAIL, ERROR = "pass", "fail", "error"
"""Verdicts: it held; it did not; the kit could not ask."""


@dataclass(frozen=True)
class Check:
    """One thing that was checked: its name as `subject/sentence`, verdict, and what was seen."""

    id: str
    verdict: str
    detail: str = ""


@dataclass(frozen=True)
class Event:
    """One step of a case, with the state right after it.

    `where` is the place in the code, `virtual_if` and `real_if` the two flags, `pending` the
    vectors that wait, `handler` the vector whose handler runs, or None.
    """

    what: str
    where: str
    virtual_if: bool
    real_if: bool
    pending: tuple[int, ...]
    handler: int | None
    detail: str


@dataclass
class Log:
    """The checks and events of one run, in their order."""

    checks: list[Check] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def check(self, name: str, holds: bool, detail: str = "") -> bool:
        """Note a check, and answer whether it held."""
        self.checks.append(Check(name, PASS if holds else FAIL, detail))
        return holds

    @property
    def verdict(self) -> str:
        """The verdict of the whole: pass when there are checks and all of them held."""
        return verdict_of(check.verdict for check in self.checks)

    def as_data(self) -> dict[str, Any]:
        """The log for a JSON file."""
        return {
            "verdict": self.verdict,
            "checks": [asdict(check) for check in self.checks],
            "events": [asdict(event) for event in self.events],
        }


def verdict_of(verdicts: Iterable[str]) -> str:
    """The verdict of several: the worst, and error for none at all."""
    found = set(verdicts)
    for worst in (ERROR, FAIL, PASS):
        if worst in found:
            return worst
    return ERROR
