"""A machine with two processors for those tests of interrupts that look at its first one."""

from dataclasses import replace

import pytest

from harness.booted import Booted
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom


@pytest.fixture
def bare_of_two(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    roms: dict[str, Rom],
    wedge_guest: GuestFile,
) -> Booted:
    """The first of two processors at `ready`."""
    return machine_pool.ready(replace(machine_config, smp=2), roms["bare"], wedge_guest)
