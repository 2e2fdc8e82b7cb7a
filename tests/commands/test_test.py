"""`inv test`: the suite of the checkout, what it leaves, and a status that tells the outcome."""

import json
import signal
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.suite.run import Selection, seed_of
from harness.suite.runs import Runs
from tests.commands.verbs import Inv

SUITE = """
def test_good(): pass
def test_bad(): assert False
"""

ON_A_MACHINE = """
from pathlib import Path
import pytest
from guests.build import build_guest, write_guest
from harness.guest import load_guest
from harness.rom import load_rom
from rom.backends import BACKENDS
from rom.build import write_image
from rom.image import build_image

HERE = Path(__file__).parent

@pytest.fixture(scope="session")
def wedge_rom():
    return load_rom(write_image(build_image(BACKENDS["bare"]), HERE))

@pytest.fixture(scope="session")
def wedge_guest():
    return load_guest(write_guest(build_guest("checks"), HERE))

def test_bad(booted):
    booted.clear_log()
    booted.call("DisableInterrupts")
    booted.machine.injector.keyboard_byte(0x1C)
    booted.settle()
    booted.call("EnableInterrupts")
    assert booted.log() == []
"""


def with_suite(copy: Path, text: str) -> Path:
    """The checkout with these tests as its suite."""
    (copy / "tests").mkdir()
    (copy / "tests" / "test_it.py").write_text(text)
    return copy


@pytest.mark.parametrize(
    ("selected", "status", "said"),
    [("good", 0, "1 passed"), ("bad", 1, "1 failed"), ("neither", 2, "2 deselected")],
)
def test_the_status_tells_what_became_of_the_tests_selected(
    inv: Inv, copy: Path, selected: str, status: int, said: str
) -> None:
    root = with_suite(copy, SUITE)
    done = inv.of(root)("test", "--k", selected, "--workers", "0", "--json", "out.json")
    assert done.returncode == status, done.stderr
    assert said in done.stdout
    data = json.loads((inv.folder / "out.json").read_text())
    assert data["verdict"] == ("pass", "fail", "error")[status]
    report = root / "build" / "report"
    assert {path.name for path in report.iterdir()} >= {"test.html", "test.json", "test.xml"}
    assert len(list(ET.parse(report / "test.xml").iter("testcase"))) == int(status < 2)


@pytest.mark.parametrize(("selected", "status"), [("machine", 2), ("bad", 1)])
def test_a_tool_that_is_missing_is_told_once_and_is_no_failure(
    inv: Inv, copy: Path, selected: str, status: int
) -> None:
    root = with_suite(copy, ON_A_MACHINE + SUITE.replace("test_bad", "test_worse"))
    words = ("test", "--k", {"machine": "not worse", "bad": "bad or worse"}[selected])
    done = inv.of(root)(*words, "--workers", "0", "--json", "out.json", PATH=str(inv.folder))
    assert done.returncode == status, done.stdout + done.stderr
    lack = "For 1 of the tests a tool is missing: qemu-system-i386 was not found; install"
    assert done.stdout.splitlines()[-1].startswith(lack)
    assert lack in (root / "build/report/test.html").read_text()
    [run] = json.loads((inv.folder / "out.json").read_text())["runs"]
    assert lack in run["note"]


def test_a_failed_test_leaves_all_that_is_needed_to_look_into_it(inv: Inv, copy: Path) -> None:
    root = with_suite(copy, ON_A_MACHINE)
    done = inv.of(root)("test", "--workers", "0", "--seed", "5")
    report = root / "build" / "report"
    [test] = json.loads((report / "test.json").read_text())["tests"]
    command = "inv test tests/test_it.py::test_bad --gdb --seed 5"
    assert done.returncode == 1
    assert f"all that is needed: build/report/{test['folder']}\n" in done.stdout
    assert f"in GDB, where it failed: {command}\n" in done.stdout
    assert command in (report / "test.html").read_text()
    names = {path.name for path in (report / test["folder"]).iterdir()}
    assert names >= {"failure.txt", "machine.txt", "command-line.txt", "debug.log", "qemu.log"}
    assert names >= {"bare-3.0.rom", "bare-3.0.json", "bare-3.0.elf", "bare-3.0.lst", "checks.elf"}
    [machine] = test["machines"]
    check_what_is_told(machine)


def check_what_is_told(machine: dict[str, Any]) -> None:
    """The machine of the test: what was done to it, how it stands, and each step."""
    assert machine["did"] == [
        *("writes 0 at entered", "writes 0 at depth", "writes 0 at deepest"),
        "calls DisableInterrupts",
        "byte 1c of the keyboard arrives",
        "lets it run to returned (2 times)",
        "calls EnableInterrupts",
    ]
    facts = dict(machine["facts"])
    assert facts["stands at"] == "returned"
    assert facts["guest's checks"].startswith("all ")
    assert (facts["virtual IF"], facts["pending"]) == ("set", "none")
    assert facts["handlers entered"].startswith("21 from returned")
    timeline = machine["timeline"]
    marks = [mark for step in timeline["steps"] for mark in step["marks"]]
    wanted = [
        "calls DisableInterrupts",
        "byte 1c of the keyboard arrives",
        "vector 21 is recorded",
        "calls EnableInterrupts",
        "vector 21 is delivered",
        "EOI of line 1",
        "the handler of 21 has ended",
    ]
    assert [mark for mark in marks if mark in wanted] == wanted
    [arrival] = timeline["arrivals"]
    assert timeline["steps"][arrival]["requested"] == [1]
    assert timeline["ending"] == "The test ended here, at returned."


