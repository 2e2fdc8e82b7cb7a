"""Boot a ROM and a guest, and find out whether all that is promised holds."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.booted import GuestFailed, boot_to_ready
from harness.bound import BoundCall, BoundUnknown, bound_calls
from harness.errors import HarnessError, MachineError, WaitTimeout
from harness.guest import GuestFile, load_guest
from harness.machine.config import MachineConfig
from harness.machine.ending import DIED, TRIPLE_FAULT, Ending
from harness.machine.process import Machine
from harness.report.log import PASS, Check, Log
from harness.rom import LocatedRom, Rom, load_rom, locate_rom
from harness.seed import seed_case
from harness.watch import Watch

POLL = 0.02
"""Seconds between two looks at a foreign guest's console."""

_REPORT = re.compile(r"^check (\S+) (pass|fail)(.*)$", re.M)
_BOUND = re.compile(r"^bound ([0-9a-f]+) of ([0-9a-f]+)$", re.M)
_READY = re.compile(r"^ready$", re.M)


@dataclass(frozen=True)
class BootRequest:
    """What to boot. `until` is a text on the serial console that ends a foreign guest well.

    timeout: seconds. Raises HarnessError for one that is no time.
    """

    rom: Path
    guest: Path
    config: MachineConfig
    timeout: float = 60.0
    until: str = ""

    def __post_init__(self) -> None:
        if not (self.timeout > 0 and math.isfinite(self.timeout)):
            raise HarnessError(f"A time limit of {self.timeout:g} s is none; give timeout > 0.")


@dataclass
class BootReport:
    """What a boot found. `trouble` is the long text for a person when something went wrong.

    `bound` are all calls of the ROM; where it is empty, the sentence `bound_note` says why.
    """

    log: Log
    rom: dict[str, Any]
    machine: dict[str, Any]
    trouble: str = ""
    guest: dict[str, Any] = field(default_factory=dict)
    bound: list[BoundCall] = field(default_factory=list)
    bound_note: str = ""

    def as_data(self) -> dict[str, Any]:
        """The report for a JSON file, as the command line's contract has it."""
        data = self.log.as_data()
        return {
            "verdict": data["verdict"],
            "rom": self.rom,
            "machine": self.machine,
            "guest": self.guest,
            "bound": [asdict(call) for call in self.bound],
            "bound_note": self.bound_note,
            "checks": data["checks"],
            "events": data["events"],
            "trouble": self.trouble,
        }


def boot(
    request: BootRequest,
    progress: Callable[[str], None] = lambda text: None,
    show: Callable[[bytes], None] = lambda data: None,
) -> BootReport:
    """Boot, and answer the report.

    progress: is told what goes on, a line at a time. show: is given what a foreign guest writes to
    its serial console, as it comes. With `execution` in the configuration the calls are counted.
    Raises HarnessError when the kit could not ask: a file is missing or is of no kind that QEMU
    boots, QEMU is missing, does not start or dies, or there is no room for what the guest says.
    """
    rom = load_rom(request.rom)
    guest = load_guest(request.guest)
    if request.until and guest.is_ours:
        raise HarnessError(
            f"The guest {request.guest.name} is the kit's own and ends at its `ready`; "
            "a text to end by is for foreign guests."
        )
    config = replace(request.config, option_rom=request.rom, kernel=request.guest)
    with Machine(config) as machine:
        report = BootReport(Log(), _about_rom(rom), _about_machine(machine))
        report.guest = {"path": str(guest.path), "kind": guest.kind, "ours": guest.is_ours}
        if guest.is_ours:
            _boot_ours(machine, rom, guest, request, report)
        else:
            watch = Watch(machine.console_from, request.until, show)
            _boot_foreign(machine, rom, request, report, progress, watch)
        if report.log.verdict != PASS:
            machine.check_logs()  # a text that was not seen may have been lost
        return report


def _boot_ours(
    machine: Machine, rom: Rom, guest: GuestFile, request: BootRequest, report: BootReport
) -> None:
    log = report.log
    try:
        booted = boot_to_ready(machine, rom, guest, request.timeout)
    except GuestFailed as error:
        report.trouble = str(error)
        _take_reports(machine, report)
        log.check("guest/comes-to-ready", False, report.trouble.splitlines()[0])
        return
    _take_reports(machine, report)
    if not _READY.search(machine.debug_console()):
        machine.check_logs()
        raise MachineError(
            "The guest is at `ready` and what it reported is not whole: "
            f"{machine.gdb_socket.parent} did not take it; set TMPDIR to another folder."
        )
    log.check("guest/comes-to-ready", True)
    _found(report, booted.rom)
    _note_bound(machine, rom, report)
    try:
        seed_case(booted, log)
    except (MachineError, WaitTimeout) as error:
        ending = machine.ending()
        if ending is not None and ending.kind == DIED:
            raise
        report.trouble = f"{ending.detail if ending else error}\n{machine.picture()}"
        log.check("seed/runs-to-its-end", False, report.trouble.splitlines()[0])


