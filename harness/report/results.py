"""What a run of tests found, as data: each test with its verdict, and the machines of those that
failed. It goes from process to process, into a JSON file and back.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.report.log import ERROR, FAIL, PASS
from harness.report.steps import CaseTimeline, Step

SKIP = "skip"
"""The verdict of a test that said why it does not run here."""

VERDICTS = (FAIL, ERROR, SKIP, PASS)
"""In the order in which a reader wants them."""


@dataclass(frozen=True)
class MachineSeen:
    """A machine as a failed test left it.

    name: what the test calls it. facts: titles and values. command_line: QEMU's, for a shell.
    state: how it stands, with its registers. logs: the end of each that is not empty, by what it
    is; said: those in which the guest speaks. did: what the test did to it, in order. timeline: the
    same step by step, where it was done again.
    """

    name: str
    facts: tuple[tuple[str, str], ...] = ()
    command_line: str = ""
    state: str = ""
    logs: Mapping[str, str] = field(default_factory=dict)
    did: tuple[str, ...] = ()
    timeline: CaseTimeline | None = None
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class TestResult:
    """A test. text: what pytest says of the failure, or why it was skipped. sections: captured
    output by its title. folder: where all of a failure lies, seen from the page. command: goes to
    the failure in GDB. lacks: a sentence on the tool that is missing, so that nothing was tested.
    """

    __test__ = False  # for pytest, which collects by name

    node: str
    verdict: str
    seconds: float = 0.0
    text: str = ""
    sections: tuple[tuple[str, str], ...] = ()
    machines: tuple[MachineSeen, ...] = ()
    folder: str = ""
    command: str = ""
    lacks: str = ""

    @property
    def place(self) -> str:
        """The folder of the test's file."""
        return self.node.partition("::")[0].rpartition("/")[0] or "."


@dataclass(frozen=True)
class RunResults:
    """A run of tests. facts: titles and values. note: a sentence when it did not come to its end.
    collected: how many tests there were to run.
    """

    title: str
    verdict: str
    seconds: float = 0.0
    tests: tuple[TestResult, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    note: str = ""
    collected: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many tests have each verdict, zeros included."""
        found = Counter(test.verdict for test in self.tests)
        return {verdict: found[verdict] for verdict in VERDICTS}

    def of(self, *verdicts: str) -> list[TestResult]:
        """The tests with one of the verdicts."""
        return [test for test in self.tests if test.verdict in verdicts]

    def as_data(self) -> dict[str, Any]:
        """The run for a JSON file."""
        return asdict(self) | {"counts": self.counts}


def counted(counts: Mapping[str, int]) -> str:
    """Counts in words: what there is none of is left out, but for passed."""
    words = {FAIL: "failed", ERROR: "in error", SKIP: "skipped", PASS: "passed"}
    return ", ".join(
        f"{counts[verdict]:,} {words[verdict]}"
        for verdict in (PASS, FAIL, ERROR, SKIP)
        if counts[verdict] or verdict == PASS
    )


def run_of_data(data: Mapping[str, Any]) -> RunResults:
    """The run that `as_data` made the data of. Raises KeyError or TypeError for other data."""
    known = {key: value for key, value in data.items() if key != "counts"}
    tests = tuple(_test_of_data(test) for test in data["tests"])
    return RunResults(**(known | {"tests": tests, "facts": _pairs(data["facts"])}))


def _test_of_data(data: Mapping[str, Any]) -> TestResult:
    machines = tuple(machine_of_data(machine) for machine in data["machines"])
    return TestResult(**{**data, "machines": machines, "sections": _pairs(data["sections"])})


def machine_of_data(data: Mapping[str, Any]) -> MachineSeen:
    """The machine that `asdict` made the data of."""
    timeline = data["timeline"]
    return MachineSeen(
        **{
            **data,
            "facts": _pairs(data["facts"]),
            "did": tuple(data["did"]),
            "said": tuple(data["said"]),
            "timeline": _timeline_of_data(timeline) if timeline else None,
        }
    )


def _timeline_of_data(data: Mapping[str, Any]) -> CaseTimeline:
    steps = tuple(Step(**_frozen(step)) for step in data["steps"])
    return CaseTimeline(**(_frozen(data) | {"steps": steps}))


def _frozen(data: Mapping[str, Any]) -> dict[str, Any]:
    """Lists back to the tuples that they were."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def _pairs(data: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in data)
