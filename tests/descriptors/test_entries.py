"""WriteGDTEntry, WriteLDTEntry and WriteIDTEntry: two dwords, whole or not at all."""

import pytest

from harness.booted import Booted
from tests.descriptors.tables import entry, gate, processor, segment, write_entry

WRITES = [
    ("WriteGDTEntry", "gdt", 0),
    ("WriteGDTEntry", "gdt", 9),
    ("WriteLDTEntry", "ldt", 0),
    ("WriteLDTEntry", "ldt", 3),
    ("WriteIDTEntry", "idt", 0),
    ("WriteIDTEntry", "idt", 255),
]

MOST_STEPS = 80
"""Instructions that a Write*Entry may take, with room to spare."""


@pytest.mark.parametrize(("call", "table", "index"), WRITES)
def test_both_dwords_are_written_and_no_others(
    booted: Booted, call: str, table: str, index: int
) -> None:
    at = booted.label(table)
    around = booted.control.read(at + 8 * index - 8, 24)
    registers = write_entry(booted, call, at, index, 0x11223344_55667788)
    assert entry(booted, at, index) == 0x11223344_55667788
    now = booted.control.read(at + 8 * index - 8, 24)
    assert (now[:8], now[16:]) == (around[:8], around[16:])
    # The caller removes the fourth argument.
    assert registers["esp"] == booted.label("kernel_stack_top") - 4


def test_a_segment_in_use_keeps_its_hidden_part_until_it_is_loaded(booted: Booted) -> None:
    booted.control.set_registers(fs=0x38)
    write_entry(booted, "WriteGDTEntry", booted.label("gdt"), 7, segment(0x1234000, 0x92))
    assert processor(booted).fs.base == 0x30000000


def test_a_table_that_is_not_in_use_is_written_like_any_memory(bare: Booted) -> None:
    shadow = bare.rom.symbol("shadow_idt")
    before = bare.control.read(shadow, 0x800)
    write_entry(bare, "WriteIDTEntry", bare.label("gdt"), 9, gate(bare.label("entry_31")))
    assert entry(bare, bare.label("gdt"), 9) == gate(bare.label("entry_31"))
    assert bare.control.read(shadow, 0x800) == before


@pytest.mark.parametrize("index", [256, 0x2000, 0x2025])
def test_an_index_past_the_last_vector_changes_no_gate(bare: Booted, index: int) -> None:
    shadow = bare.rom.symbol("shadow_idt")
    bare.control.write(shadow + 8 * index, b"\xa5" * 8)
    before = bare.control.read(shadow, 0x800)
    write_entry(bare, "WriteIDTEntry", bare.label("idt"), index, gate(bare.label("entry_31")))
    assert bare.control.read(shadow, 0x800) == before
    assert bare.control.read(shadow + 8 * index, 8) == b"\xa5" * 8


def arrive_at(booted: Booted, call: str, at: int, index: int, boundary: int) -> str:
    """Make the call with interrupts enabled, line 5 being raised after `boundary` instructions.

    Answers "old", "new" or "half", for the entry as the handler found it at its first instruction,
    and "" when the call returned before.
    """
    old, new = 0x11111111_11111111, 0x22222222_22222222
    booted.control.write(at + 8 * index, old.to_bytes(8, "little"))
    booted.clear_log()
    booted.prepare(call, (new >> 32,), eax=at, edx=index, ecx=new & 0xFFFFFFFF)
    returned, handler = booted.label("returned"), booted.label("handler")
    for _ in range(boundary):
        if booted.control.step() == returned:
            return ""
    booted.machine.injector.raise_irq(5)
    booted.control.run_to(handler)
    found = {old: "old", new: "new"}.get(entry(booted, at, index), "half")
    booted.machine.injector.lower_irq(5)
    booted.finish()
    assert [seen.vector for seen in booted.log()] == [0x25]
    assert entry(booted, at, index) == new
    return found


@pytest.mark.parametrize(("call", "table", "index"), WRITES[1::2])
def test_no_interrupt_comes_between_the_two_dwords(
    booted: Booted, call: str, table: str, index: int
) -> None:
    booted.call("EnableInterrupts")
    found = []
    for boundary in range(MOST_STEPS):
        if not (seen := arrive_at(booted, call, booted.label(table), index, boundary)):
            break
        found.append(seen)
    else:
        pytest.fail(f"{call} did not return within {MOST_STEPS} instructions")
    # It comes before both stores, or after both.
    assert set(found) == {"old", "new"}
    assert found == sorted(found, reverse=True), found
