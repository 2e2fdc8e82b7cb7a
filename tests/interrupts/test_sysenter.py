"""Between SYSENTER and the guest's first enabling: the real IF is off, and nobody was told."""

import pytest

from harness.booted import IF, Booted
from harness.machine.control import write_u32
from tests.interrupts.steps import (
    KERNEL_CS,
    RESET,
    arrive,
    arrive_at,
    delivered,
    in_service,
    mask,
    mask_interrupts,
    user_frame,
    vectors,
)

SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP = 0x174, 0x175, 0x176
SYSENTER = b"\x0f\x34"
TF = 0x100
DEBUG, NMI = 1, 2


def enter(booted: Booted, eflags: int = RESET | IF) -> int:
    """Go to the kernel by SYSENTER from user mode, and stop at its first instruction there.

    Kernel code there is nothing but a loop. Answers its address.
    """
    kernel = booted.label("user_stack")
    booted.control.write(kernel, b"\x90\xeb\xfd")  # nop; jmp back
    for msr, value in (
        (SYSENTER_CS, KERNEL_CS),
        (SYSENTER_ESP, booted.label("kernel_stack_top") - 0x200),
        (SYSENTER_EIP, kernel),
    ):
        booted.call("WRMSR", ecx=msr, eax=value, edx=0)
    mask_interrupts(booted)
    booted.control.write(booted.label("user_code"), SYSENTER)
    booted.prepare_at(booted.rom.stub("IRET"), user_frame(booted, eflags))
    booted.finish(booted.label("user_code"))
    return kernel


def goes_on_masked(bare: Booted) -> None:
    """The guest counts as masked, and enabling opens the real IF."""
    assert (bare.field("virtual_if"), bare.real_if(), mask(bare)) == (0, False, 0)
    arrive(bare, 5)
    assert delivered(bare) == []
    bare.call("EnableInterrupts")
    bare.settle()
    assert (delivered(bare), in_service(bare)) == (vectors(5), (0, 0))
    assert (bare.field("real_if"), bare.field("pending"), bare.real_if()) == (IF, 0, True)


def test_an_nmi_there_finds_and_leaves_the_guest_masked(bare: Booted) -> None:
    kernel = enter(bare)
    assert bare.control.step() == kernel
    bare.machine.injector.nmi()
    bare.finish(bare.label("handler_logged"))
    [seen] = bare.log()
    assert (seen.vector, seen.mask, seen.eflags & IF) == (NMI, 0, 0)
    bare.finish(kernel)
    bare.clear_log()
    goes_on_masked(bare)


def test_a_single_step_over_sysenter_finds_and_leaves_the_guest_masked(bare: Booted) -> None:
    kernel = enter(bare, RESET | IF | TF)  # SYSENTER leaves TF on: the trap comes at the entry
    bare.finish(bare.label("handler_logged"))
    [seen] = bare.log()
    assert (seen.vector, seen.eip, seen.mask, seen.eflags & IF) == (DEBUG, kernel, 0, 0)
    write_u32(bare.control, seen.frame + 8, seen.eflags & ~TF)
    bare.finish(kernel)
    bare.clear_log()
    goes_on_masked(bare)


@pytest.mark.parametrize("line", [3, 10])
def test_back_in_user_mode_an_interrupt_comes_at_once(booted: Booted, line: int) -> None:
    enter(booted)
    booted.control.step()
    mask_interrupts(booted)
    booted.control.write(booted.label("user_code"), b"\xeb\xfe")
    booted.prepare_at(
        booted.rom.stub("SYSEXIT"),
        edx=booted.label("user_code"),
        ecx=booted.label("user_stack_top"),
        eflags=RESET,
    )
    booted.finish(booted.label("user_code"))
    arrive_at(booted, line, booted.label("user_code"))
    assert (delivered(booted), in_service(booted)) == (vectors(line), (0, 0))


@pytest.mark.not_on(machine="isapc", reason="it has one processor")
def test_an_nmi_at_a_stub_for_several_processors_finds_the_guest_masked(
    bare_of_two: Booted,
) -> None:
    bare = bare_of_two
    enter(bare)
    bare.control.step()
    bare.prepare("DisableInterrupts")
    bare.machine.injector.nmi()
    bare.finish(bare.label("handler_logged"))
    [seen] = bare.log()
    assert (seen.vector, seen.eip) == (NMI, bare.rom.stub("DisableInterrupts"))
    assert (seen.mask, seen.eflags & IF) == (0, 0)
