"""A gate that is taken away after its vector was recorded: the fault that the processor gives."""

import pytest

from harness.booted import IF, Booted
from tests.interrupts.steps import (
    KERNEL_CS,
    Enabling,
    arrive,
    delivered,
    enable,
    in_service,
    iret,
    mask,
    mask_interrupts,
    release,
    set_mask,
    vectors,
)

VECTOR = 0x25
ERROR = VECTOR * 8 + 3  # IDT and EXT bits (Intel SDM vol 3, 6.13)
GP, NP = 13, 11

EMPTY = (0, 0)
NOT_PRESENT, NO_TRAP_GATE = (KERNEL_CS << 16, 0x0E00), (KERNEL_CS << 16, 0x0F00)
TRAP_TYPE, DPL_3 = 0x0F00, 0x6000


def gate(booted: Booted, vector: int) -> tuple[int, int]:
    """The two dwords of the guest's gate."""
    data = booted.control.read(booted.label("idt") + 8 * vector, 8)
    return int.from_bytes(data[:4], "little"), int.from_bytes(data[4:], "little")


def write_gate(booted: Booted, vector: int, low: int, high: int) -> None:
    booted.call("WriteIDTEntry", stack=(high,), eax=booted.label("idt"), edx=vector, ecx=low)


@pytest.mark.parametrize(
    ("instead", "fault"),
    [(EMPTY, GP), (NOT_PRESENT, NP), (NO_TRAP_GATE, NP)],
    ids=["empty", "not-present", "trap-gate-not-present"],
)
@pytest.mark.parametrize("enabling", [enable, set_mask, iret])
def test_a_recorded_vector_without_a_gate_is_a_fault(
    bare: Booted, enabling: Enabling, instead: tuple[int, int], fault: int
) -> None:
    mask_interrupts(bare)
    before = gate(bare, VECTOR)
    arrive(bare, 5)
    write_gate(bare, VECTOR, *instead)
    assert bare.recorded() == [VECTOR]
    # The fault's EIP is `returned`, a NOP of one byte.
    bare.set_word("skip_fault", 1)
    enabling(bare)
    [seen] = bare.log()
    assert (seen.vector, seen.error) == (fault, ERROR)
    assert (seen.eip, seen.cs) == (bare.label("returned"), KERNEL_CS)
    assert (seen.eflags & IF, seen.mask) == (IF, 0)
    assert seen.frame == bare.label("kernel_stack_top") - 12
    assert mask(bare) == IF
    assert (bare.recorded(), bare.field("pending"), bare.real_if()) == ([], 0, True)

    # Nobody has sent an EOI for it. Once that is done all is as before.
    assert in_service(bare) == (1 << 5, 0)
    bare.machine.injector.outb(0x20, 0x20)
    write_gate(bare, VECTOR, *before)
    bare.clear_log()
    bare.call("DisableInterrupts")
    release(bare, 5)
    arrive(bare, 5, 3)
    assert bare.word("entered") == 0
    enable(bare)
    assert delivered(bare) == vectors(3, 5)
    assert in_service(bare) == (0, 0)


def test_the_others_that_wait_come_after_the_fault(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, 5, 7)
    write_gate(bare, VECTOR, *EMPTY)
    bare.set_word("skip_fault", 1)
    enable(bare)
    assert delivered(bare) == [GP]
    bare.machine.injector.outb(0x20, 0x20)
    bare.settle()
    assert delivered(bare) == [GP, 0x27]
    assert in_service(bare) == (0, 0)


def test_a_gate_that_changes_while_its_vector_is_recorded_counts_as_it_is_now(
    bare: Booted,
) -> None:
    mask_interrupts(bare)
    arrive(bare, 5)
    write_gate(bare, VECTOR, *gate(bare, 0x60))
    enable(bare)
    assert delivered(bare) == [0x60]
    assert bare.recorded() == []


def test_a_trap_gate_leaves_interrupts_enabled(booted: Booted) -> None:
    low, high = gate(booted, VECTOR)
    write_gate(booted, VECTOR, low, high | TRAP_TYPE)
    for state in ("arrives", "pending"):
        mask_interrupts(booted)
        if state == "arrives":
            enable(booted)
        booted.machine.injector.lower_irq(5)
        booted.machine.injector.raise_irq(5)
        booted.settle()
        enable(booted)
        [seen] = booted.log()
        assert (seen.vector, seen.mask, seen.eflags & IF) == (VECTOR, IF, IF), state
        assert in_service(booted) == (0, 0)


@pytest.mark.parametrize(("limit", "is_there"), [(8 * VECTOR + 6, False), (8 * VECTOR + 7, True)])
def test_a_vector_kept_for_software_is_one_whose_gate_ends_within_the_limit(
    bare: Booted, limit: int, is_there: bool
) -> None:
    low, high = gate(bare, VECTOR)
    write_gate(bare, VECTOR, low, high | DPL_3)
    where = bare.label("user_stack")
    table = bare.label("idt")
    bare.control.write(where, limit.to_bytes(2, "little") + table.to_bytes(4, "little"))
    bare.call("SetIDT", eax=where)
    mask_interrupts(bare)
    bare.machine.injector.lower_irq(5)
    bare.machine.injector.raise_irq(5)
    if is_there:  # as INT n it is entered, masked or not
        bare.finish(bare.label("entry_25"))
        assert bare.recorded() == []
    else:
        bare.settle()
        assert (bare.recorded(), delivered(bare)) == ([VECTOR], [])
