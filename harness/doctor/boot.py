"""A real boot in QEMU: what SeaBIOS's log says of a ROM, and what is in memory after POST."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.doctor import firmware
from harness.doctor.check import NOTE, Check, Group, Placed, Said
from harness.doctor.field import announced, number, shown
from harness.doctor.optionrom import AREA, INIT, SIGNATURE
from harness.doctor.pci import POINTER as PCI_POINTER
from harness.machine.config import MachineConfig
from harness.machine.console import readable
from harness.machine.ending import DIED
from harness.machine.process import Machine
from harness.report.log import FAIL, PASS
from harness.rom import OPTION_ROM_AREA
from rom.interface.headers import PROBE_STEP
from rom.interface.probe import accepted, probe

LIMIT = 10.0
"""Seconds for POST; it takes less than one, unless a ROM's init waits for somebody."""

REST = 1.0
"""Seconds from the last option ROM to the boot, unless a ROM took the boot over."""

POLL = 0.02

_POINTERS = slice(PCI_POINTER, PCI_POINTER + 4)
_ENTRY = slice(INIT, INIT + 3)


@dataclass(frozen=True)
class RealBoot:
    """What a boot showed, in the terms of a diagnosis."""

    group: Group
    said: tuple[Said, ...]
    placed: tuple[Placed, ...]


@dataclass(frozen=True)
class _After:
    """A machine after POST. memory: of AREA, empty when QEMU is gone; trouble: a sentence."""

    log: str
    memory: bytes
    trouble: str
    where: str


def boot_rom(
    path: Path,
    content: bytes,
    manifest: Mapping[str, Any],
    progress: Callable[[str], None] = lambda text: None,
) -> RealBoot:
    """Boot a machine `pc` that has the ROM and nothing to boot from, up to the end of POST.

    manifest: of the ROM, or empty. Raises what a machine raises when QEMU is missing, does not
    start, dies, or has no room for its logs.
    """
    with Machine(MachineConfig(option_rom=path)) as machine:
        after = _post(machine, progress)
    base = _find(content, after)
    checks = tuple(_checks(content, manifest, after, base))
    group = Group("SeaBIOS ran it in a real boot", checks)
    return RealBoot(group, firmware.said(after.log, base), tuple(_placed(after, base)))


def _post(machine: Machine, progress: Callable[[str], None]) -> _After:
    """Run the machine to the end of POST, and read what is there then."""
    version = machine.monitor.execute("query-version")["qemu"]
    where = "QEMU {major}.{minor}.{micro}, pc".format(**version)
    deadline = time.monotonic() + LIMIT
    machine.monitor.cont()
    ending, log = None, ""
    while ending is None and firmware.POST_OVER not in log and time.monotonic() < deadline:
        time.sleep(POLL)
        ending = machine.ending()  # before the log, which is then whole
        log = machine.firmware_log()
        if firmware.POST_OVER not in log:
            machine.check_logs()  # the rest may be lost
        if firmware.ROMS_DONE in log:
            deadline = min(deadline, time.monotonic() + REST)
        progress(f"POST, {len(log)} bytes of SeaBIOS's log")
    if ending is not None and ending.kind == DIED:
        raise machine.died("QEMU ended during POST")
    memory, trouble = b"", ""
    if machine.alive:
        machine.monitor.stop()
        memory = machine.wire().read_physical(AREA.start, len(AREA))
        log = machine.firmware_log()
    if firmware.ROMS_DONE not in log:
        if ending is not None:
            trouble = f"The machine ended during POST by: {ending.kind}."
        else:
            eip = machine.monitor.processor().linear_eip
            trouble = f"POST was not over after {LIMIT:g} s; the processor is at {eip:05X}."
    return _After(log, memory, trouble, where)


def _find(content: bytes, after: _After) -> int | None:
    """Where the image is; by its entry and pointers, for a ROM's init may change all else."""
    content = content.ljust(_POINTERS.stop, b"\0")
    for base in _signatures(after):
        header = after.memory[base - AREA.start :][: _POINTERS.stop]
        same = (header[_ENTRY], header[_POINTERS]) == (content[_ENTRY], content[_POINTERS])
        if same and base != _marker(after):
            return base
    return None


def _signatures(after: _After) -> Iterator[int]:
    """The addresses at which a scan sees an option ROM, or two bytes that look like one."""
    for base in range(AREA.start, AREA.stop, PROBE_STEP):
        if after.memory[base - AREA.start :][:2] == SIGNATURE:
            yield base


def _marker(after: _After) -> int | None:
    """Where SeaBIOS puts a signature before its own memory, so that nobody else takes it."""
    free = firmware.free_memory(after.log)
    return free[1] if free else None


def _placed(after: _After, base: int | None) -> Iterator[Placed]:
    end = 0
    for found in _signatures(after):
        size = announced(after.memory[found - AREA.start :])
        inside = found < end
        if not inside:
            end = found + size
        if found == base:
            what = "this ROM"
        elif found == _marker(after):
            what = "no ROM: SeaBIOS marks its own memory so"
        else:
            what = "two bytes inside the ROM before it" if inside else "another ROM"
        yield Placed(found, size, what)


