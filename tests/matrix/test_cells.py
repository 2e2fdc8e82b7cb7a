"""Cells: a boot and some tests on one QEMU, with a verdict for whatever comes of it."""

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ci.matrix.cell import Cell, Result, read_junit, run_cell
from ci.matrix.child import Stopped
from ci.matrix.plan import read_plan
from ci.matrix.report import MatrixReport
from ci.matrix.run import MatrixRequest, chosen, run_matrix
from ci.matrix.table import show_matrix
from harness.errors import HarnessError
from tests.commands.test_signals import told, wait
from tests.commands.verbs import Inv, clean_inv, copy_of_checkout, program

GO = threading.Event()
TESTS = ("tests/matrix/test_differences.py", "tests/descriptors/test_shadow.py")
LIMIT = 120.0
PLAN = read_plan()


@pytest.fixture
def inv(tmp_path: Path) -> Iterator[Inv]:
    """`inv` as a user has it; a test fails when a verb leaves a process or a file behind."""
    with clean_inv(tmp_path) as command:
        yield command


@pytest.fixture
def cell() -> Cell:
    """A cell with the machine's own QEMU."""
    found = shutil.which("qemu-system-i386")
    assert found is not None
    return Cell("own", Path(found), "isapc", "native")


def test_a_cell_boots_and_runs_the_tests_of_its_backend(cell: Cell, tmp_path: Path) -> None:
    result = run_cell(cell, TESTS, LIMIT, tmp_path, GO)
    assert (result.verdict, result.failures, result.detail) == ("pass", (), "")
    tests, failures = read_junit(tmp_path / "matrix-own-isapc-native.xml")
    assert (tests > 0, failures) == (True, {})
    assert result.tests > tests, "the checks of the boot count, too"
    text = (tmp_path / "matrix-own-isapc-native.xml").read_text()
    assert "[native]" in text
    assert "[bare]" not in text


def test_a_cell_whose_rom_is_not_there_fails_by_name(cell: Cell, tmp_path: Path) -> None:
    text = f'exec {cell.program} $(echo "$@" | sed "s/-option-rom [^ ]*//")'
    fake = program(tmp_path / "fake", text)
    result = run_cell(replace(cell, program=fake), TESTS[:1], LIMIT, tmp_path, GO)
    assert result.verdict == "fail"
    assert "boot: guest/comes-to-ready" in result.failures
    assert any("an_external_interrupt_pushes_rf" in name for name in result.failures)
    assert result.detail


@pytest.mark.parametrize(
    ("text", "tests", "said"),
    [
        ("echo oh no >&2; exit 1", TESTS, "oh no"),
        (
            'exec qemu-system-i386 "$@"',
            ("tests/no_such_test.py",),
            "pytest ended with the status 4",
        ),
    ],
)
def test_a_cell_that_cannot_be_asked_is_an_error(
    cell: Cell, tmp_path: Path, text: str, tests: tuple[str, ...], said: str
) -> None:
    fake = program(tmp_path / "fake", text)
    result = run_cell(replace(cell, program=fake), tests, LIMIT, tmp_path, GO)
    assert result.verdict == "error"
    assert said in result.detail
    assert "\n" not in result.detail


def test_a_cell_past_its_time_is_an_error(cell: Cell, tmp_path: Path) -> None:
    result = run_cell(cell, TESTS, 0.01, tmp_path, GO)
    assert (result.verdict, result.detail) == (
        "error",
        "pytest did not end in 0.01 s and was ended",
    )


