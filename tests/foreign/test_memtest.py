"""memtest86+ with a ROM in the machine: it runs as it does without, and leaves the ROM alone."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.machine.config import MachineConfig
from harness.machine.ending import TIMEOUT
from harness.machine.process import Machine
from harness.rom import Rom
from rom.image import Image
from tests.foreign.conftest import check_unharmed

OPTIONS = "console=ttyS0,115200 nopause nobench"
LIMIT = 600
"""Looks at the console, a twentieth of a second or more apart."""

FIRST_TEST = re.compile(r"#0 +\[")
LATER_TEST = re.compile(r"#[1-9]\d* +\[")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_WRITE = re.compile(r"\x1b\[(\d+);(\d+)H([^\x1b]*)")
_CHANGING = re.compile(r"[\d.#%]+ *|[-\\|/]$")


def run_until(machine: Machine, pattern: re.Pattern[str]) -> str:
    """Let the guest run until its serial console shows the pattern; answers the console."""
    machine.monitor.cont()
    for _ in range(LIMIT):
        if pattern.search(console := machine.console()):
            machine.monitor.stop()
            return console
        ending = machine.wait_end(0.05)
        assert ending.kind == TIMEOUT, ending.detail
    pytest.fail(f"memtest86+ did not show {pattern.pattern!r}\n{machine.picture()}")


def first_screen(console: str) -> list[str]:
    """The rows of the screen when the first test shows up, without what changes with time."""
    rows: dict[int, list[str]] = {}
    shown, _, _ = _COLOUR.sub("", console).partition("#0")
    for row, column, text in _WRITE.findall(shown):
        cells = rows.setdefault(int(row), [" "] * 200)
        start = int(column) - 1
        cells[start : start + len(text)] = text
    return [_CHANGING.sub("", "".join(cells).rstrip()) for _, cells in sorted(rows.items())]


@pytest.fixture(scope="module")
def without_rom(machine_config: MachineConfig, memtest: Path) -> list[str]:
    """The first screen on a machine that has no ROM of ours."""
    with Machine(replace(machine_config, memory=16, kernel=memtest, append=OPTIONS)) as machine:
        screen = first_screen(run_until(machine, FIRST_TEST))
    assert "Memtest" in screen[0]
    return screen


def test_memtest_tests_the_memory_beside_a_rom(
    machine_config: MachineConfig,
    memtest: Path,
    wedge_rom: Rom,
    images: Mapping[str, Image],
    without_rom: list[str],
) -> None:
    config = replace(machine_config, memory=16, kernel=memtest, append=OPTIONS)
    with Machine(replace(config, option_rom=wedge_rom.path)) as machine:
        console = run_until(machine, LATER_TEST)
        assert set(re.findall(r"Errors: *(\d+)", console)) == {"0"}
        assert first_screen(console) == without_rom
        check_unharmed(machine, wedge_rom, images)
