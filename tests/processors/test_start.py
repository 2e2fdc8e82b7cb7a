"""SetInitialAPState with input of every kind: what starts, what does not, and what comes after."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from harness.booted import Booted
from harness.machine.control import read_u32, write_u32
from harness.rom import Rom
from tests.processors.steps import STARTUP, Second, send_command

STATE = 0x600000
"""Guest memory that nothing uses."""

PE, PG, LME, LMA, NXE = 1, 1 << 31, 0x100, 0x400, 0x800
INIT = 0x4500
NOBODY = 9
"""An APIC ID that no processor has."""

LIMIT = 30.0
"""Seconds: a start that nobody takes is given up after some 300,000 port reads."""


@dataclass(frozen=True)
class State:
    """The fields that these tests change; the layout is vmi_ap_state."""

    cr0: int
    cr3: int
    eip: int
    esp: int
    gdt: int
    idt: int
    efer: int = 0

    def packed(self) -> bytes:
        """The 92 bytes."""
        control = struct.pack("<4IQ2I", self.cr0, 0, self.cr3, 0, self.efer, self.eip, 2)
        general = struct.pack("<8I", 0, 0, 0, 0, self.esp, 0, 0, 0)
        selectors = struct.pack("<7H", 0x08, 0x10, 0x10, 0x10, 0, 0, 0)
        tables = struct.pack("<HIIHxx", 0x4F, self.gdt, self.idt, 0x7FF)
        return control + general + selectors + tables


def good(booted: Booted) -> State:
    """A state that leads to `second_made`, which sets `second_up` and goes on to the loop."""
    label = booted.label
    return State(
        cr0=booted.machine.monitor.processor().cr0,
        cr3=booted.machine.monitor.processor().cr3,
        eip=label("second_made"),
        esp=label("second_stack_top"),
        gdt=label("second_gdt"),
        idt=label("idt"),
    )


def waiting(booted: Booted, apic: int = 1) -> None:
    """INIT: that processor waits for a STARTUP."""
    send_command(booted, INIT, apic)
    booted.machine.wire().attend(None)
    booted.set_word("second_up", 0)


def give(booted: Booted, state: State | None, apic: int = 1, place: int = STATE) -> None:
    """SetInitialAPState, all processors running; None: a null pointer."""
    if state is not None:
        booted.control.write(place, state.packed())
    booted.prepare("SetInitialAPState", eax=place if state else 0, edx=apic)
    booted.finish(timeout=LIMIT)


def is_up(booted: Booted) -> bool:
    """Whether the processor has come to its loop; it is given time for that."""
    for _ in range(50):
        booted.prepare_at(booted.label("linger"), (booted.label("returned"),))
        booted.finish()
        if booted.word("second_up"):
            return True
    return False


def starts(booted: Booted, apic: int = 1) -> bool:
    """Whether a good state starts a processor that waits."""
    waiting(booted, apic)
    give(booted, good(booted), apic)
    return is_up(booted)


def test_the_state_is_92_bytes(two: Booted) -> None:
    assert len(good(two).packed()) == 92


def test_a_good_state_starts_the_processor_in_the_call(two: Booted) -> None:
    assert starts(two)


def test_the_guests_startup_finds_it_running(two: Booted) -> None:
    assert starts(two)
    ran = two.word("trampolines")
    two.set_word("second_up", 0)
    send_command(two, STARTUP, 1)
    two.machine.wire().attend(None)
    assert not is_up(two)
    assert two.word("trampolines") == ran


BAD: dict[str, Callable[[State], State | None]] = {
    "a null pointer": lambda state: None,
    "CR0 without PG": lambda state: replace(state, cr0=state.cr0 & ~PG),
    "CR0 without PE": lambda state: replace(state, cr0=state.cr0 & ~PE),
    "CR0 of 0": lambda state: replace(state, cr0=0),
    "EFER with LME": lambda state: replace(state, efer=LME),
    "EFER with LMA": lambda state: replace(state, efer=LMA | NXE),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_state_starts_nothing_and_a_good_one_does_afterwards(two: Booted, case: str) -> None:
    waiting(two)
    give(two, BAD[case](good(two)))
    assert not is_up(two)
    assert two.machine.monitor.processor(1).halted
    give(two, good(two))
    assert is_up(two)


@pytest.mark.parametrize("place", ["offset", "pages"])
def test_where_the_rom_cannot_start_it_the_guests_own_startup_does(two: Booted, place: str) -> None:
    waiting(two)
    label = two.rom.symbol("linear_offset" if place == "offset" else "start_page")
    value = read_u32(two.control, label)
    write_u32(two.control, label, value + 0x100000 if place == "offset" else 0)
    give(two, good(two))
    assert not is_up(two)
    two.set_word("native_begins", two.label("second_made"))
    send_command(two, STARTUP, 1)
    two.machine.wire().attend(None)
    assert is_up(two)


def test_an_apic_id_that_nobody_has_is_given_up_and_later_starts_work(two: Booted) -> None:
    give(two, good(two), NOBODY)
    assert read_u32(two.control, two.rom.symbol("start_held")) == 0
    assert starts(two)


def test_a_state_for_a_processor_that_runs_is_given_up_and_it_goes_on(two: Booted) -> None:
    two.set_word("second_up", 0)
    give(two, good(two))
    assert not is_up(two)
    assert starts(two)


def test_a_state_for_the_caller_itself_is_given_up(two: Booted) -> None:
    give(two, good(two), 0)
    assert starts(two)


def start_page(booted: Booted) -> int:
    """The physical page that processors start in, as a STARTUP's vector."""
    page = read_u32(booted.control, booted.rom.symbol("start_page"))
    return (page - read_u32(booted.control, booted.rom.symbol("linear_offset"))) >> 12


