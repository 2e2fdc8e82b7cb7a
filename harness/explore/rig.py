"""The machines on which mutants live and die: one for the sweep, one for scripts."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from harness.booted import Booted, BootedMachine
from harness.errors import HarnessError
from harness.explore.beside import play
from harness.explore.job import Beat
from harness.explore.killers import Killer
from harness.explore.model import Impossible
from harness.explore.sweeper import Sweeper
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.folder import OwnFolder
from harness.rom import Rom

LIMIT = 1.0
"""Seconds that the guest has for an event of a script; it takes some milliseconds."""

CHUNK = 1024
"""Bytes of memory that are written at once."""

_INSTRUCTION = re.compile(rb"^0x([0-9a-f]+):", re.M)


@dataclass(frozen=True)
class Measured:
    """What a killer, by its number, does to the ROM as it is: offsets of the instructions that it
    reaches, the seconds that it takes, and a complaint, which there must not be. `sweeps`: it is a
    job, and no script.
    """

    killer: int
    sweeps: bool
    reached: frozenset[int]
    seconds: float
    complaint: str


class Rig:
    """Two machines that boot when they are first used; `close` ends them."""

    def __init__(self, config: MachineConfig, rom: Rom, guest: GuestFile) -> None:
        self._parts = (config, rom, guest)
        self._sweeper = Sweeper(config, rom, guest)
        self._scripts: BootedMachine | None = None
        self._folder = OwnFolder()
        self._log = self._folder.path / "code"

    def close(self) -> None:
        """End the machines."""
        self._sweeper.close()
        self._close_scripts()
        self._folder.remove()

    @property
    def block(self) -> int:
        """Where the ROM's RAM block is."""
        return self._sweeper.stage.booted.rom.block

    def attempt(
        self, killer: Killer, patches: Mapping[int, bytes], beat: Beat = lambda points, cases: None
    ) -> str:
        """Let a killer at the ROM with these bytes changed; answers the complaint, if any."""
        if killer.job is None:
            return self._play(killer, patches)
        self._sweeper.patch(patches)
        self._sweeper.stage.restore()  # the mutant before may have left anything behind
        try:
            for outcome in self._sweeper.sweep(killer.job, 1, beat).failures:
                return outcome.complaints[0]
            return ""
        except HarnessError as error:  # not even a start
            self._sweeper.close()
            return str(error).splitlines()[0]

    def measure(self, number: int, killer: Killer) -> Measured:
        """Let a killer at the ROM as it is. QEMU logs each instruction as it translates it, and
        that it has to do anew for all of the ROM's code once that was written to.
        """
        sweeps = killer.job is not None
        booted = self._sweeper.stage.booted if sweeps else self._ready({})
        if sweeps:
            self._sweeper.patch({})
        monitor = booted.machine.monitor
        monitor.hmp(f"logfile {self._log}")
        self._rewrite(booted)
        monitor.hmp("log in_asm")
        started = time.monotonic()
        complaint = self.attempt(killer, {})
        seconds = time.monotonic() - started
        monitor.hmp("log none")
        data = self._log.read_bytes()
        self._log.write_bytes(b"")
        places = {int(place, 16) - booted.rom.block for place in _INSTRUCTION.findall(data)}
        size = int(booted.rom.rom.manifest["block"]["size"])
        reached = frozenset(place for place in places if 0 <= place < size)
        return Measured(number, sweeps, reached, seconds, complaint)

    def _rewrite(self, booted: Booted) -> None:
        size = int(booted.rom.rom.manifest["block"]["size"])
        for at in range(booted.rom.block, booted.rom.block + size, CHUNK):
            booted.control.write(at, booted.control.read(at, CHUNK))

    def _play(self, killer: Killer, patches: Mapping[int, bytes]) -> str:
        try:
            difference = play(self._ready(patches), killer.events, LIMIT)
        except Impossible:
            raise
        except HarnessError as error:
            self._close_scripts()
            return str(error).splitlines()[0]
        if difference is None:
            return ""
        name, (due, found) = next(iter(difference.differs.items()))
        if name == "event":
            self._close_scripts()  # who knows what it left
        last = difference.script.events[-1] if difference.script.events else "the start"
        return f"after {last}, {name}: {due} by the model, {found} by the ROM".replace("\n", " ")

    def _ready(self, patches: Mapping[int, bytes]) -> Booted:
        if self._scripts is None:
            self._scripts = BootedMachine(*self._parts)
        booted = self._scripts.ready()
        for offset, data in patches.items():
            booted.control.write(booted.rom.block + offset, data)
        return booted

    def _close_scripts(self) -> None:
        if self._scripts is not None:
            with suppress(HarnessError):
                self._scripts.close()
        self._scripts = None
