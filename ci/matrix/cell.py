"""One cell of the matrix: a boot and the tests, on one QEMU, machine type and backend."""

import json
import shutil
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ci.matrix.child import Done, Stopped, run
from ci.matrix.plan import ROOT
from harness.errors import HarnessError
from harness.machine.folder import OwnFolder
from harness.report.log import ERROR, FAIL, PASS

BOOT_LIMIT = 90.0
"""Seconds for a boot, of which the guest has 60."""


@dataclass(frozen=True)
class Cell:
    """What runs: `qemu` is the version's name, `program` what starts it."""

    qemu: str
    program: Path
    machine: str
    backend: str

    @property
    def name(self) -> str:
        """The cell in words."""
        return f"{self.qemu} {self.machine} {self.backend}"

    @property
    def report(self) -> str:
        """What its files are called."""
        return f"matrix-{self.qemu.replace('/', '_')}-{self.machine}-{self.backend}"


@dataclass(frozen=True)
class Result:
    """What a cell found. `tests` are the checks of the boot and pytest's tests, `failures` the
    names of those that failed, `detail` is why there is an error, or what the first failure said.
    `report` is the name of its folder and XML file in the folder of the report, "" for none.
    """

    qemu: str
    machine: str
    backend: str
    verdict: str
    seconds: float = 0.0
    tests: int = 0
    failures: tuple[str, ...] = ()
    detail: str = ""
    report: str = ""


@dataclass
class _Found:
    tests: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    error: str = ""


def run_cell(
    cell: Cell, tests: tuple[str, ...], limit: float, report: Path, stop: threading.Event
) -> Result:
    """Run a cell; its JUnit XML, and a folder with its page, go into the folder `report`.

    limit: seconds for the tests. What keeps the kit from asking is the cell's own error. Raises
    Stopped when the stop was called: then nothing is left of the cell, no process and no file.
    """
    started = time.monotonic()
    found = _Found()
    try:
        _begin(cell, report)
        with _folder() as folder:
            _boot(cell, folder, stop, found)
            if not found.error:
                _test(cell, tests, limit, report, folder, stop, found)
    except Stopped:
        raise
    except HarnessError as error:
        found.error = str(error)
    except OSError as error:
        found.error = f"{error.filename or 'a file'} cannot be used: {error.strerror or error}"
    verdict = ERROR if found.error else FAIL if found.failures else PASS
    return Result(
        cell.qemu,
        cell.machine,
        cell.backend,
        verdict,
        round(time.monotonic() - started, 2),
        found.tests,
        tuple(found.failures),
        found.error or next(iter(found.failures.values()), ""),
        cell.report,
    )


def command(cell: Cell, tests: tuple[str, ...]) -> list[str]:
    """The tests of a cell as a command to be given in a checkout."""
    options = ["--wedge-qemu", str(cell.program), "--wedge-machine", cell.machine]
    return [sys.executable, "-m", "pytest", *options, "--backend", cell.backend, *tests]


def _begin(cell: Cell, report: Path) -> None:
    """What an earlier run of the cell has left goes."""
    report.mkdir(parents=True, exist_ok=True)
    (report / f"{cell.report}.xml").unlink(missing_ok=True)
    shutil.rmtree(report / cell.report, ignore_errors=True)


def _boot(cell: Cell, folder: Path, stop: threading.Event, found: _Found) -> None:
    """`inv boot`, and what it writes for programs."""
    answer = folder / "boot.json"
    words = ["boot", "--backend", cell.backend, "--machine", cell.machine]
    words += ["--qemu", str(cell.program), "--json", str(answer)]
    done = run(
        [sys.executable, "-m", "invoke", "--search-root", str(ROOT), *words],
        folder / "boot.log",
        BOOT_LIMIT,
        stop,
        _environment(folder),
        ROOT,
    )
    try:
        data = json.loads(answer.read_text())
    except (OSError, ValueError):
        found.error = _gave_up("the boot", done, BOOT_LIMIT)
        return
    if data["verdict"] == ERROR:
        found.error = str(data.get("message") or "the boot came to no verdict").partition("\n")[0]
        return
    checks: list[Mapping[str, Any]] = data["checks"]
    found.tests += len(checks)
    for check in checks:
        if check["verdict"] != PASS:
            found.failures[f"boot: {check['id']}"] = check["detail"]


def _test(
    cell: Cell,
    tests: tuple[str, ...],
    limit: float,
    report: Path,
    folder: Path,
    stop: threading.Event,
    found: _Found,
) -> None:
    junit = report / f"{cell.report}.xml"
    options = ["-p", "no:cacheprovider", "-q", "--basetemp", str(folder / "tests")]
    options += ["--wedge-report", str(report / cell.report)]
    options += ["--junitxml", str(junit), "-o", f"junit_suite_name={cell.name}"]
    done = run(
        [*command(cell, tests), *options],
        folder / "tests.log",
        limit,
        stop,
        _environment(folder),
        ROOT,
    )
    # pytest: 1 says that tests failed; 2 to 5 that it was stopped, misused, or found no test.
    if done.status not in (0, 1):
        found.error = _gave_up("pytest", done, limit)
        return
    total, failures = read_junit(junit)
    found.tests += total
    found.failures |= failures
    if done.status and not failures:
        found.error = _gave_up("pytest", done, limit)


def read_junit(file: Path) -> tuple[int, dict[str, str]]:
    """How many tests a JUnit file tells of, and what each that failed says, by its name."""
    tests, failures = 0, {}
    for case in ET.parse(file).getroot().iter("testcase"):
        tests += 1
        for trouble in (*case.iterfind("failure"), *case.iterfind("error")):
            name = f"{case.get('classname', '')}::{case.get('name', '')}"
            failures[name] = (trouble.get("message") or "").partition("\n")[0]
    return tests, failures


def _gave_up(what: str, done: Done, limit: float) -> str:
    if done.status is None:
        return f"{what} did not end in {limit:g} s and was ended"
    return f"{what} ended with the status {done.status}: {done.last_line}"


def _environment(folder: Path) -> dict[str, str]:
    """Temporary files go where they are removed; nothing of a pytest around us counts."""
    return {"TMPDIR": str(folder), "PYTEST_ADDOPTS": "", "PYTHONUTF8": "1", "NO_COLOR": "1"}


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for one cell, removed with what a killed test left."""
    with OwnFolder() as folder:
        try:
            yield folder.path
        finally:
            for _ in range(20):  # a QEMU that is being killed may yet write
                shutil.rmtree(folder.path, ignore_errors=True)
                if not folder.path.exists():
                    break
                time.sleep(0.1)
