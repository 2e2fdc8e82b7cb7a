"""The kit's own tests at a mutant of `inv explore --mutants`, and what of the ROM each reaches.

`pytest tests/interrupts --mutant "bare: IRET: cli: dropped"` runs them on a ROM with that change.
"""

import json
import re
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import harness.booted
import rom.image
from harness.booted import Booted, boot_to_ready
from harness.explore.mutants import mutants
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from harness.rom import Rom
from rom.backends import BACKENDS
from rom.image import Image, build_image
from rom.relocate import Relocatable
from rom.source import Line

BASE = 0x100000
"""An address that differs from 0 in one byte: what differs there holds an address."""

PROCESSORS = 4
"""Blocks that are looked for, one after another."""

LINEAR = 0x3FFFFFFF
"""Guests with paging reach the block at the same address, or 3 GiB above it."""

_INSTRUCTION = re.compile(rb"^0x([0-9a-f]+):", re.M)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("wedge")
    group.addoption(
        *("--mutant",),
        metavar="KEY",
        help="put a mutant into the ROM: BACKEND, a colon, and its line of `inv explore --mutants`",
    )
    group.addoption(
        *("--reached",),
        metavar="FILE",
        help="write which offsets of the RAM block each test that passes reaches, and its seconds",
    )


def mutated_image(key: str) -> Image:
    """The image of a backend with a mutant in it, by `BACKEND: KEY`. Raises pytest.UsageError."""
    name, _, wanted = key.partition(": ")
    if name not in BACKENDS:
        raise pytest.UsageError(f"--mutant begins with {' or '.join(BACKENDS)}, not {name!r}")
    image = build_image(BACKENDS[name])
    here = {str(mutant): mutant for mutant in mutants(image)}
    if wanted not in here:
        raise pytest.UsageError(f"{name} has no mutant {wanted!r}; see `inv explore --mutants`")
    mutant = here[wanted]
    elsewhere = next(each for each in mutants(image, BASE) if str(each) == wanted)

    def relocatable(lines: list[Line]) -> Relocatable:
        """The wedge with the mutant's bytes, and its addresses where they are now."""
        wedge = image.wedge
        code = bytearray(wedge.assembly.code)
        changed = range(mutant.offset, mutant.offset + len(mutant.data))
        code[changed.start : changed.stop] = mutant.data
        places = [place for place in wedge.relocations if place not in changed]
        places += [mutant.offset + at for at in _addresses(mutant.data, elsewhere.data)]
        return Relocatable(replace(wedge.assembly, code=bytes(code)), tuple(sorted(places)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rom.image, "relocatable", relocatable)
        patch.setattr(rom.image, "check_prefixes", lambda assembly: None)  # rows no longer fit
        return build_image(BACKENDS[name])


def _addresses(low: bytes, high: bytes) -> Iterator[int]:
    for at in range(len(low) - 3):
        pair = (int.from_bytes(data[at : at + 4], "little") for data in (low, high))
        if -next(pair) + next(pair) == BASE:
            yield at


@pytest.fixture(scope="session")
def images(pytestconfig: pytest.Config) -> Mapping[str, Image]:
    """The image of each backend, by the backend's name; with the mutant in it, if there is one."""
    made = {name: build_image(backend) for name, backend in BACKENDS.items()}
    if key := pytestconfig.getoption("mutant"):
        image = mutated_image(key)
        made[image.backend.name] = image
    return made


@pytest.fixture(scope="session")
def machine_config(machine_config: MachineConfig, pytestconfig: pytest.Config) -> MachineConfig:
    """The machine, but for ROM and guest."""
    reach: Reach | None = pytestconfig.pluginmanager.get_plugin("reach")
    return replace(machine_config, extra=reach.arguments) if reach else machine_config


def pytest_configure(config: pytest.Config) -> None:
    """Look at what tests reach, when asked to."""
    if file := config.getoption("reached"):
        config.pluginmanager.register(Reach(Path(file)), "reach")


@dataclass(eq=False)
class Reach:
    """QEMU logs each instruction as it translates it, and every restore makes it forget all."""

    file: Path
    folder: "tempfile.TemporaryDirectory[str]" = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="wedge-")
    )
    sizes: dict[Path, int] = field(default_factory=dict)
    places: dict[str, set[int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    blocks: set[tuple[int, int]] = field(default_factory=set)  # address and size

    def __post_init__(self) -> None:
        """Note where each machine has the ROM's block."""

        def noted(machine: Machine, rom: Rom, guest: GuestFile, timeout: float = 30.0) -> Booted:
            booted = boot_to_ready(machine, rom, guest, timeout)
            size = int(booted.rom.rom.manifest["block"]["size"])
            self.blocks.add(((booted.rom.first or booted.rom.block) & LINEAR, size))
            return booted

        harness.booted.boot_to_ready = noted

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of a QEMU that logs so."""
        return ("-d", "cpu_reset,in_asm", "-D", f"{self.folder.name}/%d")  # its process id

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note a test that passed."""
        report = yield
        if report.when != "call":
            return report
        found = set()
        for log in Path(self.folder.name).iterdir():
            with log.open("rb") as file:
                file.seek(self.sizes.get(log, 0))
                data = file.read()
                self.sizes[log] = file.tell()
            found |= {int(place, 16) & LINEAR for place in _INSTRUCTION.findall(data)}
        if report.passed:
            self.places[item.nodeid] = found
            self.seconds[item.nodeid] = round(report.duration, 2)
        return report

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        blocks = [
            range(block + number * size, block + (number + 1) * size)
            for block, size in self.blocks
            for number in range(PROCESSORS)
        ]
        said = {}
        for test, places in self.places.items():
            offsets = {
                place - block.start for place in places for block in blocks if place in block
            }
            said[test] = {"seconds": self.seconds[test], "reached": sorted(offsets)}
        self.file.write_text(json.dumps(said))
        self.folder.cleanup()