def test_at_a_terminal_gdb_opens_where_the_test_failed(inv: Inv, copy: Path) -> None:
    root = with_suite(copy, ON_A_MACHINE)
    with inv.of(root).started("test", "tests/test_it.py::test_bad", "--gdb") as verb:
        verb.read_until(r"\(gdb\) ")
        verb.write("info symbol $eip\nprint/x *(int*)&entered\nquit\n")
        assert verb.status() == 1
    assert "returned in section .text" in verb.said
    assert "$1 = 0x1" in verb.said


NOW_AND_THEN = """
import os, time
from pathlib import Path

HERE = Path(__file__).parent

def test_good(): pass
def test_the_first_time(wedge_seed):
    if Path(os.environ["TMPDIR"]).name == "wl":  # this run is the load of another
        (HERE / "load").touch()
        time.sleep(600)  # until it is ended
    with (HERE / "runs").open("a") as file:
        print(wedge_seed, file=file)
    assert len((HERE / "runs").read_text().split()) == 2
    end = time.monotonic() + 30
    while not (HERE / "load").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
"""


def test_runs_in_a_row_go_to_their_end_the_last_loaded_and_tell_who_failed_when(
    inv: Inv, copy: Path
) -> None:
    root = with_suite(copy, NOW_AND_THEN)
    words = ("--repeat", "2", "--loaded", "1", "--json", "out.json")
    done = inv.of(root)("test", "--workers", "0", *words)
    assert done.returncode == 1, done.stderr
    seeds = (root / "tests" / "runs").read_text().split()
    assert len(set(seeds)) == 2
    runs = json.loads((inv.folder / "out.json").read_text())["runs"]
    told = [(str(run["seed"]), run["verdict"], run["loaded"]) for run in runs]
    assert told == [(seeds[0], "fail", False), (seeds[1], "pass", True)]
    [(node, folder)] = runs[0]["failures"].items()
    assert node == "tests/test_it.py::test_the_first_time"
    assert (Path(folder) / "failure.txt").is_file()
    lines = done.stdout.splitlines()
    assert lines[0].startswith("run 1 of 2  fail   1 passed, 1 failed, ")
    assert lines[1].endswith(f"seed {seeds[1]}, loaded")
    assert "failed in 1 of 2 runs" in lines
    assert f"    run 1, seed {seeds[0]}: {Path(folder).relative_to(inv.folder)}" in lines
    assert lines[-1].startswith("fail  2 runs, 1 not passed, 1 tests failed, ")
    report = root / "build" / "report"
    assert "1 failed" in (report / "run-1/output.txt").read_text()
    page = ET.fromstring((report / "runs.html").read_text().partition("\n")[2])
    targets = [link.attrib["href"] for link in page.iter("a")]
    assert targets[:2] == ["run-1/test.html", "run-2/test.html"]
    assert targets[2] == Path(folder).relative_to(report).as_posix()
    assert all((report / target).exists() for target in targets)
    said = " ".join(page.itertext())
    assert f"{node} run 1" in " ".join(said.split())
    assert all(seed in said for seed in seeds)


HANGING = """
import time
from pathlib import Path

def test_1_bad(): assert False
def test_2_hangs():
    print("hangs", flush=True)
    time.sleep(600)
"""


def test_an_interrupted_run_leaves_what_it_knew(inv: Inv, copy: Path) -> None:
    root = with_suite(copy, HANGING)
    with inv.of(root).started("test", "--workers", "0", PYTEST_ADDOPTS="-s") as verb:
        verb.read_until("hangs\r")
        verb.process.send_signal(signal.SIGINT)
        assert verb.status() == 130
    report = root / "build" / "report"
    data = json.loads((report / "test.json").read_text())
    assert data["counts"]["fail"] == 1
    assert "interrupted" in data["note"]
    assert len(list(ET.parse(report / "test.xml").iter("testcase"))) >= 1
    assert not [path.name for path in report.iterdir() if path.name.startswith(".test")]


@pytest.mark.parametrize(
    ("times", "loaded", "gdb", "said"),
    [
        (0, 0, False, "0 runs cannot be made"),
        (2, 3, False, "3 of 2 runs cannot be loaded"),
        (2, 0, True, "GDB ends with one run"),
    ],
)
def test_numbers_of_runs_that_make_no_sense_are_refused(
    times: int, loaded: int, gdb: bool, said: str
) -> None:
    with pytest.raises(HarnessError, match=said):
        Runs(Path(), times, loaded, gdb)


def test_seeds_and_workers_that_are_no_numbers_are_refused() -> None:
    for text in ("x", "-1", str(1 << 32)):
        with pytest.raises(HarnessError, match="is no seed; give a number from 0 to 4294967295"):
            seed_of(text)
    assert (seed_of(""), seed_of("0")) == (None, 0)
    with pytest.raises(HarnessError, match="'many' is no number of workers"):
        Selection(Path(), workers="many")
