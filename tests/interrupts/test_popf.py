"""A kernel that changes stacks restores its flags by POPF, as Linux does, and not by a call."""

from harness.booted import IF, Booted
from tests.interrupts.steps import (
    KERNEL_DS,
    arrive,
    delivered,
    execute,
    in_service,
    mask_interrupts,
    release,
    vectors,
)

PUSHF_TO_EAX = b"\x9c\x58"
POPF_FROM_EAX = b"\x50\x9d"


def switch_stacks(booted: Booted, flags: int) -> None:
    """What a kernel does to go on with another task, whose flags were these."""
    top = booted.label("kernel_stack_top")
    booted.call("UpdateKernelStack", eax=KERNEL_DS, edx=top)
    execute(booted, POPF_FROM_EAX, eax=flags)


def test_flags_of_a_task_that_was_left_while_a_vector_was_recorded_do_no_harm(
    bare: Booted,
) -> None:
    mask_interrupts(bare)
    arrive(bare, 5)
    flags = execute(bare, PUSHF_TO_EAX)["eax"]
    assert flags & IF == 0
    bare.call("EnableInterrupts")
    bare.settle()
    release(bare, 5)
    assert delivered(bare) == vectors(5)
    mask_interrupts(bare)
    switch_stacks(bare, flags)
    assert not bare.real_if()
    bare.call("EnableInterrupts")
    assert (bare.real_if(), bare.field("real_if"), bare.field("pending")) == (True, IF, 0)
    arrive(bare, 3)
    assert (delivered(bare), in_service(bare)) == (vectors(3), (0, 0))


def test_flags_of_a_task_that_was_left_before_one_was_recorded_do_no_harm(bare: Booted) -> None:
    mask_interrupts(bare)
    flags = execute(bare, PUSHF_TO_EAX)["eax"]
    assert flags & IF
    arrive(bare, 5)
    switch_stacks(bare, flags)
    assert bare.real_if()
    arrive(bare, 3, 7)  # 3 outranks what is recorded, 7 does not
    assert delivered(bare) == []
    bare.call("EnableInterrupts")
    bare.settle()
    assert delivered(bare) == vectors(3, 5, 7)
    release(bare, 3, 5, 7)
    assert in_service(bare) == (0, 0)
