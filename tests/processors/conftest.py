"""Two processors, in the guest for them, at `ready` on each backend."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from guests.build import build_guest, write_guest
from harness.booted import Booted
from harness.guest import GuestFile, load_guest
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom
from tests.processors.steps import Second

GuestFiles = Callable[[str], GuestFile]


@pytest.fixture(scope="session")
def guest_file(tmp_path_factory: pytest.TempPathFactory) -> GuestFiles:
    """Answers a guest on disk by its name."""
    folder = tmp_path_factory.mktemp("two")

    @cache
    def written(name: str) -> GuestFile:
        return load_guest(write_guest(build_guest(name), folder))

    return written


@pytest.fixture
def ready(
    machine_pool: MachinePool, machine_config: MachineConfig, guest_file: GuestFiles
) -> Callable[..., Booted]:
    """Answers the guest at `ready` with a ROM, a number of processors and a processor model."""

    def booted(rom: Rom, smp: int = 2, name: str = "two", cpu: str = "") -> Booted:
        config = replace(machine_config, smp=smp, cpu=cpu)
        found = machine_pool.ready(config, rom, guest_file(name))
        found.machine.wire().attend(None)
        return found

    return booted


@pytest.fixture
def two(ready: Callable[..., Booted], wedge_rom: Rom) -> Booted:
    """Both processors, the first one looked at; the test runs once a backend."""
    return ready(wedge_rom)


@pytest.fixture
def second(two: Booted) -> Second:
    """The second processor alone, masked and with nothing under way; the first one stands."""
    return Second.of(two)
