"""`inv bench`: what it prints, what it writes, and that a broken budget is a failure."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.commands.verbs import Done, Inv, clean_inv, replace_line


class Bench(NamedTuple):
    done: Done
    data: dict[str, Any]


def run(inv: Inv, *words: str) -> Bench:
    done = inv("bench", "--json", "out.json", *words)
    return Bench(done, json.loads((inv.folder / "out.json").read_text()))


def broken(bench: Bench) -> set[str]:
    return {figure["name"] for figure in bench.data["broken"]}


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The costs of the yardstick alone."""
    with clean_inv(tmp_path_factory.mktemp("bench")) as inv:
        yield run(inv, "--backend", "native")


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The costs of all backends."""
    with clean_inv(tmp_path_factory.mktemp("bench")) as inv:
        yield run(inv)


def test_the_yardstick_keeps_its_budgets(native: Bench) -> None:
    assert (native.done.returncode, native.done.stderr) == (0, "")
    assert (native.data["verdict"], native.data["broken"]) == ("pass", [])


def test_the_status_tells_whether_all_budgets_hold(all_of_them: Bench) -> None:
    over = [
        figure
        for figure in all_of_them.data["figures"]
        if figure["name"].startswith("ratio/")
        and figure["value"] > {"native": 1.02, "bare": 1.05}[figure["backend"]]
    ]
    assert broken(all_of_them) == {figure["name"] for figure in over}
    assert all_of_them.done.returncode == bool(over)
    assert all_of_them.data["verdict"] == ("fail" if over else "pass")


def test_the_file_has_each_figure_with_backend_unit_and_yardstick(all_of_them: Bench) -> None:
    figures = all_of_them.data["figures"]
    keys = {"name", "backend", "value", "unit", "yardstick"}
    assert all(figure.keys() == keys for figure in figures)
    assert {figure["backend"] for figure in figures} == {"native", "bare"}
    assert {figure["unit"] for figure in figures} == {"instructions", "ratio"}
    names = [(figure["name"], figure["backend"]) for figure in figures]
    assert len(set(names)) == len(names)
    assert {
        "instructions/DisableInterrupts",
        "instructions/GetInterruptMask",
        "instructions/EnableInterrupts",
        "instructions/SetInterruptMask",
        "ratio/interrupt-storm",
    } <= {name for name, _ in names}


def test_the_table_has_the_backends_side_by_side(all_of_them: Bench) -> None:
    lines = all_of_them.done.stdout.splitlines()
    assert lines[0].split() == ["figure", "without", "native", "bare", "budget", "verdict"]
    rows = {line.split()[0]: line.split()[1:] for line in lines[1:] if "/" in line}
    assert rows["instructions/DisableInterrupts"] == ["1", "2", "2", "2", "pass"]
    assert rows["ratio/interrupt-storm"][-4:] == ["1.02", "/", "1.05", "pass"]
    assert {figure["name"] for figure in all_of_them.data["figures"]} <= rows.keys()
    assert "\x1b" not in all_of_them.done.stdout
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_one_more_instruction_in_a_fast_call_breaks_its_budget(inv: Inv, copy: Path) -> None:
    more = "DisableInterrupts: nop"
    replace_line(copy / "rom/backends/bare.s", "DisableInterrupts:", more)
    bench = run(inv.of(copy), "--backend", "bare")
    assert bench.done.returncode == 1
    assert "instructions/DisableInterrupts" in broken(bench)
    said = "fail instructions/DisableInterrupts on bare is 3, its budget 2"
    assert said in bench.done.stdout.splitlines()


def test_a_rom_that_breaks_a_workload_fails_with_what_the_guest_says(inv: Inv, copy: Path) -> None:
    # A page that the parent writes to stays read-only, or the copy is never seen.
    replace_line(copy / "rom/wedge/mmu.s", "movl %eax, (%edx)", "    nop")
    bench = run(inv.of(copy), "--backend", "native")
    assert (bench.done.returncode, bench.data["verdict"]) == (1, "fail")
    assert "The workloads did not run to their end" in bench.data["trouble"]["native"]
    assert "fail native: " in bench.done.stdout


def test_progress_is_shown_on_a_terminal(inv: Inv) -> None:
    with inv.started("bench", "--backend", "native") as verb:
        assert verb.status() == 0
    assert "counting: workloads without a ROM" in verb.said
    assert "counting: workloads on native" in verb.said