def test_a_processor_that_is_late_still_starts(two: Booted) -> None:
    give(two, good(two), NOBODY)  # the pages are in place, and the call has returned
    waiting(two)
    send_command(two, 0x4600 | start_page(two), 1)
    two.machine.wire().attend(None)
    assert is_up(two)


def test_a_processor_that_is_late_for_a_start_that_another_took_stops(two: Booted) -> None:
    assert starts(two)
    waiting(two)
    send_command(two, 0x4600 | start_page(two), 1)
    two.machine.wire().attend(None)
    assert not is_up(two)
    assert two.machine.monitor.processor(1).halted
    assert starts(two)


def test_a_call_that_comes_while_a_processor_starts_waits_for_it(two: Booted) -> None:
    waiting(two)
    booted, wire = two, two.machine.wire()
    wire.attend(0)
    booted.control.write(STATE, good(booted).packed())
    booted.prepare("SetInitialAPState", eax=STATE, edx=1)
    booted.control.run_to(booted.rom.symbol("start_wait"))
    wire.attend(1)
    page = start_page(booted) << 12
    offset = booted.rom.symbol("start_flat") - booted.rom.symbol("start_code")
    booted.control.run_to(page + offset)  # it has taken the start, and stands
    wire.attend(0)
    go = booted.rom.symbol("start_wait")
    for _ in range(3):
        booted.control.run_to(go)
    booted.control.set_registers(ecx=1)  # the time is up
    for _ in range(3):
        booted.control.run_to(go)
    assert read_u32(booted.control, booted.rom.symbol("start_held")) == 1
    wire.attend(None)
    booted.finish(timeout=LIMIT)
    assert is_up(booted)


@pytest.mark.parametrize("place", [0x900000, 0x800000 - 46], ids=["unmapped", "half-mapped"])
def test_a_state_that_is_not_mapped_faults_before_anything_happens(two: Booted, place: int) -> None:
    waiting(two)
    if place < 0x800000:
        two.control.write(place, good(two).packed()[:46])
    two.prepare("SetInitialAPState", eax=place, edx=1)
    two.finish(two.label("entry_0e"))
    assert read_u32(two.control, two.rom.symbol("start_held")) == 0
    assert starts(two), "the guest did not go back to the stub, and may try again all the same"


def test_the_same_processor_starts_again_and_keeps_its_block(
    ready: Callable[..., Booted], roms: dict[str, Rom]
) -> None:
    two = ready(roms["bare"])
    for _ in range(3):
        assert starts(two)
        second = Second.of(two)
        assert second.field("owner") == 2
        assert second.machine.monitor.processor(1).idt.base == second.rom.symbol("shadow_idt")
        assert second.field("idt_base") == two.label("idt")
        two.machine.wire().attend(None)
