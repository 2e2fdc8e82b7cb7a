"""Machines that go back to `ready` in the midst of a test."""

from collections.abc import Callable

import pytest

from harness.booted import Booted
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom


@pytest.fixture
def machine_again(
    machine_pool: MachinePool, machine_config: MachineConfig, wedge_rom: Rom, wedge_guest: GuestFile
) -> Callable[[], Booted]:
    """The machine of `booted`, at `ready` once more."""
    return lambda: machine_pool.ready(machine_config, wedge_rom, wedge_guest)
