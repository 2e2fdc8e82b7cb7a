"""Alarms, to the cycle at which they come: one cycle is one instruction here."""

import struct

import pytest

from harness.booted import Booted
from tests.timer.steps import KEPT, LVTT, PERIODIC, TICK, WIRINGS, timed_alarm

MS = 1_000_000
UNTRIGGERED = (8, 0, 0)  # 7.2 does not, 10.0 does
LATE = 3 * TICK
"""Cycles an alarm may be late: the 8254's ticks, and the way through ROM and guest."""

LVTT_REGISTER, INITIAL = 0x320, 0x380

each_wiring = pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)


@pytest.fixture(autouse=True)
def lvtt(timed: Booted) -> None:
    """The local APIC's timer has the vector of the guest's handler."""
    assert timed.call("APICRead", eax=LVTT_REGISTER)["eax"] & 0x100FF == 0x41


@each_wiring
@pytest.mark.parametrize("cycles", [20_000, 123_456, 5 * MS, 50 * MS])
def test_a_one_shot_comes_at_its_time_and_not_before(
    timed: Booted, wiring: int, cycles: int
) -> None:
    alarm = timed_alarm(timed, wiring, cycles)
    assert 0 <= alarm.times[0] - (alarm.start + cycles) <= LATE + cycles / 4096


@each_wiring
def test_a_one_shot_comes_once_and_is_over(timed: Booted, wiring: int) -> None:
    alarm = timed_alarm(timed, wiring, MS, spin=60 * MS)
    assert (alarm.count, alarm.cancelled) == (1, 0)


@each_wiring
@pytest.mark.parametrize("delay", [0, -1, -20_000_000])
def test_a_time_that_has_passed_is_now(timed: Booted, wiring: int, delay: int) -> None:
    alarm = timed_alarm(timed, wiring, delay)
    assert alarm.times[0] - alarm.start <= LATE


@each_wiring
@pytest.mark.parametrize("period", [100_000, MS, 4 * MS])
def test_a_periodic_alarm_comes_again_and_again(timed: Booted, wiring: int, period: int) -> None:
    alarm = timed_alarm(timed, wiring | PERIODIC, 0, period, wanted=8)
    for number, at in enumerate(alarm.times, start=1):
        assert at == pytest.approx(alarm.start + number * period, abs=LATE + number * TICK / 2)
    assert alarm.cancelled == 1


@each_wiring
def test_a_period_of_0_is_none(timed: Booted, wiring: int) -> None:
    alarm = timed_alarm(timed, wiring | PERIODIC, MS, 0, spin=60 * MS)
    assert (alarm.count, alarm.cancelled) == (1, 0)


@pytest.mark.parametrize("delay", [55 * MS, 100 * MS, 1 << 32, (7 << 32) + MS, 1 << 60])
def test_a_one_shot_past_the_8254_comes_early(timed: Booted, delay: int) -> None:
    alarm = timed_alarm(timed, 0, delay)
    assert alarm.times[0] - alarm.start == pytest.approx(54 * MS, rel=1e-3)
    assert alarm.cancelled == 0  # it has come, and nothing is armed


def test_a_period_past_the_8254_is_its_longest(timed: Booted) -> None:
    alarm = timed_alarm(timed, PERIODIC, 0, 1 << 40)
    assert alarm.times[0] - alarm.start == pytest.approx(65536 * TICK, rel=1e-3)


def test_a_one_shot_past_32_bits_of_cycles_is_exact_at_the_apic(timed: Booted) -> None:
    alarm = timed_alarm(timed, LVTT, 5 << 32)
    assert 0 <= alarm.times[0] - (alarm.start + (5 << 32)) <= LATE + (5 << 32) / 4096


@pytest.mark.parametrize("expiry", [1 << 50, (1 << 64) - 1])
def test_a_time_past_the_apic_is_its_longest(timed: Booted, expiry: int) -> None:
    timed.call("APICWrite", eax=LVTT_REGISTER, edx=0x10041)
    timed.call("SetAlarm", (0, 0), eax=LVTT, edx=expiry & 0xFFFFFFFF, ecx=expiry >> 32)
    assert timed.call("APICRead", eax=INITIAL)["eax"] == 0xFFFFFFFF


