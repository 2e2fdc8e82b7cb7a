"""Exceptions, NMI and INT n: no mask holds them, and they leave the mask as it was."""

from collections.abc import Callable, Sequence

import pytest

from harness.booted import IF, Booted
from tests.interrupts.steps import (
    KERNEL_CS,
    RESET,
    arrive,
    boundaries,
    code,
    delivered,
    enable,
    execute,
    in_service,
    kernel_frame,
    mask,
    mask_interrupts,
    release,
    user_frame,
    vectors,
)

TF = 0x100

STATES = pytest.mark.parametrize("state", ["enabled", "masked", "recorded"])

FAULTS = pytest.mark.parametrize(
    ("machine_code", "vector", "error", "at"),
    [
        (b"\xcc", 3, 0, 1),  # int3: a trap, EIP behind it
        (b"\x0f\x0b", 6, 0, 0),  # ud2: a fault, EIP at it; two bytes to skip, as for all below
        (b"\x31\xc9\xf7\xf1", 0, 0, 2),  # xor ecx, ecx; div ecx
        (b"\xb8\x00\x10\x00\x00\x8e\xd8", 13, 0x1000, 5),  # mov eax, 0x1000; mov ds, eax
    ],
    ids=["int3", "ud2", "divide", "protection"],
)


def begin(booted: Booted, state: str) -> bool:
    """Masked, enabled, or masked with line 5 recorded; answers the real IF there."""
    mask_interrupts(booted)
    if state == "enabled":
        enable(booted)
    elif state == "recorded":
        arrive(booted, 5)
    return booted.real_if()


@STATES
@FAULTS
def test_an_exception_is_entered_at_once_and_leaves_the_mask(
    booted: Booted, state: str, machine_code: bytes, vector: int, error: int, at: int
) -> None:
    real = begin(booted, state)
    booted.set_word("skip_fault", 2)
    after = execute(booted, machine_code)
    [seen] = booted.log()
    assert (seen.vector, seen.error, seen.eip) == (vector, error, code(booted) + at)
    assert (seen.cs, seen.mask, seen.depth) == (KERNEL_CS, 0, 1)
    assert seen.eflags & IF == (IF if state == "enabled" else 0)
    assert bool(after["eflags"] & IF) is real
    assert mask(booted) == (IF if state == "enabled" else 0)
    enable(booted)
    assert delivered(booted) == [vector, *(vectors(5) if state == "recorded" else [])]
    assert in_service(booted) == (0, 0)
    assert booted.real_if() is True


@STATES
@pytest.mark.parametrize("vector", [0x80, 4])
def test_a_gate_for_user_code_is_entered_by_int_n_and_never_recorded(
    booted: Booted, state: str, vector: int
) -> None:
    begin(booted, state)
    execute(booted, bytes((0xCD, vector)))
    [seen] = booted.log()
    assert (seen.vector, seen.eip) == (vector, code(booted) + 2)
    assert seen.eflags & IF == (IF if state == "enabled" else 0)
    assert mask(booted) == (IF if state == "enabled" else 0)
    enable(booted)
    assert delivered(booted) == [vector, *(vectors(5) if state == "recorded" else [])]


def test_int_n_by_a_kernel_gate_is_entered_while_something_is_recorded(bare: Booted) -> None:
    begin(bare, "recorded")
    execute(bare, b"\xcd\x40")
    assert delivered(bare) == [0x40]
    assert bare.recorded() == vectors(5)
    enable(bare)
    assert delivered(bare) == [0x40, 0x25]


@STATES
def test_an_nmi_is_entered_at_once_and_leaves_the_mask(booted: Booted, state: str) -> None:
    real = begin(booted, state)
    booted.machine.injector.nmi()
    booted.settle()
    [seen] = booted.log()
    assert (seen.vector, seen.mask) == (2, 0)
    assert seen.eflags & IF == (IF if state == "enabled" else 0)
    assert mask(booted) == (IF if state == "enabled" else 0)
    assert booted.real_if() is real
    enable(booted)
    assert delivered(booted) == [2, *(vectors(5) if state == "recorded" else [])]


def test_nothing_is_accepted_in_the_handler_of_an_exception_while_one_is_recorded(
    bare: Booted,
) -> None:
    begin(bare, "recorded")
    bare.control.write(code(bare), b"\xcc\xc3")
    bare.prepare_at(code(bare), (bare.label("returned"),))
    bare.finish(bare.label("handler_logged"))
    assert bare.real_if() is False
    bare.machine.injector.raise_irq(3)
    bare.finish()
    assert delivered(bare) == [3]
    assert bare.recorded() == vectors(5)
    enable(bare)
    assert delivered(bare) == [3, 0x23, 0x25]
    assert in_service(bare) == (0, 0)


# --- NMI everywhere ----------------------------------------------------------------------------


def iret_frame(bare: Booted, image: int = IF) -> None:
    bare.prepare_at(bare.rom.stub("IRET"), kernel_frame(bare, RESET | image))


WAYS: dict[str, tuple[Callable[[Booted], None], int]] = {
    "enable": (lambda bare: bare.prepare("EnableInterrupts"), IF),
    "disable": (lambda bare: bare.prepare("DisableInterrupts"), 0),
    "set-mask": (lambda bare: bare.prepare("SetInterruptMask", eax=IF), IF),
    "iret-to-enabled": (iret_frame, IF),
    "iret-to-masked": (lambda bare: iret_frame(bare, 0), 0),
}


