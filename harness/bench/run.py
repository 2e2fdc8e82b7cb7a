"""Count all that `inv bench` counts, on each ROM in turn, and judge it by the budgets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.bench.calls import RomLost, count_calls
from harness.bench.figure import Figure
from harness.bench.workloads import WorkloadFailed, run_workloads, workload_figures
from harness.booted import GuestFailed
from harness.errors import HarnessError
from harness.guest import load_guest
from harness.machine.config import MachineConfig
from harness.report.log import FAIL, verdict_of
from harness.rom import load_rom

TIMEOUT = 30.0
"""Seconds for one run of the workloads; it takes about one."""


@dataclass
class BenchReport:
    """What was counted. `trouble` says, by backend, what its ROM did that ended the counting."""

    figures: list[Figure] = field(default_factory=list)
    trouble: dict[str, str] = field(default_factory=dict)

    @property
    def broken(self) -> list[Figure]:
        """The figures that are over their budget."""
        return [figure for figure in self.figures if figure.verdict == FAIL]

    @property
    def verdict(self) -> str:
        """Pass when all budgets hold and everything could be counted."""
        if self.trouble:
            return FAIL
        return verdict_of(figure.verdict for figure in self.figures if figure.verdict)

    def as_data(self) -> dict[str, Any]:
        """The report for a JSON file, as the command line's contract has it, and what is broken."""
        return {
            "verdict": self.verdict,
            "figures": [figure.as_data() for figure in self.figures],
            "broken": [figure.as_data() | {"budget": figure.budget} for figure in self.broken],
            "trouble": self.trouble,
        }


def bench(
    roms: Mapping[str, Path],
    checks: Path,
    workloads: Path,
    config: MachineConfig,
    progress: Callable[[str], None] = lambda text: None,
) -> BenchReport:
    """Count on the ROM of each backend. `checks` and `workloads` are the guests' files.

    `progress` is told what goes on, a line at a time. Raises HarnessError when the kit could not
    ask: QEMU is missing or dies, or the workloads fail where there is no ROM.
    """
    report = BenchReport()
    progress("workloads without a ROM")
    try:
        without = run_workloads(workloads, None, config, TIMEOUT)
    except WorkloadFailed as error:
        raise HarnessError(f"{error} There is no ROM in that machine, so this is ours.") from None
    guest = load_guest(checks)
    for backend, path in roms.items():
        try:
            report.figures += count_calls(load_rom(path), guest, config, progress)
            progress(f"workloads on {backend}")
            counts = run_workloads(workloads, path, config, TIMEOUT)
            report.figures += workload_figures(backend, counts, without)
        except (GuestFailed, RomLost, WorkloadFailed) as error:
            report.trouble[backend] = str(error)
    return report
