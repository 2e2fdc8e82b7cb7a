"""The ways that are kept short: enabling after SYSENTER, and INT n through a gate for software."""

import pytest

from harness.booted import IF, Booted
from harness.machine.control import write_u32
from rom.wedge import virtual_cpu
from tests.interrupts.steps import (
    KERNEL_CS,
    arrive,
    boundaries,
    delivered,
    in_service,
    mask_interrupts,
    release,
    user_frame,
    vectors,
)

NMI = 2
SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP = 0x174, 0x175, 0x176
SYSENTER, INT_80 = b"\x0f\x34", b"\xcd\x80"
ENABLING = ("EnableInterrupts", "SetInterruptMask")


def in_user_mode(booted: Booted, code: bytes) -> None:
    """Stand at this code in user mode, interrupts enabled."""
    booted.control.write(booted.label("user_code"), code)
    booted.prepare_at(booted.rom.stub("IRET"), user_frame(booted))
    booted.finish(booted.label("user_code"))


def enable_after_sysenter(bare: Booted, call: str) -> None:
    """Stand at the stub of an enabling call, to which SYSENTER has come from user mode."""
    stack = bare.label("kernel_stack_top") - 4
    for msr, value in (
        (SYSENTER_CS, KERNEL_CS),
        (SYSENTER_ESP, stack),
        (SYSENTER_EIP, bare.rom.stub(call)),
    ):
        bare.call("WRMSR", ecx=msr, eax=value, edx=0)
    in_user_mode(bare, SYSENTER)
    write_u32(bare.control, stack, bare.label("returned"))
    bare.control.set_registers(eax=IF)
    assert bare.control.step() == bare.rom.stub(call)
    assert (bare.real_if(), bare.field("pending")) == (False, virtual_cpu.LEFT)


def assert_enabled(bare: Booted, where: str = "") -> None:
    state = (bare.field("virtual_if"), bare.field("real_if"), bare.field("pending"), bare.real_if())
    assert state == (IF, IF, 0, True), where


@pytest.mark.parametrize("call", ENABLING)
def test_an_nmi_anywhere_in_the_enabling_after_sysenter_leaves_it_done(
    bare: Booted, call: str
) -> None:
    def prepare() -> None:
        release(bare, 5)
        mask_interrupts(bare)
        enable_after_sysenter(bare, call)
        arrive_unseen(bare)

    for where in boundaries(bare, prepare, bare.label("returned"), bare.label("entry_25")):
        bare.machine.injector.nmi()
        bare.finish(bare.label("handler_logged"))
        bare.finish()
        bare.settle()
        assert sorted(delivered(bare)) == [NMI, *vectors(5)], where
        assert in_service(bare) == (0, 0), where
        assert_enabled(bare, where)


def arrive_unseen(bare: Booted) -> None:
    """Raise line 5 while the real IF is off."""
    bare.machine.injector.lower_irq(5)
    bare.machine.injector.raise_irq(5)


@pytest.mark.parametrize("call", ENABLING)
def test_enabling_after_sysenter_lets_in_what_waited_outside(bare: Booted, call: str) -> None:
    mask_interrupts(bare)
    enable_after_sysenter(bare, call)
    arrive_unseen(bare)
    bare.finish()
    bare.settle()
    assert delivered(bare) == vectors(5)
    assert_enabled(bare)


def trap_gate_for_software(booted: Booted) -> None:
    """Give vector 80 the gate that kernels give their system call: a trap gate of DPL 3."""
    entry = booted.label("entry_80")
    low, high = KERNEL_CS << 16 | entry & 0xFFFF, entry & 0xFFFF0000 | 0xEF00
    booted.call("WriteIDTEntry", stack=(high,), eax=booted.label("idt"), edx=0x80, ecx=low)


def test_int_n_by_such_a_gate_comes_to_the_handler_without_the_rom(booted: Booted) -> None:
    trap_gate_for_software(booted)
    in_user_mode(booted, INT_80)
    mask_was = booted.virtual_if()
    assert booted.control.step() == booted.label("entry_80")
    assert (booted.virtual_if(), booted.real_if()) == (mask_was, True)
    booted.clear_log()
    booted.finish(booted.label("user_code") + len(INT_80))
    [seen] = booted.log()
    assert (seen.vector, seen.eflags & IF, seen.mask) == (0x80, IF, IF)


@pytest.mark.parametrize("line", [3, 5])
def test_an_interrupt_in_its_handler_is_held_while_that_has_masked(
    booted: Booted, line: int
) -> None:
    trap_gate_for_software(booted)
    booted.clear_log()
    in_user_mode(booted, INT_80)
    booted.control.step()
    mask_interrupts(booted)
    arrive(booted, line)
    assert (delivered(booted), booted.pending()) == ([], vectors(line))
    booted.call("EnableInterrupts")
    booted.settle()
    assert delivered(booted) == vectors(line)
    assert in_service(booted) == (0, 0)
