"""The machines of a failed test: which they are, and how they stand."""

import re
import shlex
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.booted import Booted, BootedMachine
from harness.errors import HarnessError
from harness.explore.state import CASCADE, lines_of, parse_pics
from harness.machine.config import DEBUG_LOG, FIRMWARE_LOG, QEMU_LOG, SERIAL_LOG
from harness.machine.console import readable
from harness.machine.picture import general_registers
from harness.machine.process import STDERR_LOG, Machine
from harness.report.results import MachineSeen
from harness.rom import Rom, load_rom

MOST = 4
"""Machines of one test that are looked at; a test that starts hundreds has not failed by all."""

LAST_LINES = 60
"""Lines of a log that are kept for the page."""

TITLES = {
    SERIAL_LOG: "the serial console's end",
    DEBUG_LOG: "the debug console's end",
    FIRMWARE_LOG: "the firmware's log, its end",
    QEMU_LOG: "QEMU's log, its end",
    STDERR_LOG: "QEMU's standard error",
}


_CHECK = re.compile(r"^check (\S+) (pass|fail)", re.M)


@dataclass(frozen=True)
class Used:
    """A machine that a test used, by the name that the test has for it.

    booted: the same as a guest of ours at `ready`, where the test has it so.
    """

    name: str
    machine: Machine
    booted: Booted | None = None


def used_machines(
    arguments: Mapping[str, Any],
    handed: list[Booted],
    before: "weakref.WeakSet[Machine]",
    now: "weakref.WeakSet[Machine]",
) -> list[Used]:
    """The machines of a test, each once.

    arguments: the test's fixtures by name. handed: what it had of the pool. before, now: what was
    started before the test, and by now.
    """
    found: dict[int, Used] = {}

    def add(name: str, value: object) -> None:
        booted = value if isinstance(value, Booted) else None
        machine = value.machine if isinstance(value, (Booted, BootedMachine)) else value
        if isinstance(machine, Machine):
            known = found.get(id(machine))
            if known is None or (known.booted is None and booted is not None):
                found[id(machine)] = Used(known.name if known else name, machine, booted)

    for name, value in arguments.items():
        add(name, value)
    for booted in handed:
        add("the pool", booted)
    for machine in sorted((machine for machine in now if machine not in before), key=_pid):
        add("the test", machine)
    return list(found.values())[-MOST:]


def _pid(machine: Machine) -> int:
    return machine.pid


def look_at(used: Used) -> MachineSeen:
    """Look at a machine, as far as it answers."""
    machine = used.machine
    facts: list[tuple[str, str]] = []
    rom = _rom(used)
    config = machine.config
    if rom is not None:
        build = rom.manifest.get("build_id", "")
        facts.append(("ROM", f"{rom.path}" + (f", build {build[:12]}" if build else "")))
    if config.kernel is not None:
        facts.append(("guest", str(config.kernel)))
    processors = f"{config.smp} processor" + ("s" if config.smp > 1 else "")
    about = f"{config.machine}, {config.memory} MiB, {processors}, {config.accel}"
    facts += _asked("machine", lambda: f"{about}{_version(machine)}")
    facts += _asked("guest's checks", lambda: _checks(machine))
    state = _state(machine)
    if machine.alive:
        if used.booted is not None:
            facts += _of_guest(used.booted)
        facts += _asked("8259s", lambda: _pics(machine))
    logs = {
        TITLES[name]: "\n".join(lines[-LAST_LINES:])
        for name, text in machine.logs().items()
        if (lines := readable(text))
    }
    command_line = shlex.join(machine.command_line)
    said = (TITLES[SERIAL_LOG], TITLES[DEBUG_LOG], TITLES[STDERR_LOG])
    return MachineSeen(used.name, tuple(facts), command_line, state, logs, said=said)


def _rom(used: Used) -> Rom | None:
    if used.booted is not None:
        return used.booted.rom.rom
    path = used.machine.config.option_rom
    if path is None:
        return None
    try:
        return load_rom(Path(path))
    except HarnessError:
        return None


def _checks(machine: Machine) -> str:
    """What a guest of ours has found at its start; nothing for another."""
    verdicts = _CHECK.findall(machine.debug_console())
    failed = [name for name, verdict in verdicts if verdict == "fail"]
    if not verdicts:
        return ""
    shown = f"{len(failed)} of {len(verdicts)} failed"
    return f"{shown}: {', '.join(failed)}" if failed else f"all {len(verdicts)} passed"


def _version(machine: Machine) -> str:
    if not machine.alive:
        return ", QEMU has ended"
    return ", QEMU " + ".".join(map(str, machine.monitor.version()))


def _state(machine: Machine) -> str:
    try:
        if machine.alive:
            registers = general_registers(machine.monitor.hmp)
            return f"QEMU is {machine.monitor.status()}.\n{registers}"
        ending = machine.ending()
    except HarnessError as error:
        return f"QEMU does not answer: {str(error).splitlines()[0]}"
    return ending.detail if ending else "QEMU has ended."


def _asked(title: str, ask: Callable[[], str]) -> Iterator[tuple[str, str]]:
    """What a machine answers; one that is running, or gone, may not."""
    try:
        answer = ask()
    except (HarnessError, OSError, LookupError) as error:
        answer = f"not to be had: {(str(error) or repr(error)).splitlines()[0]}"
    if answer:
        yield title, answer


def _of_guest(booted: Booted) -> Iterator[tuple[str, str]]:
    yield from _asked("stands at", lambda: place_of(booted, booted.control.registers()["eip"]))
    yield from _asked("virtual IF", lambda: _flag(booted.virtual_if()))
    yield from _asked("real IF", lambda: _flag(booted.real_if()))
    yield from _asked("pending", lambda: _vectors(booted.pending()))
    yield from _asked("handlers entered", lambda: "; ".join(_entered(booted)) or "none")


def _entered(booted: Booted) -> Iterator[str]:
    for entry in booted.log():
        where = place_of(booted, entry.eip)
        flag = "set" if entry.mask else "clear"
        yield f"{entry.vector:x} from {where}, virtual IF in it {flag}, depth {entry.depth}"


def place_of(booted: Booted, address: int) -> str:
    """An address as a label of the ROM or of the guest and the distance from it."""
    place = booted.rom.place(address)
    if not place.startswith("0x"):
        return place
    below = [(at, name) for name, at in booted.guest.labels.items() if at <= address]
    if not below or address - max(below)[0] > 0x1000:
        return place
    at, name = max(below)
    return name if at == address else f"{name}+{address - at:#x}"


def _pics(machine: Machine) -> str:
    pics = parse_pics(machine.monitor.hmp("info pic"))
    parts = []
    for title, bits in (("requested", pics.irr), ("in service", pics.isr), ("masked", pics.imr)):
        lines = " ".join(str(line) for line in lines_of(bits) if line != CASCADE)
        parts.append(f"{title}: {lines or 'none'}")
    return "; ".join(parts)


def _flag(on: bool) -> str:
    return "set" if on else "clear"


def _vectors(vectors: list[int]) -> str:
    return " ".join(f"{vector:x}" for vector in vectors) or "none"
