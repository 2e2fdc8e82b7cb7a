"""The shadow IDT of the backend bare: what it holds, and that the guest's gates count."""

import pytest

from harness.booted import IF, Booted
from tests.descriptors.tables import (
    FREE,
    GATE_16,
    INTERRUPT_GATE,
    KERNEL_CS,
    TASK_GATE,
    TRAP_GATE,
    entry,
    gate,
    set_table,
    write_entry,
)

ABSENT = 0x0E
"""A 32-bit interrupt gate without its present bit."""


def expected_gate(bare: Booted, vector: int, guests: int, limit: int = 0x7FF) -> int:
    """What the shadow IDT is to hold for a gate of the guest's.

    From vector 32 up a gate that is missing gets an entry of the wedge's, too: masked, an
    interrupt needs no gate.
    """
    held = guests if 8 * vector + 7 <= limit else 0
    kind = held >> 40 & 0x9F
    selector, dpl = held >> 16 & 0xFFFF, held >> 45 & 3
    if vector >= 32 and (kind & 0x80 == 0 or kind & 7 == 0):
        selector = KERNEL_CS
    elif kind not in (INTERRUPT_GATE, TRAP_GATE):
        return held
    return gate(bare.rom.symbol("vectors") + 8 * vector, INTERRUPT_GATE, selector, dpl)


def shadow(bare: Booted) -> list[int]:
    table = bare.control.read(bare.rom.symbol("shadow_idt"), 0x800)
    return [int.from_bytes(table[at : at + 8], "little") for at in range(0, 0x800, 8)]


def guests(bare: Booted) -> list[int]:
    return [entry(bare, bare.label("idt"), vector) for vector in range(256)]


def deliver_line_5(booted: Booted) -> None:
    """Enable, and let line 5 come in."""
    booted.clear_log()
    booted.call("EnableInterrupts")
    booted.machine.injector.raise_irq(5)
    booted.settle()
    booted.machine.injector.lower_irq(5)


def test_at_ready_each_gate_has_the_guests_selector_and_dpl_and_its_own_entry(
    bare: Booted,
) -> None:
    expected = [expected_gate(bare, vector, old) for vector, old in enumerate(guests(bare))]
    assert shadow(bare) == expected
    assert [v for v, held in enumerate(expected) if held >> 45 & 3 == 3] == [3, 4, 0x80]


GATES = {
    "trap": gate(0x123456, TRAP_GATE),
    "user": gate(0x123456, INTERRUPT_GATE, dpl=3),
    "ring 1": gate(0x123456, TRAP_GATE, dpl=1),
    "other selector": gate(0x123456, INTERRUPT_GATE, selector=0x48),
    "task": gate(0, TASK_GATE, selector=0x28),
    "16 bits": gate(0x3456, GATE_16),
    "absent": gate(0x123456, ABSENT),
    "empty": 0,
    "ones": 0xFFFFFFFF_FFFFFFFF,
}


@pytest.mark.parametrize("kind", GATES)
def test_a_shadow_gate_follows_write_idt_entry(bare: Booted, kind: str) -> None:
    before = shadow(bare)
    for vector in (0, 0x25, 255):
        write_entry(bare, "WriteIDTEntry", bare.label("idt"), vector, GATES[kind])
        before[vector] = expected_gate(bare, vector, GATES[kind])
    assert shadow(bare) == before


def test_set_idt_makes_the_whole_shadow_anew(bare: Booted) -> None:
    kinds = [*GATES.values()]
    table = [kinds[vector % len(kinds)] for vector in range(256)]
    bare.control.write(FREE, b"".join(held.to_bytes(8, "little") for held in table))
    set_table(bare, "SetIDT", 0x7FF, FREE)
    assert shadow(bare) == [expected_gate(bare, v, held) for v, held in enumerate(table)]


@pytest.mark.parametrize("limit", [0, 6, 7, 8, 0x12E, 0x12F, 0x7FE, 0x7FF])
def test_a_vector_past_the_guests_limit_counts_as_missing(bare: Booted, limit: int) -> None:
    set_table(bare, "SetIDT", limit, bare.label("idt"))
    old = guests(bare)
    assert shadow(bare) == [expected_gate(bare, v, held, limit) for v, held in enumerate(old)]


