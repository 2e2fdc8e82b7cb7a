"""What the kit's own tests share: its ROMs and its guest, built from the checkout under test."""

import gc
import os
from collections.abc import Generator, Mapping
from typing import Any

import pytest
from hypothesis import settings

from guests.build import Guest, build_guest, write_guest
from harness.booted import Booted
from harness.guest import GuestFile, load_guest
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom, load_rom
from rom.backends import BACKENDS
from rom.build import write_image
from rom.image import Image

pytest_plugins = ("pytester", "tests.mutation")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what runs the suite for one backend alone."""
    parser.addoption(
        "--backend", choices=sorted(BACKENDS), help="leave out the tests of other backends"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker that the tests use, and have random tests draw the same in each run.

    A seed that is given to the run counts all the same.
    """
    settings.register_profile("wedge", derandomize=True, database=None)
    settings.load_profile("wedge")
    config.addinivalue_line(
        "markers", "not_on(machine, reason): what is tested is not there on this machine type"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, and count as deselected, what is of another backend or not on this machine."""
    backend = config.getoption("--backend")
    machine = config.getoption("wedge_machine") or config.getini("wedge_machine")
    left_out = [item for item in items if not _runs(item, backend, machine)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let the collector of garbage leave alone what lives as long as the run.

    Thousands of tests and all modules are some hundred thousand objects, and it went through all of
    them again and again: a tenth of the processor time of a process that runs tests.
    """
    gc.collect()
    gc.freeze()


def _runs(item: pytest.Item, backend: str | None, machine: str) -> bool:
    if any(mark.kwargs["machine"] == machine for mark in item.iter_markers("not_on")):
        return False
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    named = {value for value in parameters if isinstance(value, str) and value in BACKENDS}
    if any(name.startswith("bare") for name in getattr(item, "fixturenames", ())):
        named.add("bare")
    return backend is None or not named or backend in named


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Nothing is skipped in continuous integration: what is missing there is a failure."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr[2]}"
    return report


@pytest.fixture(scope="session")
def roms(
    images: Mapping[str, Image], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Rom]:
    """The ROM of each backend, written and read back as the harness sees it."""
    folder = tmp_path_factory.mktemp("roms")
    return {name: load_rom(write_image(image, folder)) for name, image in images.items()}


@pytest.fixture(scope="session")
def guest() -> Guest:
    """The test guest as it was assembled."""
    return build_guest("checks")


@pytest.fixture(scope="session")
def wedge_guest(guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> GuestFile:
    """The test guest on disk."""
    return load_guest(write_guest(guest, tmp_path_factory.mktemp("guests")))


@pytest.fixture(scope="session", params=sorted(BACKENDS))
def wedge_rom(request: pytest.FixtureRequest, roms: Mapping[str, Rom]) -> Rom:
    """Each backend's ROM in turn: a test that uses it, or `booted`, runs once a backend."""
    return roms[request.param]


@pytest.fixture
def bare(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    roms: Mapping[str, Rom],
    wedge_guest: GuestFile,
) -> Booted:
    """The guest at `ready` on the backend `bare`, steered by the wire."""
    return machine_pool.ready(machine_config, roms["bare"], wedge_guest)


@pytest.fixture
def bare_in_gdb(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    roms: Mapping[str, Rom],
    wedge_guest: GuestFile,
) -> Booted:
    """The guest at `ready` on the backend `bare`, steered by GDB."""
    return machine_pool.ready(machine_config, roms["bare"], wedge_guest, with_gdb=True)
