"""Count the instructions of whole workloads, with a ROM and without one.

Under `-icount shift=0` QEMU's virtual clock advances by 1 ns an instruction, and the time stamp
counter by one a ns; timers are due at a number of instructions. So the difference of two RDTSC in
the guest is the number of instructions executed between them, and two runs give the same numbers.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.bench.figure import INSTRUCTIONS, RATIO, Figure
from harness.errors import HarnessError
from harness.machine.config import MachineConfig
from harness.machine.ending import DEBUG_EXIT, DIED
from harness.machine.process import Machine

_FIGURE = re.compile(r"^figure (\S+) ([0-9a-f]{8})$", re.M)
_FAILED = re.compile(r"^(?:check .* fail .*|failed .*)$", re.M)


class WorkloadFailed(HarnessError):
    """The guest did not do its workloads: it said so, hung, or took the machine with it."""


def run_workloads(
    guest: Path, rom: Path | None, config: MachineConfig, timeout: float
) -> dict[str, int]:
    """Boot the guest of workloads and answer the instructions of each, by name in their order.

    timeout: seconds. Raises WorkloadFailed, and HarnessError when the kit could not ask.
    """
    config = replace(config, kernel=guest, option_rom=rom, icount=True)
    with Machine(config) as machine:
        machine.monitor.cont()
        ending = machine.wait_end(timeout)
        said = machine.debug_console()
        if ending.kind == DIED:
            raise machine.died("QEMU ended while the workloads ran")
        machine.check_logs()  # the figures come by one
        if ending.kind != DEBUG_EXIT or ending.value != 0:
            what = "; ".join(_FAILED.findall(said)) or ending.detail
            raise WorkloadFailed(f"The workloads did not run to their end: {what}")
    return {name: int(count, 16) for name, count in _FIGURE.findall(said)}


def workload_figures(
    backend: str, counts: Mapping[str, int], without: Mapping[str, int]
) -> list[Figure]:
    """Each workload's instructions beside those without a ROM, and their ratio."""
    figures = []
    for name, count in counts.items():
        yardstick = without[name]
        figures.append(Figure(f"workload/{name}", backend, count, INSTRUCTIONS, yardstick))
        ratio = round(count / yardstick, 4)
        figures.append(Figure(f"ratio/{name}", backend, ratio, RATIO, 1.0))
    return figures
