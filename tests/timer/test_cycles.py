"""The counters, and how fast they run."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.booted import IF, Booted, boot_to_ready
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from harness.rom import Rom
from tests.timer.steps import AVAILABLE, KEPT, REAL, STOLEN, counter, wide

PORT_B = 0x61


def frequency(booted: Booted) -> int:
    return wide(booted.call("GetCycleFrequency"))


def test_the_frequency_is_that_of_the_time_stamp_counter(counted: Booted) -> None:
    assert frequency(counted) == pytest.approx(10**9, rel=1e-4)


def test_the_frequency_stays(booted: Booted) -> None:
    first = frequency(booted)
    assert first % 1000 == 0
    assert [frequency(booted) for _ in range(3)] == [first] * 3


def test_a_frequency_past_32_bits_is_answered_whole(booted: Booted) -> None:
    booted.control.write(booted.rom.symbol("cycles_khz"), (5_000_000).to_bytes(4, "little"))
    assert frequency(booted) == 5_000_000_000


@pytest.mark.parametrize("speaker", [0, 1, 2, 3])
def test_measuring_leaves_gate_and_speaker_as_they_were(counted: Booted, speaker: int) -> None:
    injector = counted.machine.injector
    injector.outb(PORT_B, speaker)
    frequency(counted)
    assert injector.inb(PORT_B) & 3 == speaker


@pytest.mark.parametrize("enabled", [True, False])
def test_measuring_gives_the_interrupt_mask_back(counted: Booted, enabled: bool) -> None:
    counted.call("SetInterruptMask", eax=IF if enabled else 0)
    frequency(counted)
    assert counted.call("GetInterruptMask")["eax"] == (IF if enabled else 0)


def test_measuring_preserves_what_the_convention_says(counted: Booted) -> None:
    after = counted.call("GetCycleFrequency", (), **KEPT)
    assert {name: after[name] for name in KEPT} == KEPT
    assert after["esp"] == counted.label("kernel_stack_top")


def test_an_interrupt_during_the_measuring_comes_after_it(counted: Booted) -> None:
    counted.call("EnableInterrupts")
    counted.clear_log()
    counted.prepare("GetCycleFrequency")
    counted.finish(counted.rom.symbol("measure_end"))
    counted.machine.injector.raise_irq(5)
    after = counted.finish()
    assert [entry.vector for entry in counted.log()] == [0x25]
    assert wide(after) == pytest.approx(10**9, rel=1e-4)


def test_a_measure_that_was_held_up_is_taken_again(counted: Booted) -> None:
    # Channel 2's output is high, as if this processor had been away for more than its 55 ms: in
    # mode 3 it is, for the first half of a count.
    end = counted.rom.symbol("measure_end")
    counted.prepare("GetCycleFrequency")
    counted.finish(end)
    for port, value in ((0x43, 0xB6), (0x42, 0), (0x42, 0xFF)):
        counted.machine.injector.outb(port, value)
    counted.control.step()
    counted.finish(end)  # the second time
    assert wide(counted.finish()) == pytest.approx(10**9, rel=1e-4)


def test_who_comes_second_waits_for_the_devices(counted: Booted) -> None:
    held, waiting = counted.rom.symbol("devices_held"), counted.rom.symbol("hold_again")
    counted.control.write(held, b"\x01")
    counted.prepare("GetCycleFrequency")
    for _ in range(5):
        assert counted.finish(waiting, counted.label("returned"))["eip"] == waiting
    counted.control.write(held, b"\x00")
    assert wide(counted.finish()) == pytest.approx(10**9, rel=1e-4)
    assert counted.control.read(held, 1) == b"\x00"


def test_real_and_available_are_one_clock(counted: Booted) -> None:
    values = [counter(counted, number) for number in (REAL, AVAILABLE, REAL, AVAILABLE)]
    assert values == sorted(values)
    assert values[-1] - values[0] < 1000


@pytest.mark.parametrize("number", [STOLEN, 3, 77, 0x100, 0xFFFFFFFF])
def test_nothing_is_stolen_and_other_counters_are_0(booted: Booted, number: int) -> None:
    assert counter(booted, number) == 0


NEED_THE_COUNTER = {27, 66, 67, 68, 69, 70, 71}
"""Numbers of RDTSC and the timer group."""


@pytest.fixture
def on_a_486(
    machine_config: MachineConfig, wedge_rom: Rom, alarm_guest: GuestFile
) -> Iterator[Booted]:
    """The guest that sets alarms, on a processor without a time stamp counter."""
    config = replace(machine_config, cpu="486", option_rom=wedge_rom.path, kernel=alarm_guest.path)
    with Machine(config) as machine:
        yield boot_to_ready(machine, wedge_rom, alarm_guest)


def provided(booted: Booted) -> set[int]:
    types = booted.control.read(booted.label("bound_type"), 74)
    return {number for number, kind in enumerate(types) if kind}


def test_without_a_time_stamp_counter_the_whole_group_is_missing(
    on_a_486: Booted, booted: Booted
) -> None:
    assert provided(booted) - provided(on_a_486) == NEED_THE_COUNTER
    assert provided(on_a_486) < provided(booted)
