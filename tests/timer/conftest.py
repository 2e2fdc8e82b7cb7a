"""Guests whose time is a matter of instructions: one nanosecond, which is one cycle, for each."""

from dataclasses import replace

import pytest

from guests.build import build_guest, write_guest
from harness.booted import Booted
from harness.guest import GuestFile, load_guest
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom


@pytest.fixture(scope="session")
def alarm_guest(tmp_path_factory: pytest.TempPathFactory) -> GuestFile:
    """The guest that sets alarms."""
    return load_guest(write_guest(build_guest("alarm"), tmp_path_factory.mktemp("guests")))


@pytest.fixture
def counted(
    machine_pool: MachinePool, machine_config: MachineConfig, wedge_rom: Rom, wedge_guest: GuestFile
) -> Booted:
    """The test guest at `ready`."""
    config = replace(machine_config, icount=True)
    return machine_pool.ready(config, wedge_rom, wedge_guest)


@pytest.fixture
def timed(
    machine_pool: MachinePool, machine_config: MachineConfig, wedge_rom: Rom, alarm_guest: GuestFile
) -> Booted:
    """The guest that sets alarms at `ready`."""
    config = replace(machine_config, icount=True)
    return machine_pool.ready(config, wedge_rom, alarm_guest)