def test_a_stop_ends_a_cell(cell: Cell, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        run_cell(cell, TESTS, LIMIT, tmp_path, stop)


def test_a_qemu_that_is_not_to_be_had_makes_errors_of_its_own_cells_alone(
    cell: Cell, tmp_path: Path
) -> None:
    plan = replace(PLAN.only("pc", "native"), tests=TESTS[:1])
    qemus = ("/no/such/qemu", str(cell.program))
    said: list[str] = []
    report = run_matrix(MatrixRequest(plan, tmp_path, tmp_path / "report", qemus), said.append)
    assert [(found.qemu, found.verdict) for found in report.cells] == [
        ("/no/such/qemu", "error"),
        (str(cell.program), "pass"),
    ]
    assert report.verdict == "error"
    assert "1 of 1 cells" in said[-1]
    data = json.loads(json.dumps(report.as_data()))
    keys = {
        "qemu",
        "machine",
        "backend",
        "verdict",
        "seconds",
        "tests",
        "failures",
        "detail",
        "report",
    }
    assert data["cells"][0].keys() == keys | {"report"}


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(HarnessError, match=r"no QEMU '9\.9' in the matrix; give 5\.2, 7\.2"):
        chosen(PLAN, ["9.9"])
    assert [name for name, _ in chosen(PLAN, [])] == ["5.2", "7.2", "10.0", "11.1"]
    assert [name for name, _ in chosen(PLAN, ["10.0", "10.0", "./q"])] == ["10.0", "./q"]


def test_the_table_has_all_cells_failures_and_differences() -> None:
    cells = [
        Result("5.2", "pc", "native", "pass", 12.3, 400),
        Result("5.2", "pc", "bare", "fail", 20.0, 700, ("boot: a/b", *"cdefg"), "it said so"),
        Result("11.1", "pc", "native", "error", detail="not to be had [here]"),
        Result("11.1", "pc", "bare", "pass", 1.0, 2),
    ]
    out = StringIO()
    show_matrix(Console(file=out, width=80), MatrixReport(PLAN, cells, seconds=61.0))
    text = out.getvalue()
    for line in (
        r"5.2   pc       pass  400 tests, 12 s  fail  6 of 700 tests, 20 s",
        r"11.1  pc       error -                pass  2 tests, 1 s",
        "fail  5.2 pc bare: it said so",
        "  boot: a/b",
        "  and 1 more",
        "error  11.1 pc native: not to be had [here]",
        "error  4 cells, 2 not passed, 1,102 tests, 61 s",
    ):
        assert line in text
    for difference in PLAN.differences:
        assert difference.test in text


def test_a_version_that_there_is_not_ends_the_verb_with_2(inv: Inv) -> None:
    done = inv("matrix", "--qemu", "9.9", "--json", "out.json")
    assert done.returncode == 2
    assert "There is no QEMU '9.9'" in done.stderr
    assert json.loads((inv.folder / "out.json").read_text())["verdict"] == "error"


def test_what_was_fetched_is_removed_by_the_verb(inv: Inv) -> None:
    cache = inv.folder / "cache"
    (cache / "qemu" / "5.2-bullseye").mkdir(parents=True)
    done = inv("matrix", "--remove", WEDGE_CACHE=str(cache))
    assert (done.returncode, done.stdout) == (0, f"removed {cache}/qemu/5.2-bullseye\n")
    assert not cache.exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_verb_and_all_its_cells_and_leaves_what_was_known(
    inv: Inv, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    copy = copy_of_checkout(tmp_path)
    fifo = inv.folder / "fifo"
    fake = program(inv.folder / "fake", f"echo >'{fifo}'; exec sleep 600")
    words = ("matrix", "--qemu", fake, "--machine", "pc", "--workers", "2")
    with told(fifo) as reader, inv.of(copy).started(*words) as verb:
        wait(reader)
        verb.process.send_signal(number)
        assert verb.status() == status
        assert "Traceback" not in verb.said
    page = (copy / "build/report/matrix.html").read_text()
    assert "The run was stopped" in page
    assert (copy / "build/report/matrix.xml").exists()


def test_where_the_page_cannot_be_written_no_cell_begins(inv: Inv, tmp_path: Path) -> None:
    copy = copy_of_checkout(tmp_path)
    (copy / "build/report/matrix.html/in the way").mkdir(parents=True)
    fake = program(inv.folder / "fake", f"touch '{inv.folder}/begun'; exit 3")
    done = inv.of(copy)("matrix", "--qemu", fake, "--machine", "pc", "--workers", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "build/report/matrix.html: cannot be written: " in done.stderr
    assert not (inv.folder / "begun").exists()
