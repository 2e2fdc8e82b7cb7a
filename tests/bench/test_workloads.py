"""Whole workloads: the same with each ROM and without one, counted exactly, within the budgets."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from guests.build import build_guest, write_guest
from harness.bench.figure import RATIO, Figure
from harness.bench.run import TIMEOUT, bench
from harness.bench.workloads import WorkloadFailed, run_workloads, workload_figures
from harness.errors import HarnessError
from harness.machine.config import MachineConfig
from harness.rom import Rom
from tests.machine import toys

WORKLOADS = ("interrupt-storm", "system-calls-int-80", "system-calls-sysenter", "fork")

Counts = Mapping[str, Mapping[str, int]]


@pytest.fixture(scope="module")
def workloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest of workloads."""
    return write_guest(build_guest("bench"), tmp_path_factory.mktemp("bench"))


def run(workloads: Path, rom: Path | None, config: MachineConfig) -> dict[str, int]:
    return run_workloads(workloads, rom, config, TIMEOUT)


@pytest.fixture(scope="module")
def counts(workloads: Path, machine_config: MachineConfig, roms: Mapping[str, Rom]) -> Counts:
    """The instructions of each workload by backend, and without a ROM as ''."""
    found = {name: run(workloads, rom.path, machine_config) for name, rom in roms.items()}
    return {"": run(workloads, None, machine_config), **found}


def test_all_workloads_run_with_each_rom_and_without_one(counts: Counts) -> None:
    for found in counts.values():
        assert tuple(found) == WORKLOADS


def test_two_runs_execute_the_same_number_of_instructions(
    workloads: Path, machine_config: MachineConfig, roms: Mapping[str, Rom], counts: Counts
) -> None:
    assert run(workloads, None, machine_config) == counts[""]
    assert run(workloads, roms["bare"].path, machine_config) == counts["bare"]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_rom_costs_something_and_bare_more_than_native(counts: Counts, workload: str) -> None:
    without, native, bare = (counts[name][workload] for name in ("", "native", "bare"))
    assert without < native < bare


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("backend", ["native", "bare"])
def test_a_workload_keeps_the_backends_budget(counts: Counts, backend: str, workload: str) -> None:
    figures = workload_figures(backend, counts[backend], counts[""])
    [ratio] = [figure for figure in figures if figure.name == f"ratio/{workload}"]
    assert ratio.value <= (ratio.budget or 0), ratio


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_workload_is_as_dense_in_calls_as_its_description_says(
    counts: Counts, workload: str
) -> None:
    """A native call is a CALL and a RET more than its instruction: the difference counts calls."""
    without, native = counts[""][workload], counts["native"][workload]
    assert 60 < 2 * without / (native - without) < 400


def test_a_ratio_is_over_its_budget_by_the_smallest_step() -> None:
    at, over = (Figure("ratio/x", "bare", value, RATIO, 1.0) for value in (1.05, 1.0501))
    assert (at.verdict, over.verdict) == ("pass", "fail")
    assert Figure("ratio/x", "native", 1.03, RATIO, 1.0).verdict == "fail"


def test_a_guest_that_fails_is_quoted(tmp_path: Path, machine_config: MachineConfig) -> None:
    say = toys.debug_print("check storm/interrupts fail got 1 want 2\nfailed a workload\n")
    guest = toys.multiboot(tmp_path, say + toys.EXIT_42)
    wanted = "check storm/interrupts fail got 1 want 2; failed a workload"
    with pytest.raises(WorkloadFailed, match=re.escape(wanted)):
        run(guest, None, machine_config)
    with pytest.raises(HarnessError, match="There is no ROM in that machine"):
        bench({}, guest, guest, machine_config)
