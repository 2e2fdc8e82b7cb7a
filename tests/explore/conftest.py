"""What these tests share: machines at `ready` once more, sweepers, and faults to put into a ROM."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from harness.booted import Booted
from harness.explore.stage import Stage
from harness.explore.sweeper import Sweeper
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom

NEAR = 96
"""Bytes after a label among which `fault` looks."""

Fault = Callable[[str, str, bytes, bytes], Sweeper]
"""From a backend, a label, and bytes of code behind it with as many in their place: a sweeper."""


@pytest.fixture(scope="session")
def sweepers(
    machine_config: MachineConfig, roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> Iterator[Mapping[str, Sweeper]]:
    """A sweeper for each backend; its machine boots when it is first used."""
    made = {name: Sweeper(machine_config, rom, wedge_guest) for name, rom in roms.items()}
    yield made
    for sweeper in made.values():
        sweeper.close()


@pytest.fixture
def bare_stage(sweepers: Mapping[str, Sweeper]) -> Stage:
    """The stage of the backend `bare`."""
    return sweepers["bare"].stage


@pytest.fixture
def fault(sweepers: Mapping[str, Sweeper]) -> Iterator[Fault]:
    """Puts one fault into the ROM's code for the time of a test."""
    faulty: list[Sweeper] = []

    def put(backend: str, label: str, old: bytes, new: bytes) -> Sweeper:
        sweeper = sweepers[backend]
        rom = sweeper.stage.booted.rom
        start = rom.symbol(label)
        where = sweeper.stage.booted.control.read(start, NEAR).find(old)
        assert where >= 0, f"{old.hex()} is not near {label}"
        assert len(old) == len(new)
        faulty.append(sweeper)
        sweeper.patch({start + where - rom.block: new})
        return sweeper

    yield put
    for sweeper in faulty:
        sweeper.patch({})


@pytest.fixture
def machine_again(
    machine_pool: MachinePool, machine_config: MachineConfig, wedge_rom: Rom, wedge_guest: GuestFile
) -> Callable[[], Booted]:
    """The machine of `booted`, at `ready` once more."""
    return lambda: machine_pool.ready(machine_config, wedge_rom, wedge_guest)
