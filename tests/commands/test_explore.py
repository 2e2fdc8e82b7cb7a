"""`inv explore`: figures, exit statuses, and the way back to one case."""

import json
import re
from pathlib import Path

import pytest

from harness.explore.case import Arrival, Case, case_text
from rom.backends import BACKENDS
from rom.image import build_image
from tests.commands.verbs import Inv

CASE = Case("EnableInterrupts", "clear", (Arrival(1, 4),))


@pytest.fixture
def replay(inv: Inv) -> Path:
    """A replay file of this build."""
    file = inv.folder / "a.case"
    file.write_text(case_text(CASE, "bare", build_image(BACKENDS["bare"]).build_id))
    return file


def test_the_figures_of_a_sweep_are_written(inv: Inv, copy: Path) -> None:
    words = ("--call", "GetIDT,GetTR", "--call", "GetLDT", "--workers", "1")
    done = inv.of(copy)("explore", *words, "--json", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    data = json.loads((inv.folder / "out.json").read_text())
    assert data["verdict"] == "pass"
    assert list(data["calls"]) == ["GetIDT", "GetLDT", "GetTR"]
    assert (data["points"], data["cases"], data["failures"]) == (84, 261, 0)
    assert "pass  84 points, 261 cases, 0 failures" in done.stdout
    page = Path(data["map"])
    assert "GetTR" in page.read_text()
    assert f"the map: {page.relative_to(inv.folder)}" in done.stdout


def test_a_call_that_is_not_known_is_a_usage_error(inv: Inv) -> None:
    done = inv("explore", "--call", "NoCall")
    assert done.returncode == 2
    assert "There is no call 'NoCall' to sweep" in done.stderr


def test_a_case_is_run_again_without_a_terminal(inv: Inv, replay: Path) -> None:
    done = inv("explore", "--replay", replay, "--json", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    data = json.loads((inv.folder / "out.json").read_text())
    assert (data["verdict"], data["place"]) == ("pass", "EnableInterrupts+0xb")
    assert [entry["vector"] for entry in data["delivered"]] == [0x24]
    assert re.search(r"EnableInterrupts\+0xb +cmpl \$0, %ss:pending +set +set +4\n", done.stdout)
    assert "vector 24 is delivered" in replay.with_suffix(".html").read_text()


def test_a_case_of_another_build_is_refused(inv: Inv) -> None:
    (inv.folder / "a.case").write_text(case_text(CASE, "bare", "0123abcd"))
    done = inv("explore", "--replay", "a.case")
    assert done.returncode == 2
    assert "of the ROM build 0123abcd, and this one is " in done.stderr


def test_a_terminal_gets_gdb_with_the_interrupt_about_to_arrive(inv: Inv, replay: Path) -> None:
    with inv.started("explore", "--replay", replay) as started:
        started.read_until(r"line 4 is about to arrive")
        started.read_until(r"\(gdb\)")
        started.write("stepi\nstepi\ninfo symbol $pc\n")
        started.read_until(r"(vector_24|external)\S* (\+ \d+ )?in section .wedge")
        started.write("kill\nquit\n")
        assert started.status() == 0
