"""What these tests ask of the timer group, and the constants they use."""

import struct
from dataclasses import dataclass

from harness.booted import Booted

REAL, AVAILABLE, STOLEN = 0, 1, 2
PERIODIC, LVTT = 0x100, 0x10000

KEPT = {"ebx": 0x11111111, "esi": 0x22222222, "edi": 0x33333333, "ebp": 0x44444444}
"""Registers that every call preserves."""

TICK = 1e9 / 1193182
"""Nanoseconds of one tick of the 8254."""

WIRINGS = {"irq0": 0, "lvtt": LVTT}


def wide(registers: dict[str, int]) -> int:
    """The value of EDX:EAX."""
    return registers["edx"] << 32 | registers["eax"]


def counter(booted: Booted, number: int = REAL) -> int:
    """What GetCycleCounter answers, wherever the guest stands: the stack below it is used."""
    registers = booted.control.registers()
    booted.prepare_at(
        booted.rom.stub("GetCycleCounter"),
        (booted.label("returned"),),
        esp=registers["esp"] - 64,
        eax=number,
    )
    value = wide(booted.finish())
    kept = ("eax", "ecx", "edx", "eflags", "esp", "eip")
    booted.control.set_registers(**{name: registers[name] for name in kept})
    return value


@dataclass(frozen=True)
class Timed:
    """What came of an alarm: the real counter before the call and at each alarm, how many there
    were, and what CancelAlarm answered at the end."""

    start: int
    times: tuple[int, ...]
    count: int
    cancelled: int


def timed_alarm(
    booted: Booted, flags: int, delay: int, period: int = 0, wanted: int = 1, spin: int = 0
) -> Timed:
    """Set an alarm `delay` cycles from now, sleep until `wanted` have come, and spin for `spin`
    cycles more; the guest does all of it in one piece (`guests/alarm/timed.s`)."""
    words = {
        "timed_flags": struct.pack("<I", flags),
        "timed_delay": struct.pack("<Q", delay & 0xFFFFFFFFFFFFFFFF),
        "timed_period": struct.pack("<Q", period),
        "timed_wanted": struct.pack("<I", wanted),
        "timed_spin": struct.pack("<I", spin // 2),
    }
    for name, data in words.items():
        booted.control.write(booted.label(name), data)
    booted.prepare_at(booted.label("timed_alarm"), (booted.label("returned"),))
    cancelled = booted.finish(timeout=30)["eax"]
    count = booted.word("alarms")
    times = struct.unpack("<8Q", booted.control.read(booted.label("alarm_seen"), 64))
    (start,) = struct.unpack("<Q", booted.control.read(booted.label("timed_start"), 8))
    return Timed(start, times[:count], count, cancelled)
