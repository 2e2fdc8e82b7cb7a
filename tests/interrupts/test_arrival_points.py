"""An interrupt at every instruction boundary of the calls that switch interrupts.

The cases of a test run in one machine without a restore, so each also shows that the one before
left nothing behind.
"""

from collections.abc import Sequence

import pytest

from harness.booted import IF, Booted
from tests.interrupts.steps import (
    RESET,
    boundaries,
    delivered,
    enable,
    in_service,
    kernel_frame,
    mask,
    release,
    user_frame,
    vectors,
)

STARTS = pytest.mark.parametrize("start", [0, IF], ids=["masked", "enabled"])


def begin(booted: Booted, start: int, lines: Sequence[int]) -> int:
    """Stand at `returned` with that virtual IF and an empty log; answers the real IF there."""
    booted.call("SetInterruptMask", eax=start)
    booted.clear_log()
    release(booted, *lines)
    return booted.control.registers()["eflags"] & IF


def raise_here(booted: Booted, lines: Sequence[int]) -> None:
    for line in lines:
        booted.machine.injector.raise_irq(line)


def end(booted: Booted, lines: Sequence[int], after: int, where: str) -> None:
    """The call is over: what arrived was delivered, or is if it ended masked and enables."""
    booted.settle()
    if after:
        assert delivered(booted) == vectors(*sorted(lines)), where
    assert booted.word("entered") <= len(lines), where
    assert mask(booted) == after, where
    enable(booted)
    assert sorted(delivered(booted)) == vectors(*sorted(lines)), where
    assert {entry.mask for entry in booted.log()} == {0}, where
    assert {entry.eflags & IF for entry in booted.log()} == {IF}, where
    assert in_service(booted) == (0, 0), where
    assert booted.real_if() is True, where


@STARTS
@pytest.mark.parametrize("lines", [(5,), (5, 3)], ids=["one", "two"])
@pytest.mark.parametrize(
    ("call", "registers", "after"),
    [
        ("EnableInterrupts", {}, IF),
        ("DisableInterrupts", {}, 0),
        ("GetInterruptMask", {}, None),
        ("SetInterruptMask", {"eax": IF}, IF),
        ("SetInterruptMask", {"eax": 0}, 0),
    ],
    ids=["enable", "disable", "get", "set-on", "set-off"],
)
def test_an_arrival_in_a_fast_call_is_delivered_once(
    booted: Booted,
    call: str,
    registers: dict[str, int],
    after: int | None,
    lines: Sequence[int],
    start: int,
) -> None:
    after = start if after is None else after

    def prepare() -> None:
        begin(booted, start, lines)
        booted.prepare(call, (), **registers)

    for where in boundaries(booted, prepare, booted.label("returned")):
        raise_here(booted, lines)
        answer = booted.control.registers()
        if answer["eip"] != booted.label("returned"):
            answer = booted.finish()
        if call == "GetInterruptMask":
            assert answer["eax"] == start, where
        end(booted, lines, after, where)


@STARTS
@pytest.mark.parametrize("image", [0, IF], ids=["to-masked", "to-enabled"])
def test_an_arrival_in_iret_is_delivered_once(booted: Booted, image: int, start: int) -> None:
    lines = (5, 3)

    def prepare() -> None:
        real = begin(booted, start, lines)
        frame = kernel_frame(booted, RESET | image)
        booted.prepare_at(booted.rom.stub("IRET"), frame, eflags=RESET | real)

    for where in boundaries(booted, prepare, booted.label("returned")):
        raise_here(booted, lines)
        if booted.control.registers()["eip"] != booted.label("returned"):
            booted.finish()
        end(booted, lines, image, where)


def test_an_arrival_in_an_iret_to_user_mode_is_delivered_once(bare: Booted) -> None:
    lines = (5, 3)
    at_kernel = bare.control.registers()

    def prepare() -> None:
        bare.control.set_registers(**at_kernel)
        begin(bare, 0, lines)
        bare.prepare_at(bare.rom.stub("IRET"), user_frame(bare))

    for where in boundaries(bare, prepare, bare.label("user_code")):
        raise_here(bare, lines)
        if bare.control.registers()["eip"] != bare.label("user_code"):
            bare.finish(bare.label("user_code"))
        for _ in range(2):
            bare.finish(bare.label("user_code"))
        assert sorted(delivered(bare)) == vectors(3, 5), where
        assert in_service(bare) == (0, 0), where
        state = bare.control.registers()
        assert state["esp"] == bare.label("user_stack_top"), where
        assert (bare.field("virtual_if"), state["eflags"] & IF) == (IF, IF), where


@pytest.mark.parametrize(("call", "second"), [("EnableInterrupts", 3), ("IRET", 9), ("Halt", 3)])
def test_an_arrival_in_the_midst_of_a_delivery_follows_or_precedes_it(
    bare: Booted, call: str, second: int
) -> None:
    # Up to the first handler: from there on it is an arrival in a handler.
    def prepare() -> None:
        begin(bare, 0, (5, second))
        bare.machine.injector.raise_irq(5)
        bare.settle()
        assert bare.recorded() == vectors(5)
        frame = kernel_frame(bare) if call == "IRET" else (bare.label("returned"),)
        bare.prepare_at(bare.rom.stub(call), frame)

    for where in boundaries(bare, prepare, bare.label("entry_25")):
        raise_here(bare, (second,))
        bare.finish()
        bare.settle()
        assert sorted(delivered(bare)) == vectors(*sorted((5, second))), where
        assert (bare.recorded(), in_service(bare)) == ([], (0, 0)), where
        assert (bare.field("virtual_if"), bare.real_if()) == (IF, True), where
