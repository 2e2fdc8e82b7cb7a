"""Gathers what a run of pytest finds, on whatever workers, and writes it as a page and as data."""

import fcntl
import json
import os
import platform
import shlex
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.report.log import ERROR, FAIL, PASS
from harness.report.results import (
    SKIP,
    VERDICTS,
    RunResults,
    TestResult,
    machine_of_data,
)
from harness.report.results_html import results_page
from harness.suite.folder import near
from harness.suite.names import AGAIN, FAILURES, FOLDER, FOUND, LACKS, MACHINE, NAME, TO_LOOK
from rom.build import BuildError, write_file


class Collector:
    """A plugin of pytest, in the process that hears of all tests.

    folder: where `test.html` and `test.json` are written at the end, however that comes. Folders of
    failures that an earlier run left there are removed first, unless another run is at work there.
    """

    def __init__(self, config: pytest.Config, folder: Path, seed: int | None) -> None:
        self.folder = folder
        self._config = config
        self._seed = seed
        self._tests: dict[str, TestResult] = {}
        self._setups: dict[str, float] = {}
        self._collected = 0
        self._note = ""
        self._trouble = ""
        self._began, self._started = time.localtime(), time.monotonic()
        self._lock = -1
        try:
            self._begin()
        except OSError as error:
            self._trouble = f"{folder} cannot be written to: {error.strerror}"

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Who runs holds the lock shared: to have it alone means that nobody else does.
        self._lock = os.open(self.folder / ".running", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            shutil.rmtree(self.folder / FAILURES, ignore_errors=True)
            for suffix in ("html", "json"):
                (self.folder / f"{NAME}.{suffix}").unlink(missing_ok=True)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist where the report goes."""
        node.workerinput[FOLDER] = str(self.folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note how many tests there are; each worker has all of them."""
        self._collected = len(ids)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note how many tests there are, without workers."""
        self._collected = len(session.items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that could not be read: all of its tests are missing."""
        if report.failed:
            node = report.nodeid or str(self._config.rootpath)
            self._tests[node] = TestResult(node, ERROR, text=report.longreprtext)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what became of a part of a test: its fixtures, itself, their end."""
        before = self._tests.get(report.nodeid)
        if report.when == "setup" and report.passed:  # it has hardly begun
            self._setups[report.nodeid] = report.duration
            return
        now = _result(report)
        now = replace(now, seconds=now.seconds + self._setups.pop(report.nodeid, 0.0))
        if before is None:
            self._tests[report.nodeid] = now
            return
        seconds = before.seconds + now.seconds
        worse = min(before, now, key=lambda test: VERDICTS.index(test.verdict))
        self._tests[report.nodeid] = replace(worse, seconds=seconds)

    def pytest_keyboard_interrupt(self) -> None:
        """Note that the run did not come to its end."""
        self._note = "The run was interrupted; this is what it knew by then."

    def pytest_internalerror(self, excrepr: object) -> None:
        """Note that pytest gave up."""
        last = (str(excrepr).splitlines() or ["no reason given"])[-1]
        self._note = f"pytest gave up: {last}"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the page and the data."""
        run = self.results(int(exitstatus))
        try:
            if not self._trouble:
                write_file(self.folder / f"{NAME}.html", results_page(run).encode())
                data = json.dumps(run.as_data()) + "\n"
                write_file(self.folder / f"{NAME}.json", data.encode())
        except BuildError as error:
            self._trouble = str(error)
        with suppress(OSError):
            os.close(self._lock)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the page is."""
        if self._trouble:
            terminalreporter.write_line(f"no report: {self._trouble}", red=True)
            return
        page = self.folder / f"{NAME}.html"
        shown = near(page, self._config.invocation_params.dir)
        terminalreporter.write_line(f"report: {shown}")

    def _lack(self) -> str:
        """A sentence when a tool is missing, however many tests want it."""
        lack = [test.lacks for test in self._tests.values() if test.lacks]
        return f"For {len(lack):,} of the tests a tool is missing: {lack[0]}" if lack else ""

    def results(self, status: int) -> RunResults:
        """What is known, given pytest's exit status."""
        tests = tuple(self._tests[node] for node in sorted(self._tests))
        wrong = [test for test in tests if test.verdict in (FAIL, ERROR)]
        failed = any(not test.lacks for test in wrong)
        verdict = FAIL if failed else PASS if status == 0 else ERROR
        left = self._collected - len(tests)
        note = f"{self._note} {self._lack()}".strip()
        if left > 0:
            note = f"{note} {left:,} of {self._collected:,} tests did not run.".strip()
        if verdict == ERROR and not note:
            note = "No test ran." if status == 5 else f"pytest ended with the status {status}."
        seed = "none given: each random test has its own"
        facts = (
            ("command", shlex.join(["pytest", *map(str, self._config.invocation_params.args)])),
            ("began", time.strftime("%Y-%m-%d %H:%M:%S", self._began)),
            ("seed", seed if self._seed is None else str(self._seed)),
            ("on", f"Python {platform.python_version()}, pytest {pytest.__version__}"),
        )
        return RunResults(
            title=f"{self._collected or len(tests):,} tests of {self._config.rootpath.name}",
            verdict=verdict,
            seconds=round(time.monotonic() - self._started, 2),
            tests=tests,
            facts=facts,
            note=note,
            collected=self._collected,
        )


def _result(report: pytest.TestReport) -> TestResult:
    skipped = report.skipped
    if report.passed:
        verdict = PASS
    elif skipped:
        verdict = SKIP
    else:
        verdict = FAIL if report.when == "call" else ERROR
    text = "" if report.passed else report.longreprtext
    if skipped and isinstance(report.longrepr, tuple):
        text = report.longrepr[2].removeprefix("Skipped: ")
    if skipped and hasattr(report, "wasxfail"):
        text = f"it fails, as is known: {report.wasxfail}"
    sections = () if report.passed else tuple(_sections(report))
    return TestResult(
        node=report.nodeid,
        verdict=verdict,
        seconds=report.duration,
        text=text,
        sections=sections,
        machines=tuple(machine_of_data(data) for data in getattr(report, FOUND, ())),
        folder=getattr(report, FOLDER, ""),
        command=getattr(report, AGAIN, ""),
        lacks=getattr(report, LACKS, ""),
    )


def _sections(report: pytest.TestReport) -> list[tuple[str, str]]:
    return [
        (title, text) for title, text in report.sections if not title.startswith((MACHINE, TO_LOOK))
    ]
