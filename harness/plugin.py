"""The pytest plugin: fixtures for a machine, its monitor, debugger, wire and injector.

Registered by entry point, so a project that tests a ROM of its own installs `wedge-kit`, names the
files in its pytest configuration (`wedge_rom`, `wedge_guest`) or on the command line, and uses the
fixtures. It may as well override `wedge_rom`, `wedge_guest` or `machine_config`.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.booted import Booted, BootedMachine
from harness.errors import HarnessError
from harness.guest import GuestFile, load_guest
from harness.machine import background
from harness.machine.config import MachineConfig
from harness.machine.debugger import Debugger
from harness.machine.injector import Injector
from harness.machine.monitor import Monitor
from harness.machine.process import Machine
from harness.machine.wire import Wire
from harness.rom import Rom, load_rom
from harness.suite.failures import Failures
from harness.suite.names import FOLDER, POOL
from harness.suite.seeds import fix_seed

_OPTIONS = {
    "wedge_rom": ("FILE", "the option ROM to test"),
    "wedge_guest": ("FILE", "the guest to boot: a multiboot image or a Linux bzImage"),
    "wedge_qemu": ("PROGRAM", "the QEMU to use instead of qemu-system-i386 from PATH"),
    "wedge_machine": ("TYPE", "QEMU's machine type: pc, isapc or q35"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, each as a command-line option and as a line of the configuration."""
    group = parser.getgroup("wedge", "guest ROMs on i386")
    for name, (value, text) in _OPTIONS.items():
        option = "--" + name.replace("_", "-")
        group.addoption(option, dest=name, metavar=value, default=None, help=text)
        parser.addini(name, text, default="")
    group.addoption(
        "--wedge-report",
        metavar="FOLDER",
        help="leave a page of the run there, test.html, and a folder for each test that failed",
    )
    group.addoption(
        "--wedge-gdb", action="store_true", help="open GDB on the machine of the test that fails"
    )
    group.addoption(
        "--wedge-seed", metavar="N", type=int, help="the seed of random tests (default: their own)"
    )
    group.addoption(
        "--wedge-again",
        metavar="COMMAND",
        default="",
        help="the command that a failed test names as the way to it in GDB; {} is its node id",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Set up what looks at failed tests, and the report; a worker of xdist ends with its master."""
    given = config.getoption("wedge_report")
    gdb = config.getoption("wedge_gdb")
    report = config.invocation_params.dir / given if given else None
    seed = config.getoption("wedge_seed")
    if hasattr(config, "workerinput"):
        background.die_with(os.getppid())
        named = config.workerinput.get(FOLDER)
        report = Path(named) if named else None
    else:
        if gdb and config.getoption("numprocesses", None):
            raise pytest.UsageError("GDB wants the tests in one process; give -n 0")
        if report is not None:
            from harness.suite.collector import Collector  # here, for it brings much along

            config.pluginmanager.register(Collector(config, report, seed), "wedge-collector")
    failures = Failures(report, gdb, config.getoption("wedge_again"))
    config.pluginmanager.register(failures, "wedge-failures")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the random tests the run's seed."""
    seed = config.getoption("wedge_seed")
    if seed is not None:
        for item in items:
            fix_seed(getattr(item, "obj", None), seed)


@pytest.fixture(scope="session")
def wedge_seed(pytestconfig: pytest.Config) -> int | None:
    """The seed that the run was given for its random tests, if it was."""
    seed: int | None = pytestconfig.getoption("wedge_seed")
    return seed


def _setting(config: pytest.Config, name: str) -> str:
    return str(config.getoption(name) or config.getini(name))


def _file(config: pytest.Config, name: str) -> Path:
    value = _setting(config, name)
    if not value:
        option = "--" + name.replace("_", "-")
        raise pytest.UsageError(
            f"{_OPTIONS[name][1]} is not given; say {option} FILE, "
            f"or put {name} in the configuration"
        )
    return config.rootpath / value


@pytest.fixture(scope="session")
def wedge_rom(pytestconfig: pytest.Config) -> Rom:
    """The ROM under test, with its manifest and symbols where they stand beside it."""
    return load_rom(_file(pytestconfig, "wedge_rom"))


@pytest.fixture(scope="session")
def wedge_guest(pytestconfig: pytest.Config) -> GuestFile:
    """The guest that is booted with it."""
    return load_guest(_file(pytestconfig, "wedge_guest"))


@pytest.fixture(scope="session")
def machine_config(pytestconfig: pytest.Config) -> MachineConfig:
    """The machine, but for ROM and guest."""
    return MachineConfig(
        qemu=_setting(pytestconfig, "wedge_qemu"),
        machine=_setting(pytestconfig, "wedge_machine") or "pc",
    )


@pytest.fixture
def machine(
    machine_config: MachineConfig, wedge_rom: Rom, wedge_guest: GuestFile
) -> Iterator[Machine]:
    """A machine of the test's own with ROM and guest in it, started and stopped at reset."""
    config = replace(machine_config, option_rom=wedge_rom.path, kernel=wedge_guest.path)
    with Machine(config) as started:
        yield started


@pytest.fixture
def monitor(machine: Machine) -> Monitor:
    """The monitor of `machine`."""
    return machine.monitor


@pytest.fixture
def injector(machine: Machine) -> Injector:
    """What raises interrupts in `machine`."""
    return machine.injector


@pytest.fixture
def wire(machine: Machine) -> Wire:
    """`machine` by the remote protocol. Use this or `debugger`, not both."""
    return machine.wire()


@pytest.fixture
def debugger(machine: Machine) -> Iterator[Debugger]:
    """`machine` by GDB. Use this or `wire`, not both."""
    attached = Debugger(machine.gdb_socket)
    yield attached
    attached.close()


class MachinePool:
    """Machines at `ready`, kept for the whole run: one for each ROM and way to steer it.

    handed: what was handed out since that was last cleared.
    """

    def __init__(self) -> None:
        self._machines: dict[tuple[object, ...], BootedMachine] = {}
        self.handed: list[Booted] = []

    def ready(
        self, config: MachineConfig, rom: Rom, guest: GuestFile, with_gdb: bool = False
    ) -> Booted:
        """The guest at `ready`. A machine that did not survive the test before is replaced."""
        key = (config, rom.path, guest.path, with_gdb)
        booted = self._ready(key, config, rom, guest, with_gdb)
        if booted not in self.handed:
            self.handed.append(booted)
        return booted

    def _ready(
        self,
        key: tuple[object, ...],
        config: MachineConfig,
        rom: Rom,
        guest: GuestFile,
        with_gdb: bool,
    ) -> Booted:
        kept = self._machines.get(key)
        if kept is not None:
            try:
                return kept.ready()
            except HarnessError:
                kept.close()
        machine = self._machines[key] = BootedMachine(config, rom, guest, with_gdb)
        return machine.ready()

    def close(self) -> None:
        """End all machines."""
        for machine in self._machines.values():
            machine.close()


@pytest.fixture(scope="session")
def machine_pool(request: pytest.FixtureRequest) -> Iterator[MachinePool]:
    """The machines that tests share, each restored to `ready` before it is handed out."""
    pool = MachinePool()
    setattr(request.session, POOL, pool)  # for who looks at failed tests
    yield pool
    pool.close()


@pytest.fixture
def booted(
    machine_pool: MachinePool, machine_config: MachineConfig, wedge_rom: Rom, wedge_guest: GuestFile
) -> Booted:
    """The kit's own guest at `ready`, steered by the wire: the fast way."""
    return machine_pool.ready(machine_config, wedge_rom, wedge_guest)


@pytest.fixture
def debugged(
    machine_pool: MachinePool, machine_config: MachineConfig, wedge_rom: Rom, wedge_guest: GuestFile
) -> Booted:
    """The kit's own guest at `ready`, steered by GDB with the symbols of ROM and guest."""
    return machine_pool.ready(machine_config, wedge_rom, wedge_guest, with_gdb=True)
