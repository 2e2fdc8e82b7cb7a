"""The guests that make every call, at `ready`, on each backend: unpaged, paged, and with PAE."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import pytest

from guests.build import build_guest, write_guest
from harness.booted import Booted
from harness.guest import GuestFile, load_guest
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom

PROCESSORS: Mapping[str, str] = {"every-pae": "qemu32,+nx"}
"""QEMU's processor model for a guest; others take the machine's own."""

Ready = Callable[[str], Booted]


@pytest.fixture(scope="session")
def guest_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], GuestFile]:
    """Answers a guest on disk by its name."""
    folder = tmp_path_factory.mktemp("every")

    @cache
    def written(name: str) -> GuestFile:
        return load_guest(write_guest(build_guest(name), folder))

    return written


@pytest.fixture
def ready(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    wedge_rom: Rom,
    guest_file: Callable[[str], GuestFile],
) -> Ready:
    """Answers the guest of a name at `ready`; the test runs once a backend."""

    def booted(name: str) -> Booted:
        config = replace(machine_config, cpu=PROCESSORS.get(name, machine_config.cpu))
        return machine_pool.ready(config, wedge_rom, guest_file(name))

    return booted


@pytest.fixture
def paged(ready: Ready) -> Booted:
    """The guest with 32-bit page-table entries; it calls the ROM at C0000000 and up."""
    return ready("every-paged")


@pytest.fixture
def pae(ready: Ready) -> Booted:
    """The guest with 64-bit page-table entries and no-execute."""
    return ready("every-pae")