def _checks(
    content: bytes, manifest: Mapping[str, Any], after: _After, base: int | None
) -> Iterator[Check]:
    yield _over(after, base)
    if place := firmware.refused_for_room(after.log):
        detail = f"SeaBIOS found no room for an option ROM ({place})."
        advice = "Make the file shorter, or take other ROMs out of the machine."
        yield Check("boot/room", FAIL, None, "no room", "room for the file", detail, advice)
    for address, size, total in firmware.bad_sums(after.log):
        detail = f"SeaBIOS refused the ROM at {address:05X}, {size} bytes, for its checksum."
        advice = "Make the image's bytes add up to 0."
        yield Check("boot/checksum", FAIL, None, shown(total, 1), "0x00", detail, advice)
    yield _ran(after, base)
    if not after.memory:
        return
    yield _in_place(after, base)
    if base is None:
        return
    window = after.memory[base - AREA.start :]
    yield _sum(window)
    if number(content, 8, 4) == number(b"cVmi", 0, 4):
        yield _probe(after, base)
    if (check := _block(window, manifest)) is not None:
        yield check


def _over(after: _After, base: int | None) -> Check:
    name, wanted = "boot/post", "POST comes to its end"
    bios = firmware.version(after.log)
    value = f"SeaBIOS {bios}, {after.where}" if bios else after.where
    if not after.trouble and firmware.POST_OVER in after.log:
        return Check(name, PASS, None, value, wanted)
    if not after.trouble:
        detail = "POST is over, and SeaBIOS did not come to boot: a ROM took over INT 19h."
        return Check(name, NOTE, None, value, wanted, detail, "Right for a ROM that boots itself.")
    lines = [line for line in readable(after.log) if line]
    last = f' SeaBIOS said last: "{lines[-1]}".' if lines else " SeaBIOS said nothing."
    detail = after.trouble + last
    if base is not None and firmware.runs(after.log)[-1:] == [(base >> 4, INIT)]:
        detail = f"The ROM's init did not come back. {detail}"
    advice = "The 16-bit init must end with a far return, the stack being as it was."
    return Check(name, FAIL, None, value, wanted, detail, advice)


def _ran(after: _After, base: int | None) -> Check:
    name, wanted = "boot/run", '"Running option rom at ..." for this ROM'
    for segment, offset in firmware.runs(after.log):
        if segment << 4 == base and offset == INIT:
            return Check(name, PASS, INIT, f"{segment:04X}:{offset:04X}", wanted)
    detail = "SeaBIOS's log does not say that it ran this ROM."
    advice = "The checks of SeaBIOS above, and its log below, say why."
    return Check(name, FAIL, INIT, "not run", wanted, detail, advice)


def _in_place(after: _After, base: int | None) -> Check:
    name, wanted = "boot/in-place", f"at 2 KiB steps of {AREA.start:X}-{AREA.stop - 1:X}"
    if base is not None:
        return Check(name, PASS, 0, f"{base:05X}", wanted)
    detail = "After POST the image is nowhere in memory."
    return Check(name, FAIL, 0, "not found", wanted, detail, "See boot/run.")


def _sum(window: bytes) -> Check:
    """The checksum that the ROM has now; SeaBIOS adds up once more to list boot devices."""
    size = announced(window)
    total = sum(window[:size]) & 0xFF
    name, value, wanted = "boot/checksum-after", f"{shown(total, 1)} over {size} bytes", "0x00"
    if total == 0:
        return Check(name, PASS, None, value, wanted)
    detail = "The init changed the image and not its checksum; SeaBIOS lists no boot entry of it."
    advice = "Let the init mend the checksum byte."
    return Check(name, NOTE, None, value, wanted, detail, advice)


def _probe(after: _After, base: int) -> Check:
    """Which ROM Linux's probe takes, all in memory being as it is."""
    name, wanted = "boot/linux-probe", f"{base:05X}"
    first = None
    for place in OPTION_ROM_AREA:
        if accepted(probe(after.memory[place - AREA.start :])):
            first = place
            break
    if first == base:
        return Check(name, PASS, None, wanted, wanted)
    if base not in OPTION_ROM_AREA:
        end = OPTION_ROM_AREA.stop - 1
        detail = f"Linux looks up to {end:X} only, and the ROM is at {base:05X}."
        advice = "Take other ROMs out of the machine."
        return Check(name, FAIL, None, "too high", wanted, detail, advice)
    value = "none" if first is None else f"{first:05X}"
    detail = "Linux's probe does not take this ROM from memory."
    if first is not None:
        detail = f"Linux's probe takes the ROM at {first:05X} first, and looks no further."
    advice = "The checks of Linux's probe above say why, if they say no."
    return Check(name, FAIL, None, value, wanted, detail, advice)


def _block(window: bytes, manifest: Mapping[str, Any]) -> Check | None:
    """The RAM that a ROM of this kit got from the BIOS; None for another, which tells nothing."""
    name, wanted = "boot/ram-block", "RAM from the POST Memory Manager"
    try:
        place = manifest["post"]["block_physical"]
        block = number(window, place, 4)
        status = number(window, manifest["post"]["post_status"], 4)
        reasons = dict(manifest["init_errors"])
    except (LookupError, TypeError, ValueError):
        return None
    if block:
        return Check(name, PASS, place, f"{block:05X}", wanted)
    reason = reasons.get(str(status or 1), f"the init's status is {status}")
    detail = f"The ROM has no RAM, so VMI_Init will fail: {reason}."
    advice = "Take other ROMs out of the machine, or raise its memory."
    return Check(name, FAIL, place, "none", wanted, detail, advice)
