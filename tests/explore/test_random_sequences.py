"""Any sequence of calls, interrupts, EOIs and handlers: the ROM does what the model does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.booted import Booted
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom
from tests.explore.sequences import check_sequences

FOLDER = Path(__file__).parents[2] / "build" / "explore"


def test_a_rom_does_what_the_model_does(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    wedge_rom: Rom,
    wedge_guest: GuestFile,
    wedge_seed: int | None,
) -> None:
    def ready() -> Booted:
        return machine_pool.ready(machine_config, wedge_rom, wedge_guest)

    check_sequences(ready, FOLDER, examples=25, steps=25, number=wedge_seed)


def test_a_difference_is_made_short_and_kept_as_a_file(
    machine_again: Callable[[], Booted], tmp_path: Path
) -> None:
    def without_interrupts() -> Booted:
        booted = machine_again()
        booted.control.write(booted.rom.stub("SetInterruptMask"), b"\xc3")  # RET
        return booted

    with pytest.raises(AssertionError, match=r"inv explore --replay .*\.events"):
        check_sequences(without_interrupts, tmp_path, examples=40, steps=25)
    [file] = tmp_path.iterdir()
    *_, last = events = file.read_text().splitlines()[1:]
    assert last.startswith("call SetInterruptMask")
    assert len(events) <= 2
