"""Masked, it waits; enabled, it is delivered: once, at once, with the frame of the caller."""

import pytest

from harness.booted import IF, RESUME, Booted, Entered
from tests.interrupts.steps import (
    FAR_BASE,
    FAR_DS,
    KERNEL_CS,
    RESET,
    Enabling,
    arrive,
    delivered,
    enable,
    halt,
    in_service,
    iret,
    kernel_frame,
    mask,
    mask_interrupts,
    release,
    set_mask,
)

LINE, VECTOR = 5, 0x25

ODD_FLAGS = 0x0024_7CD7
"""All of EFLAGS that changes nothing here: CF PF AF ZF SF DF OF IOPL=3 NT AC ID, and IF clear."""

FLAGS_THAT_STAY = 0x0024_7400
"""Of these, the ones that no arithmetic changes: DF, IOPL, NT, AC, ID."""

POISON = {
    "eax": 0xA1A2A3A4,
    "ecx": 0xC1C2C3C4,
    "edx": 0xD1D2D3D4,
    "ebx": 0xB1B2B3B4,
    "ebp": 0xE1E2E3E4,
    "esi": 0x51525354,
    "edi": 0xF1F2F3F4,
    **dict.fromkeys(("ds", "es", "fs", "gs"), FAR_DS),
}
"""Distinct in each byte; and whoever goes through these segments misses."""

enablings = pytest.mark.parametrize(
    "enabling", [enable, set_mask, iret], ids=["enable", "set-mask", "iret"]
)


def test_the_real_if_is_on_while_the_virtual_one_is_clear(bare: Booted) -> None:
    mask_interrupts(bare)
    assert bare.real_if() is True
    assert bare.field("virtual_if") == 0
    assert mask(bare) == 0


def test_an_interrupt_raised_while_masked_is_recorded_and_closes_the_real_if(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, LINE)
    assert bare.recorded() == [VECTOR]
    assert bare.word("entered") == 0
    assert bare.real_if() is False
    assert bare.field("real_if") == 0
    assert in_service(bare) == (1 << LINE, 0)


def test_an_interrupt_raised_while_masked_waits_for_its_enabling(booted: Booted) -> None:
    mask_interrupts(booted)
    arrive(booted, LINE)
    for _ in range(3):
        assert mask(booted) == 0
        booted.call("SetInterruptMask", eax=0)
        booted.call("DisableInterrupts")
        booted.settle()
    assert booted.word("entered") == 0


@enablings
def test_enabling_delivers_once_with_the_frame_of_its_caller(
    booted: Booted, enabling: Enabling
) -> None:
    mask_interrupts(booted)
    arrive(booted, LINE)
    enabling(booted)
    # At `returned`, so before the caller's next instruction. IRET's frame was at the same place.
    [seen] = booted.log()
    assert seen == Entered(
        vector=VECTOR,
        eip=booted.label("returned"),
        cs=KERNEL_CS,
        eflags=seen.eflags | IF,
        frame=booted.label("kernel_stack_top") - 12,
        mask=0,
        error=0,
        depth=1,
    )
    assert mask(booted) == IF
    for again in (enable, set_mask, iret):
        again(booted)
        booted.settle()
    assert delivered(booted) == [VECTOR]
    assert in_service(booted) == (0, 0)


@pytest.mark.parametrize("enabling", [enable, set_mask, iret, halt])
def test_after_the_delivery_nothing_is_recorded_and_the_real_if_is_on(
    bare: Booted, enabling: Enabling
) -> None:
    mask_interrupts(bare)
    arrive(bare, LINE)
    enabling(bare)
    assert delivered(bare) == [VECTOR]
    assert bare.recorded() == []
    assert bare.field("pending") == 0
    assert bare.real_if() is True
    assert bare.field("real_if") == IF


@enablings
def test_enabling_with_nothing_pending_delivers_nothing(booted: Booted, enabling: Enabling) -> None:
    mask_interrupts(booted)
    enabling(booted)
    booted.settle()
    assert booted.word("entered") == 0
    assert mask(booted) == IF
    assert booted.real_if() is True


def test_an_interrupt_raised_while_enabled_needs_no_call(booted: Booted) -> None:
    mask_interrupts(booted)
    enable(booted)
    arrive(booted, LINE)
    [seen] = booted.log()
    assert (seen.vector, seen.cs, seen.eflags & IF, seen.mask) == (VECTOR, KERNEL_CS, IF, 0)
    assert mask(booted) == IF
    assert booted.real_if() is True


def test_masked_and_enabled_in_turn_each_arrival_is_delivered_once(booted: Booted) -> None:
    mask_interrupts(booted)
    for round_ in range(1, 21):
        arrive(booted, LINE)
        assert booted.word("entered") == round_ - 1
        enable(booted)
        assert booted.word("entered") == round_
        release(booted, LINE)
        booted.call("DisableInterrupts")
    assert in_service(booted) == (0, 0)