def test_a_gate_past_the_limit_stays_out_when_it_is_written(bare: Booted) -> None:
    set_table(bare, "SetIDT", 0x7F, bare.label("idt"))
    write_entry(bare, "WriteIDTEntry", bare.label("idt"), 0x25, GATES["trap"])
    assert entry(bare, bare.label("idt"), 0x25) == GATES["trap"]
    assert shadow(bare)[0x25] == expected_gate(bare, 0x25, GATES["trap"], 0x7F)


@pytest.mark.parametrize("kind", ["absent", "empty"])
def test_a_masked_interrupt_needs_no_gate_and_enabling_finds_the_gate_made_meanwhile(
    bare: Booted, kind: str
) -> None:
    idt = bare.label("idt")
    handler = entry(bare, idt, 0x25)
    write_entry(bare, "WriteIDTEntry", idt, 0x25, GATES[kind])
    bare.clear_log()
    bare.call("DisableInterrupts")
    bare.machine.injector.raise_irq(5)
    bare.settle()
    bare.machine.injector.lower_irq(5)
    assert bare.log() == []
    assert bare.recorded() == [0x25]
    write_entry(bare, "WriteIDTEntry", idt, 0x25, handler)
    bare.call("EnableInterrupts")
    assert [seen.vector for seen in bare.log()] == [0x25]


def test_a_new_handler_takes_the_next_interrupt(booted: Booted) -> None:
    new = gate(booted.label("entry_26"))
    write_entry(booted, "WriteIDTEntry", booted.label("idt"), 0x25, new)
    deliver_line_5(booted)
    assert [seen.vector for seen in booted.log()] == [0x26]


def test_a_new_table_takes_the_next_interrupt(booted: Booted) -> None:
    table = booted.control.read(booted.label("idt"), 0x800)
    booted.control.write(FREE, table)
    booted.control.write(FREE + 8 * 0x25, gate(booted.label("entry_26")).to_bytes(8, "little"))
    set_table(booted, "SetIDT", 0x7FF, FREE)
    deliver_line_5(booted)
    assert [seen.vector for seen in booted.log()] == [0x26]


def test_the_handler_is_read_when_a_recorded_interrupt_is_delivered(bare: Booted) -> None:
    bare.clear_log()
    bare.call("DisableInterrupts")
    bare.machine.injector.raise_irq(5)
    bare.settle()
    bare.machine.injector.lower_irq(5)
    assert bare.recorded() == [0x25]
    write_entry(bare, "WriteIDTEntry", bare.label("idt"), 0x25, gate(bare.label("entry_26")))
    bare.call("EnableInterrupts")
    assert [seen.vector for seen in bare.log()] == [0x26]


@pytest.mark.parametrize(("kind", "mask"), [(INTERRUPT_GATE, 0), (TRAP_GATE, IF)])
def test_the_gates_type_says_whether_the_handler_is_masked(
    booted: Booted, kind: int, mask: int
) -> None:
    new = gate(booted.label("entry_25"), kind)
    write_entry(booted, "WriteIDTEntry", booted.label("idt"), 0x25, new)
    booted.clear_log()
    booted.set_word("depth", 0)
    booted.call("EnableInterrupts")
    booted.machine.injector.raise_irq(5)
    booted.finish(booted.label("handler_logged"))
    booted.machine.injector.lower_irq(5)
    [seen] = booted.log()
    assert (seen.vector, seen.mask, seen.cs, seen.eflags & IF) == (0x25, mask, KERNEL_CS, IF)


def test_a_gate_of_another_code_segment_is_entered_by_it(booted: Booted) -> None:
    code = entry(booted, booted.label("gdt"), KERNEL_CS // 8)
    write_entry(booted, "WriteGDTEntry", booted.label("gdt"), 9, code)
    new = gate(booted.label("entry_25"), selector=0x48)
    write_entry(booted, "WriteIDTEntry", booted.label("idt"), 0x25, new)
    booted.call("EnableInterrupts")
    booted.machine.injector.raise_irq(5)
    registers = booted.finish(booted.label("handler_logged"))
    booted.machine.injector.lower_irq(5)
    assert registers["cs"] == 0x48
