"""The time of day: what the CMOS clock says, and when it was set."""

import calendar
from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.booted import Booted, boot_to_ready
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from harness.rom import Rom
from tests.timer.steps import KEPT, wide

SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR = 0, 2, 4, 7, 8, 9
STATUS_B, CENTURY = 11, 0x32
SET, BINARY, HOURS_24 = 0x80, 4, 2

SECOND = 10**9
LENIENT = 5 * SECOND
"""How much later than expected an answer may be: the machine may be held up."""

Date = tuple[int, int, int, int, int, int]

DATES: tuple[Date, ...] = (
    (1970, 1, 1, 0, 0, 0),
    (1999, 12, 31, 23, 59, 58),
    (2000, 2, 29, 12, 0, 0),
    (2000, 3, 1, 0, 0, 0),
    (2006, 7, 1, 12, 34, 56),
    (2008, 2, 28, 23, 59, 59),
    (2008, 12, 31, 13, 1, 2),
    (2038, 1, 19, 3, 14, 8),
    (2100, 2, 28, 23, 59, 59),
    (2100, 3, 1, 0, 0, 0),
    (2261, 1, 31, 9, 10, 11),
)


def cmos(booted: Booted, register: int, value: int) -> None:
    booted.machine.injector.outb(0x70, register)
    booted.machine.injector.outb(0x71, value)


def set_rtc(booted: Booted, date: Date, binary: bool = False, hours_24: bool = True) -> None:
    """Set the machine's clock as a guest would: stopped meanwhile, in the format asked for."""
    year, month, day, hour, minute, second = date

    def encoded(value: int) -> int:
        return value if binary else value // 10 << 4 | value % 10

    mode = (BINARY if binary else 0) | (HOURS_24 if hours_24 else 0)
    cmos(booted, STATUS_B, SET | mode)
    hours = encoded(hour) if hours_24 else encoded(hour % 12 or 12) | (hour >= 12) << 7
    for register, value in (
        *((SECONDS, encoded(second)), (MINUTES, encoded(minute)), (HOURS, hours)),
        *((DAY, encoded(day)), (MONTH, encoded(month)), (YEAR, encoded(year % 100))),
        (CENTURY, encoded(year // 100)),
    ):
        cmos(booted, register, value)
    cmos(booted, STATUS_B, mode)


def wallclock(booted: Booted) -> int:
    return wide(booted.call("GetWallclockTime"))


def updated(booted: Booted) -> int:
    return booted.call("WallclockUpdated")["eax"]


def nanoseconds(date: Date) -> int:
    return calendar.timegm(date) * SECOND


def is_about(time: int, date: Date) -> bool:
    return 0 <= time - nanoseconds(date) < LENIENT


@pytest.mark.parametrize("date", DATES, ids=str)
def test_the_date_is_counted_from_1970(booted: Booted, date: Date) -> None:
    set_rtc(booted, date)
    assert is_about(wallclock(booted), date)


@pytest.mark.parametrize("binary", [False, True], ids=["bcd", "binary"])
@pytest.mark.parametrize("hour", [0, 1, 11, 12, 13, 23])
def test_twelve_hours_and_binary_are_understood(booted: Booted, binary: bool, hour: int) -> None:
    date = (2006, 11, 29, hour, 48, 30)
    set_rtc(booted, date, binary, hours_24=False)
    assert is_about(wallclock(booted), date)
    assert updated(booted) == 0


@pytest.mark.parametrize(("year", "meant"), [(69, 2069), (70, 1970), (99, 1999), (6, 2006)])
@pytest.mark.parametrize("century", [0, 0x18, 0x99])
def test_without_a_century_a_year_is_of_1970_to_2069(
    booted: Booted, century: int, year: int, meant: int
) -> None:
    set_rtc(booted, (1900 + year, 5, 4, 3, 2, 1))
    # QEMU's clock keeps the century by itself, so it is changed on its way into the ROM.
    booted.prepare("GetWallclockTime")
    where = booted.rom.symbol("date_hour_known")
    booted.finish(where)
    decoded = century // 16 * 10 + century % 16
    booted.control.write(booted.rom.symbol("rtc_century"), decoded.to_bytes(4, "little"))
    assert is_about(wide(booted.finish()), (meant, 5, 4, 3, 2, 1))


def test_the_time_goes_on_with_the_real_counter(counted: Booted) -> None:
    first = wallclock(counted)
    before = wide(counted.call("GetCycleCounter", eax=0))
    counted.control.write(counted.rom.symbol("wall_cycles"), bytes(8))
    after = wallclock(counted)
    assert after > first
    assert after - first == pytest.approx(before, rel=1e-3)  # a nanosecond a cycle, since 0


def test_a_clock_that_was_set_is_told_once(booted: Booted) -> None:
    wallclock(booted)
    for date in ((2020, 1, 1, 0, 0, 0), (2019, 12, 31, 0, 0, 0)):
        set_rtc(booted, date)
        assert updated(booted) == 1
        assert updated(booted) == 0
        assert is_about(wallclock(booted), date)


def test_a_clock_that_was_not_set_is_no_news(booted: Booted) -> None:
    assert [updated(booted) for _ in range(3)] == [0, 0, 0]


def test_without_a_clock_the_time_begins_at_0(booted: Booted) -> None:
    # outb %al, $0x70; xorl %eax, %eax; inb $0x71, %al: to ports where nothing is.
    code = booted.rom.symbol("rtc_read")
    assert booted.control.read(code, 6) == bytes.fromhex("e67031c0e471")
    booted.control.write(code + 1, b"\xe2")
    booted.control.write(code + 5, b"\xe3")
    assert wallclock(booted) < LENIENT
    assert updated(booted) == 0


def test_the_mask_comes_back_and_registers_stay(booted: Booted) -> None:
    for mask in (0, 0x200):
        for call in ("GetWallclockTime", "WallclockUpdated"):
            booted.call("SetInterruptMask", eax=mask)
            after = booted.call(call, (), **KEPT)
            assert {name: after[name] for name in KEPT} == KEPT
            assert after["esp"] == booted.label("kernel_stack_top")
            assert booted.call("GetInterruptMask")["eax"] == mask


@pytest.fixture
def started_in_2006(
    machine_config: MachineConfig, wedge_rom: Rom, wedge_guest: GuestFile
) -> Iterator[Booted]:
    """A machine of the test's own, whose clock was set before it started."""
    config = replace(
        machine_config,
        option_rom=wedge_rom.path,
        kernel=wedge_guest.path,
        extra=("-rtc", "base=2006-07-01T12:34:56,clock=vm"),
    )
    with Machine(config) as machine:
        yield boot_to_ready(machine, wedge_rom, wedge_guest)


def test_the_time_is_that_of_the_machine(started_in_2006: Booted) -> None:
    assert is_about(wallclock(started_in_2006), (2006, 7, 1, 12, 34, 56))
