"""What is done about a test that fails, while its machines stand as it left them."""

import shlex
import weakref
from collections.abc import Generator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MissingTool
from harness.machine import process
from harness.machine.debugger import Debugger
from harness.machine.process import Machine
from harness.report.results import MachineSeen
from harness.suite.folder import fill_folder, make_folder, near
from harness.suite.look import Used, look_at, used_machines
from harness.suite.names import AGAIN, FAILURES, FOLDER, FOUND, LACKS, MACHINE, POOL, TO_LOOK

OPTIONS = ("wedge_rom", "wedge_guest", "wedge_qemu", "wedge_machine", "wedge_seed")
"""The options that a test run again in GDB is given as this run was."""

MOST = 50
"""Failures of a process that are looked into: when more tests fail, that is hardly the way."""

MOST_AGAIN = 10
"""Failures of a process that are done once more, step by step, which takes a second or two."""


class Failures:
    """A plugin of pytest, in each process that runs tests.

    report: where the folders of failures go, None for nowhere. gdb: open GDB on the machine of a
    test that failed. again: the command that does so, in which {} is the test's node id; "" for
    plain pytest.
    """

    def __init__(self, report: Path | None, gdb: bool, again: str) -> None:
        self._report = report
        self._gdb = gdb
        self._again = again
        self._count = 0
        self._before: weakref.WeakSet[Machine] = weakref.WeakSet()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note what was there before the test."""
        self._before = process.started.copy()
        pool = getattr(item.session, POOL, None)
        if pool is not None:
            pool.handed.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Show where the machines of a failed test stand, and keep what there is to look at."""
        report = yield
        if report.failed and call.excinfo and isinstance(call.excinfo.value, MissingTool):
            setattr(report, LACKS, str(call.excinfo.value))
        if not report.failed or call.when == "teardown":
            return report
        machines = self._machines(item)
        for used in machines:
            report.sections.append((f"{MACHINE} {used.name}", used.machine.picture()))
        self._count += 1
        if self._report is not None and self._count <= MOST:
            self._keep(item, report, machines)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, report: pytest.TestReport
    ) -> None:
        """Open GDB, if it was asked for, before the fixtures go."""
        if not self._gdb or not isinstance(node, pytest.Item) or report.when == "teardown":
            return
        from harness.suite.stand import open_gdb  # here, for few runs need it

        capture = node.config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            capture.suspend(in_=True)
        try:
            arguments = getattr(node, "funcargs", {}).values()
            attached = [value for value in arguments if isinstance(value, Debugger)]
            open_gdb(node.nodeid, report.longreprtext, self._machines(node), attached)
        finally:
            if capture is not None:
                capture.resume()
        node.session.shouldfail = "GDB stood on the first test that failed"

    def _machines(self, item: pytest.Item) -> list[Used]:
        arguments = getattr(item, "funcargs", {})
        pool = getattr(item.session, POOL, None)
        handed = pool.handed if pool is not None else []
        return used_machines(arguments, handed, self._before, process.started)

    def _keep(self, item: pytest.Item, report: Any, machines: Sequence[Used]) -> None:
        """Make the folder, and give the report what the page wants."""
        assert self._report is not None
        again = self._again_command(item)
        seen = [(used, _seen(used, self._count <= MOST_AGAIN)) for used in machines]
        setattr(report, AGAIN, again)
        setattr(report, FOUND, [asdict(machine) for _, machine in seen])
        lines = [f"in GDB, where it failed: {again}"]
        try:
            folder = make_folder(self._report, item.nodeid)
            fill_folder(folder, _text(report), seen, again)
        except OSError as error:
            lines.append(f"its folder could not be written: {error.filename}: {error.strerror}")
        else:
            setattr(report, FOLDER, f"{FAILURES}/{folder.name}")
            item.user_properties.append(("folder", str(folder)))
            lines.insert(
                0, f"all that is needed: {near(folder, item.config.invocation_params.dir)}"
            )
        report.sections.append((TO_LOOK, "\n".join(lines)))

    def _again_command(self, item: pytest.Item) -> str:
        if self._again:
            return self._again.replace("{}", shlex.quote(item.nodeid))
        command = ["pytest", item.nodeid, "--wedge-gdb"]
        for name in OPTIONS:
            value = item.config.getoption(name, None)
            if value not in (None, ""):
                command += ["--" + name.replace("_", "-"), str(value)]
        return shlex.join(command)


def _seen(used: Used, again: bool) -> MachineSeen:
    """What a look shows, and what was done to the machine, done again too.

    That this fails is no reason to lose the test's own failure.
    """
    try:
        seen = look_at(used)
    except Exception as error:
        return MachineSeen(used.name, state=f"It could not be looked at: {error!r}")
    if used.booted is None:
        return seen
    from harness.suite.again import can_be_done_again, timeline_of  # here, for few runs need it
    from harness.suite.deeds import sentences

    try:
        seen = replace(seen, did=sentences(used.booted, [*used.machine.journal.deeds]))
        if again and can_be_done_again(used.booted):
            seen = replace(seen, timeline=timeline_of(used.booted))
    except Exception as error:
        why = (str(error) or repr(error)).splitlines()[0]
        return replace(seen, did=(*seen.did, f"and it could not be done again: {why}"))
    return seen


def _text(report: pytest.TestReport) -> str:
    sections = (f"--- {title}\n{text}" for title, text in report.sections)
    return "\n\n".join([report.nodeid, report.longreprtext, *sections])
