"""Runs the suite of a checkout in a pytest of its own, and reads what that found."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.front import run_in_front
from harness.machine import background
from harness.report.log import ERROR, FAIL, PASS
from harness.report.results import RunResults, run_of_data
from harness.suite.names import NAME
from harness.suite.seeds import BITS

GRACE = 30.0
"""Seconds that pytest has after an interrupt to end its tests and to write what it knows."""

TESTS_FAILED = 1
"""Pytest's exit status for tests that failed; 0 is for none, and higher ones for no answer."""


@dataclass(frozen=True)
class Selection:
    """What to run: of the checkout `root`, the tests of `node`, or all, that the expression `k`
    selects, on so many workers. seed: of the random tests; None for their own.
    """

    root: Path
    node: str = ""
    k: str = ""
    workers: str = "auto"
    seed: int | None = None

    def __post_init__(self) -> None:
        if not (self.workers == "auto" or self.workers.isdecimal()):
            raise HarnessError(f"{self.workers!r} is no number of workers; give one, or auto.")

    def command(self, *more: str) -> list[str]:
        """The run as a command to be given in the checkout; more: further options of pytest."""
        command = [sys.executable, "-m", "pytest", "-n", self.workers, self.node or "tests"]
        command += ["-k", self.k] if self.k else []
        command += ["--wedge-seed", str(self.seed)] if self.seed is not None else []
        return [*command, *more]


def seed_of(text: str) -> int | None:
    """The seed that was typed; None for an empty text. Raises HarnessError for what is none."""
    if not text:
        return None
    if not (text.isdecimal() and int(text) < 1 << BITS):
        raise HarnessError(f"{text!r} is no seed; give a number from 0 to {(1 << BITS) - 1}.")
    return int(text)


def run_tests(selection: Selection, report: Path, output: int) -> int:
    """Run the tests, and answer pytest's exit status; `test.html`, `.json` and `.xml` are in
    the folder `report` then, whole or not at all.

    output: the descriptor of an open file that gets what pytest says. What ends this early, such
    as Ctrl-C, ends pytest as Ctrl-C does: it writes what it knows.
    """
    beside = report / f".{NAME}.xml.{os.getpid()}"
    seed = "" if selection.seed is None else f" --seed {selection.seed}"
    options = ["--wedge-report", str(report), "--wedge-again", f"inv test {{}} --gdb{seed}"]
    command = selection.command(*options, "--junitxml", str(beside))
    process = background.spawn(
        command, subprocess.DEVNULL, output, output, dict(os.environ), selection.root
    )
    try:
        process.wait()
    finally:
        end(process)
        with suppress(FileNotFoundError):
            beside.replace(report / f"{NAME}.xml")
    return process.returncode


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a pytest that runs yet, as by Ctrl-C; with all of its workers when that is no use."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def debug_tests(selection: Selection) -> str:
    """Run the tests in one process, up to the first that fails; on its machine GDB opens.

    Answers the verdict. The terminal, and Ctrl-C, are pytest's and GDB's meanwhile.
    """
    alone = Selection(selection.root, selection.node, selection.k, "0", selection.seed)
    status = run_in_front(alone.command("--wedge-gdb", "-q"), signal.SIGINT, selection.root)
    return {0: PASS, TESTS_FAILED: FAIL}.get(status, ERROR)


def read_results(report: Path) -> RunResults | None:
    """What a run found, from the folder of its report; None when it left nothing to read."""
    try:
        return run_of_data(json.loads((report / f"{NAME}.json").read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def folders_of(results: RunResults, report: Path, verdicts: Sequence[str]) -> dict[str, str]:
    """The folder of each test with one of the verdicts; "" for one that has none."""
    return {
        test.node: str(report / test.folder) if test.folder else ""
        for test in results.of(*verdicts)
    }