def test_the_keyboard_is_delivered_with_its_byte(booted: Booted) -> None:
    mask_interrupts(booted)
    booted.machine.injector.keyboard_byte(0x1C)
    booted.settle()
    assert booted.word("entered") == 0
    enable(booted)
    assert delivered(booted) == [0x21]


# --- the mask itself ---------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [RESET, ODD_FLAGS])
def test_get_interrupt_mask_is_the_mask_and_no_other_flag(booted: Booted, flags: int) -> None:
    mask_interrupts(booted)
    real = booted.control.registers()["eflags"] & IF
    assert booted.call("GetInterruptMask", eflags=flags | real)["eax"] == 0
    booted.call("EnableInterrupts", eflags=RESET | real)
    assert booted.call("GetInterruptMask", eflags=flags | IF)["eax"] == IF


@pytest.mark.parametrize(
    ("value", "after"),
    [(0, 0), (IF, IF), (0xFFFFFFFF, IF), (0xFFFFFDFF, 0), (0x1, 0), (0x2, 0), (IF | 1 << 31, IF)],
)
@pytest.mark.parametrize("before", [0, IF])
def test_set_interrupt_mask_looks_at_bit_9_alone(
    booted: Booted, before: int, value: int, after: int
) -> None:
    booted.call("SetInterruptMask", eax=before)
    assert booted.call("SetInterruptMask", eax=value)["eax"] == value
    assert mask(booted) == after


# --- what the fast calls leave alone -----------------------------------------------------------


@pytest.mark.parametrize("state", ["masked", "pending", "enabled"])
@pytest.mark.parametrize(
    ("call", "eax", "mask_after"),
    [
        ("EnableInterrupts", POISON["eax"], IF),
        ("DisableInterrupts", POISON["eax"], 0),
        ("GetInterruptMask", POISON["eax"], None),
        ("SetInterruptMask", 0xA1A2FEA4, IF),
        ("SetInterruptMask", 0xA1A2FDA4, 0),
    ],
    ids=["enable", "disable", "get", "set-on", "set-off"],
)
def test_the_fast_calls_change_flags_only(
    booted: Booted, call: str, eax: int, mask_after: int | None, state: str
) -> None:
    mask_interrupts(booted)
    if state == "enabled":
        enable(booted)
    if state == "pending":
        arrive(booted, LINE)
    real = booted.control.registers()["eflags"] & IF
    given = {**POISON, "eax": eax}
    after = booted.call(call, (), eflags=ODD_FLAGS | real, **given)
    before = IF if state == "enabled" else 0
    expected = {**given, "eax": before} if call == "GetInterruptMask" else given
    assert {name: after[name] for name in given} == expected
    assert after["esp"] == booted.label("kernel_stack_top")
    assert (after["cs"], after["ss"]) == (KERNEL_CS, 0x10)
    assert after["eflags"] & FLAGS_THAT_STAY == FLAGS_THAT_STAY
    segments = booted.machine.monitor.processor()
    parts = (segments.ds, segments.es, segments.fs, segments.gs)
    assert {part.base for part in parts} == {FAR_BASE}
    mask_after = before if mask_after is None else mask_after
    assert mask(booted) == mask_after
    assert delivered(booted) == ([VECTOR] if state == "pending" and mask_after else [])


@pytest.mark.parametrize("pending", [False, True], ids=["idle", "pending"])
def test_iret_changes_no_register(booted: Booted, pending: bool) -> None:
    mask_interrupts(booted)
    if pending:
        arrive(booted, LINE)
    real = booted.control.registers()["eflags"] & IF
    image = ODD_FLAGS | IF
    booted.prepare_at(
        booted.rom.stub("IRET"), kernel_frame(booted, image), eflags=RESET | real, **POISON
    )
    after = booted.finish()
    assert {name: after[name] for name in POISON} == POISON
    assert after["esp"] == booted.label("kernel_stack_top")
    assert after["eflags"] & ~RESUME == image  # QEMU 10 and later set RF in an interrupt's image
    assert delivered(booted) == ([VECTOR] if pending else [])


def test_an_interrupt_changes_no_register(booted: Booted) -> None:
    mask_interrupts(booted)
    enable(booted)
    given = {**POISON, "eflags": ODD_FLAGS | IF}
    booted.prepare_at(booted.label("returned"), (), **given)
    before = booted.control.registers()
    arrive(booted, LINE)
    assert booted.control.registers() == before
    assert delivered(booted) == [VECTOR]


def test_recording_changes_nothing_but_the_real_if(bare: Booted) -> None:
    mask_interrupts(bare)
    bare.prepare_at(bare.label("returned"), (), **{**POISON, "eflags": ODD_FLAGS | IF})
    before = bare.control.registers()
    arrive(bare, LINE)
    assert bare.recorded() == [VECTOR]
    assert bare.control.registers() == {**before, "eflags": ODD_FLAGS}
