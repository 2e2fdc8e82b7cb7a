"""The kit's own tests as killers of mutants: pytest, in a process of its own."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.booted import SOURCE_ROOT
from harness.errors import HarnessError
from harness.machine import background
from harness.machine.folder import OwnFolder
from rom.backends import BACKENDS

TESTS = SOURCE_ROOT / "tests"
FOLDERS = ("interrupts", "costs", "processors", "timer", "descriptors", "calls")
"""Those whose tests make calls and raise interrupts."""

LIMIT, MEASURE_LIMIT = 240.0, 900.0
"""Seconds for the tests that reach a mutant, and for all of them once."""

START = 0.03
"""Seconds that a test takes at least, with what comes before and after."""

TICK = 0.2
"""Seconds between looks whether they have ended."""

_PASSED, _FAILED = 0, 1  # what pytest answers


@dataclass(frozen=True)
class KitTest:
    """A test by its node id, the seconds that it takes, and what of the RAM block it reaches."""

    name: str
    seconds: float
    reached: frozenset[int]


@dataclass(frozen=True)
class Failure:
    """The test that failed first, and what it said."""

    test: str
    text: str


def kit_tests(
    backend: str, file: Path, path: Collection[int], tick: Callable[[], None]
) -> list[KitTest]:
    """The tests that pass on a backend's ROM as it is; none without a source tree.

    First come those of FOLDERS[0], and of them those that reach what few others do of a path,
    offsets of the RAM block, for the time that they take.

    file: where to write what was measured, or to find it if no test has changed since. tick: called
    meanwhile. Raises HarnessError.
    """
    if not TESTS.is_dir():
        return []
    if not is_measured(file):
        names = " or ".join(name for name in BACKENDS if name != backend)
        folders = [str(TESTS / name) for name in FOLDERS]
        arguments = ["-k", f"not ({names})", "--reached", str(file), *folders]
        with _pytest(arguments) as (process, output):
            if not _ends(process, MEASURE_LIMIT, tick) or process.returncode != _PASSED:
                raise HarnessError(
                    f"The kit's own tests do not pass on the ROM as it is:\n{_text(output)[-2000:]}"
                )
    said = json.loads(file.read_text())
    tests = [
        KitTest(name, each["seconds"], frozenset(each["reached"])) for name, each in said.items()
    ]
    others = Counter(at for test in tests for at in test.reached)

    def rank(test: KitTest) -> tuple[bool, float]:
        weight = sum(1 / others[at] for at in test.reached.intersection(path))
        return FOLDERS[0] not in Path(test.name).parts, -weight / (test.seconds + START)

    return sorted(tests, key=rank)


def is_measured(file: Path) -> bool:
    """Whether a file of what tests reach is there, and none of the tests is newer."""
    if not file.exists():
        return False
    tests = (test for name in FOLDERS for test in (TESTS / name).glob("*.py"))
    return all(test.stat().st_mtime_ns <= file.stat().st_mtime_ns for test in tests)


def fail(key: str, tests: Sequence[str], tick: Callable[[], None]) -> Failure | None:
    """Let tests, by their node ids, at a mutant, by `BACKEND: KEY`; the first to fail says so."""
    places = [f"{SOURCE_ROOT}/{name}" for name in tests]
    with _pytest(["-x", "--mutant", key, *places]) as (process, output):
        if not _ends(process, LIMIT, tick):
            return Failure("tests", f"they do not end within {LIMIT:g} s")
        text = _text(output)
    if process.returncode == _PASSED:
        return None
    lines = text.splitlines()
    for line in lines:
        word, _, rest = line.partition(" ")
        if word in ("FAILED", "ERROR"):
            test = max((name for name in tests if rest.startswith(name)), key=len, default=rest)
            said = (each[1:].strip() for each in lines if each.startswith("E  "))
            return Failure(test, next(said, "it fails"))
    raise HarnessError(f"pytest did not begin at {key}:\n{text[-2000:]}")


@contextmanager
def _pytest(arguments: Sequence[str]) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A run of pytest and the file of what it prints; it ends with the context."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    with OwnFolder() as folder:
        output = folder.path / "output"
        with output.open("wb") as file:
            process = background.spawn(command, subprocess.DEVNULL, file, file)
        try:
            yield process, output
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _ends(process: "subprocess.Popen[bytes]", limit: float, tick: Callable[[], None]) -> bool:
    until = time.monotonic() + limit
    while time.monotonic() < until:
        tick()
        try:
            process.wait(TICK)
        except subprocess.TimeoutExpired:
            continue
        return True
    return False


def _text(output: Path) -> str:
    return output.read_text(errors="replace")
