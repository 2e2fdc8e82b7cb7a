"""What the doctor found: checks, in groups by who makes them, each group with its verdict."""

from dataclasses import asdict, dataclass
from typing import Any

from harness.report.log import FAIL, PASS, verdict_of

NOTE = "note"
"""A verdict of a check: nobody refuses the ROM for it, and a reader should know."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    id: `group/check`. verdict: pass, fail or note. offset: of the byte in the file, where there is
    one. value: what was found, wanted: what should be there. detail: what that means, advice: what
    to do; a sentence each, or "".
    """

    id: str
    verdict: str
    offset: int | None = None
    value: str = ""
    wanted: str = ""
    detail: str = ""
    advice: str = ""


@dataclass(frozen=True)
class Group:
    """The checks of one party, in the order in which it makes them.

    claim: what is true when no check fails, such as "SeaBIOS runs it". The first check that fails
    decides; further ones are there so that all can be mended at once.
    """

    claim: str
    checks: tuple[Check, ...]

    @property
    def refused(self) -> Check | None:
        """The check for which the party says no; None when it says yes."""
        return next((check for check in self.checks if check.verdict == FAIL), None)

    @property
    def answer(self) -> str:
        """The claim with a yes, or with a no and its reason, as a sentence."""
        if self.refused is None:
            return f"{self.claim}: yes."
        name = self.refused.id.partition("/")[2]
        return f"{self.claim}: no, because of {name}. {self.refused.detail}"


@dataclass(frozen=True)
class Said:
    """A line of SeaBIOS's log, and what it means for the ROM."""

    line: str
    meaning: str


@dataclass(frozen=True)
class Placed:
    """A ROM that a scan of memory found after POST: where, its size in bytes, and what it is."""

    base: int
    size: int
    what: str


@dataclass(frozen=True)
class Diagnosis:
    """All that was found. subject: the file, or "" for the machine itself.

    said and placed come from a real boot, and are empty without one.
    """

    subject: str
    groups: tuple[Group, ...]
    said: tuple[Said, ...] = ()
    placed: tuple[Placed, ...] = ()

    @property
    def verdict(self) -> str:
        """Fail when any check failed, else pass."""
        return verdict_of(FAIL if group.refused else PASS for group in self.groups)

    def as_data(self) -> dict[str, Any]:
        """The diagnosis for a JSON file; offsets, addresses and sizes in bytes."""
        return {
            "verdict": self.verdict,
            "subject": self.subject,
            "answers": [
                {"claim": group.claim, "holds": group.refused is None, "answer": group.answer}
                for group in self.groups
            ],
            "checks": [asdict(check) for group in self.groups for check in group.checks],
            "log": [asdict(said) for said in self.said],
            "roms": [asdict(placed) for placed in self.placed],
        }