@each_wiring
@pytest.mark.parametrize("kind", [0, PERIODIC], ids=["one-shot", "periodic"])
def test_a_cancelled_alarm_does_not_come(timed: Booted, wiring: int, kind: int) -> None:
    # The 8254 of a newer QEMU counts in mode 1 without a trigger (Intel 8254 data sheet, "mode 1"),
    # and nothing that can be written to it keeps its output from rising at the end of the count.
    counts_untriggered = timed.machine.monitor.version() >= UNTRIGGERED
    most = 1 if wiring == WIRINGS["irq0"] and counts_untriggered else 0
    for delay in (2 * MS, 54 * MS):
        alarm = timed_alarm(timed, wiring | kind, delay, kind and delay, wanted=0, spin=MS)
        assert alarm.cancelled == 1
        assert alarm.count <= most
    timed.set_word("alarms", 0)
    alarm = timed_alarm(timed, wiring | 2, 0, wanted=0, spin=120 * MS)  # counter 2 has no alarm
    assert alarm.cancelled == 0
    assert alarm.count <= most


def test_an_alarm_whose_time_comes_while_it_is_cancelled_is_not_lost(timed: Booted) -> None:
    timed.control.write(timed.rom.symbol("irq0_kind"), struct.pack("<I", 1))
    timed.control.write(timed.rom.symbol("irq0_expiry"), struct.pack("<Q", 1 << 63))
    timed.prepare("CancelAlarm", eax=0)
    timed.finish(timed.rom.symbol("load_pit"))  # it is found armed, and about to be cancelled
    timed.control.write(timed.rom.symbol("irq0_expiry"), struct.pack("<Q", 0))
    assert timed.finish()["eax"] == 0
    timed.clear_log()
    timed.call("EnableInterrupts")
    timed.settle()
    assert [entry.vector for entry in timed.log()] == [0x20]


@each_wiring
@pytest.mark.parametrize("number", [2, 3, 0xFF])
def test_a_counter_that_does_not_exist_has_no_alarm(
    timed: Booted, wiring: int, number: int
) -> None:
    alarm = timed_alarm(timed, wiring | number, 0, wanted=0, spin=MS)
    assert (alarm.count, alarm.cancelled) == (0, 0)


def test_an_alarm_keeps_vector_and_mask_of_lvtt(timed: Booted) -> None:
    for flags, mode in ((LVTT | PERIODIC, 0x20000), (LVTT, 0)):
        timed.call("APICWrite", eax=LVTT_REGISTER, edx=0x10077)
        timed.call("SetAlarm", (MS, 0), eax=flags, edx=0, ecx=0)
        assert timed.call("APICRead", eax=LVTT_REGISTER)["eax"] == 0x10077 | mode


@pytest.mark.parametrize("base", [0, 0xFEE00000], ids=["offset", "address"])
def test_a_vector_that_is_given_later_leaves_the_alarm_periodic(timed: Booted, base: int) -> None:
    def written(value: int) -> int:
        timed.call("APICWrite", eax=base + LVTT_REGISTER, edx=value)
        return timed.call("APICRead", eax=base + LVTT_REGISTER)["eax"]

    assert written(0x10041) == 0x10041
    timed.call("SetAlarm", (MS, 0), eax=LVTT | PERIODIC, edx=0, ecx=0)
    assert written(0x10042) == 0x30042
    timed.call("SetAlarm", (0, 0), eax=LVTT, edx=0, ecx=0xFF)
    assert written(0x10041) == 0x10041
    timed.call("SetAlarm", (MS, 0), eax=LVTT | PERIODIC, edx=0, ecx=0)
    timed.call("CancelAlarm", eax=LVTT)
    assert written(0x10041) == 0x10041
    assert written(0x30041) == 0x30041


@each_wiring
def test_the_calls_preserve_what_the_convention_says(timed: Booted, wiring: int) -> None:
    for flags in (wiring, wiring | PERIODIC):
        after = timed.call("SetAlarm", (MS, 0), eax=flags, edx=0, ecx=0xFF, **KEPT)
        assert {name: after[name] for name in KEPT} == KEPT
        after = timed.call("CancelAlarm", (), eax=wiring, **KEPT)
        assert {name: after[name] for name in KEPT} == KEPT
        assert after["esp"] == timed.label("kernel_stack_top")