@pytest.mark.parametrize(
    ("way", "lines"),
    [
        *(("enable", lines) for lines in ((), (5,))),
        *(("disable", lines) for lines in ((), (5,))),
        ("set-mask", ()),
        *(("iret-to-enabled", lines) for lines in ((), (5,))),
        *(("iret-to-masked", lines) for lines in ((), (5,))),
    ],
)
def test_an_nmi_anywhere_in_a_call_changes_nothing_else(
    bare: Booted, way: str, lines: Sequence[int]
) -> None:
    start, after = WAYS[way]

    def prepare() -> None:
        enable(bare)  # the end may have left line 5 recorded
        release(bare, *lines)
        mask_interrupts(bare)
        arrive(bare, *lines)
        start(bare)

    # A delivery is over for this purpose when the handler is entered.
    for where in boundaries(bare, prepare, bare.label("returned"), bare.label("entry_25")):
        bare.machine.injector.nmi()
        bare.settle()
        expected = [2, *(vectors(*lines) if after else [])]
        assert sorted(delivered(bare)) == sorted(expected), where
        assert bare.word("depth") == 0, where
        assert bare.field("virtual_if") == after, where
        waits = bool(lines) and not after
        assert bare.recorded() == (vectors(*lines) if waits else []), where
        assert bare.real_if() is not waits, where
        assert (in_service(bare) != (0, 0)) is waits, where


@pytest.mark.parametrize("state", ["enabled", "masked"])
def test_an_nmi_anywhere_in_an_arrival_changes_nothing_else(bare: Booted, state: str) -> None:
    # From the entry of the wedge, with line 5 accepted, to the handler or back to the guest.
    def prepare() -> None:
        enable(bare)
        release(bare, 5)
        begin(bare, state)
        bare.machine.injector.raise_irq(5)
        bare.finish(bare.rom.symbol("vector_25"))

    end = bare.label("returned"), bare.label("returned") + 1, bare.label("entry_25")
    for where in boundaries(bare, prepare, *end):
        bare.machine.injector.nmi()
        bare.settle()
        masked = state == "masked"
        assert sorted(delivered(bare)) == ([2] if masked else [2, 0x25]), where
        assert bare.recorded() == (vectors(5) if masked else []), where
        assert bare.field("virtual_if") == (0 if masked else IF), where
        assert bare.real_if() is not masked, where
        enable(bare)
        assert sorted(delivered(bare)) == [2, 0x25], where
        assert in_service(bare) == (0, 0), where


def test_an_nmi_keeps_the_real_if_off_in_closed_code(bare: Booted) -> None:
    closed = range(bare.rom.symbol("closed_start"), bare.rom.symbol("closed_end"))

    def prepare() -> None:
        bare.machine.injector.lower_irq(5)
        mask_interrupts(bare)
        arrive(bare, 5)
        bare.prepare("EnableInterrupts")

    for where in boundaries(bare, prepare, bare.label("entry_25")):
        here, was_on = bare.control.registers()["eip"], bare.real_if()
        bare.machine.injector.nmi()
        bare.finish(bare.label("handler_logged"))
        assert delivered(bare) == [2], where
        if here in closed:
            assert was_on or not bare.real_if(), where
            bare.finish(here)
            assert was_on or not bare.real_if(), where
        bare.finish()
        assert delivered(bare) == [2, 0x25], where


def test_an_nmi_anywhere_in_an_iret_to_user_mode_changes_nothing_else(bare: Booted) -> None:
    at_kernel = bare.control.registers()

    def prepare() -> None:
        bare.control.set_registers(**at_kernel)
        release(bare, 5)
        mask_interrupts(bare)
        arrive(bare, 5)
        bare.prepare_at(bare.rom.stub("IRET"), user_frame(bare))

    for where in boundaries(bare, prepare, bare.label("entry_25")):
        bare.machine.injector.nmi()
        for _ in range(2):
            bare.finish(bare.label("user_code"))
        assert sorted(delivered(bare)) == [2, 0x25], where
        assert bare.control.registers()["esp"] == bare.label("user_stack_top"), where
        assert (bare.field("virtual_if"), bare.real_if()) == (IF, True), where
        assert (bare.recorded(), in_service(bare)) == ([], (0, 0)), where


@pytest.mark.parametrize("call", ["EnableInterrupts", "IRET", "Halt"])
def test_a_guest_may_single_step_through_the_rom(bare: Booted, call: str) -> None:
    # TF set: a debug exception after each instruction of the ROM, as a kernel debugger has it.
    mask_interrupts(bare)
    arrive(bare, 5)
    frame = kernel_frame(bare, RESET | IF | TF) if call == "IRET" else (bare.label("returned"),)
    bare.prepare_at(bare.rom.stub(call), frame, eflags=RESET | TF)
    bare.finish(bare.label("entry_25"))
    assert set(delivered(bare)) == {1}
    bare.clear_log()
    bare.finish()
    assert [vector for vector in delivered(bare) if vector != 1] == vectors(5)
    bare.control.set_registers(eflags=RESET | IF)
    bare.settle()
    assert (bare.recorded(), in_service(bare)) == ([], (0, 0))
    assert (bare.field("virtual_if"), bare.real_if()) == (IF, True)