def _take_reports(machine: Machine, report: BootReport) -> None:
    """The checks that the guest reported on the debug console, before anything else."""
    said = machine.debug_console()
    for name, verdict, detail in _REPORT.findall(said):
        report.log.checks.append(Check(name, verdict, detail.strip()))
    if bound := _BOUND.search(said):
        report.guest["bound"], report.guest["calls"] = (int(text, 16) for text in bound.groups())


def _boot_foreign(
    machine: Machine,
    rom: Rom,
    request: BootRequest,
    report: BootReport,
    progress: Callable[[str], None],
    watch: Watch,
) -> None:
    """Let a guest run that reports nothing to us, until it ends, says the text, or time is up."""
    log = report.log
    started = time.monotonic()
    machine.monitor.cont()
    ending = None
    while ending is None and not watch.seen and time.monotonic() - started < request.timeout:
        time.sleep(POLL)
        ending = machine.ending()  # before the look, which then finds all that it wrote
        watch.look()
        progress(f"{time.monotonic() - started:.0f} s, {watch.length} bytes on the serial console")
    if ending is None:
        ending = _stop(machine)
    watch.look()
    if request.until:
        detail = f"{request.until!r} on the serial console"
        log.check("guest/says-the-text", watch.seen, detail)
    if ending is not None:
        detail = f"it ended by: {ending.kind}"
        log.check("guest/does-not-triple-fault", ending.kind != TRIPLE_FAULT, detail)
        if ending.value is not None:
            log.check("guest/reports-success", ending.value == 0, ending.detail)
        if ending.kind == DIED:
            raise machine.died("QEMU ended while the guest ran")
    elif not request.until:
        detail = f"it ran for the {request.timeout:g} s of the time limit"
        log.check("guest/ends", False, detail)
    if log.verdict != "pass":
        report.trouble = machine.picture()
    if not machine.has_memory:  # the guest has ended QEMU, so there is nothing left to look at
        report.bound_note = "The guest ended QEMU, and its memory with it."
        return
    located = locate_rom(rom, machine.read_low)
    log.check("rom/is-in-place", located is not None, "between C0000 and E0000")
    if located is not None:
        _found(report, located)
    _note_bound(machine, rom, report)


def _stop(machine: Machine) -> Ending | None:
    """Stop the machine, and answer how its guest ended if it did so before."""
    try:
        machine.monitor.stop()
    except MachineError:
        if machine.alive:
            raise
    return machine.ending()


def _note_bound(machine: Machine, rom: Rom, report: BootReport) -> None:
    """The calls that the guest bound; the machine is stopped."""
    read = machine.read_low
    located = locate_rom(rom, read)
    if located is None:
        report.bound_note = "The ROM is not in place."
        return
    try:
        entries = machine.entries() if machine.config.execution else None
        report.bound = bound_calls(located, read, entries)
    except BoundUnknown as error:
        report.bound_note = str(error)
        return
    report.guest["bound"] = sum(call.bound for call in report.bound)
    report.guest["calls"] = len(report.bound)


def _about_rom(rom: Rom) -> dict[str, Any]:
    manifest = rom.manifest
    known = ("name", "backend", "generation", "version", "build_id", "block")
    about = {"path": str(rom.path), "size": len(rom.content)}
    return about | {name: manifest[name] for name in known if name in manifest}


def _about_machine(machine: Machine) -> dict[str, Any]:
    about = asdict(machine.config)
    return {
        **{name: about[name] for name in ("machine", "memory", "smp", "accel")},
        "qemu": ".".join(map(str, machine.monitor.version())),
        "command_line": machine.command_line,
    }


def _found(report: BootReport, located: LocatedRom) -> None:
    """Note where the ROM is, as its guest sees it: linear addresses for a guest of ours."""
    report.rom["base"] = located.base
    report.rom["block_base"] = located.block
    report.rom["blocks"] = located.blocks
