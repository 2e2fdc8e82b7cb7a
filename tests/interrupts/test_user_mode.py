"""To user mode and back: IRET and SYSEXIT, with something pending and without."""

import pytest

from harness.booted import IF, Booted
from rom.wedge import virtual_cpu
from tests.interrupts.steps import (
    KERNEL_DS,
    RESET,
    USER_CS,
    USER_DS,
    arrive,
    code,
    delivered,
    execute,
    in_service,
    mask_interrupts,
    release,
    user_frame,
    vectors,
)

REGISTERS = {"eax": 0xA1A2A3A4, "ebx": 0xB1B2B3B4, "ebp": 0xE1E2E3E4, "esi": 0x51, "edi": 0xF1F2}
"""What both calls leave alone; IRET keeps ECX and EDX, too."""

SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP = 0x174, 0x175, 0x176

LOWER_STACK = 0x400
"""Bytes below the top of the kernel's stack at which these tests have their own ESP0."""

IOPL3 = 0x3000


def write_msr(index: int, value: int) -> bytes:
    """mov ecx, INDEX; mov eax, VALUE; xor edx, edx; wrmsr"""
    return (
        b"\xb9" + index.to_bytes(4, "little") + b"\xb8" + value.to_bytes(4, "little")
    ) + b"\x31\xd2\x0f\x30"


def esp0(booted: Booted) -> int:
    """Have interrupts of user mode on a stack of their own, and answer its end."""
    top = booted.label("kernel_stack_top") - LOWER_STACK
    booted.call("UpdateKernelStack", eax=KERNEL_DS, edx=top)
    return top


def in_user_mode(booted: Booted) -> None:
    """Check that the guest runs `user_code` as both calls were told, interrupts enabled."""
    here = booted.control.registers()
    assert (here["eip"], here["cs"]) == (booted.label("user_code"), USER_CS)
    assert (here["esp"], here["ss"]) == (booted.label("user_stack_top"), USER_DS)
    assert here["eflags"] & IF
    assert booted.machine.monitor.processor().cpl == 3


def iret_to_user(booted: Booted, eflags: int = RESET | IF, **registers: int) -> None:
    booted.prepare_at(booted.rom.stub("IRET"), user_frame(booted, eflags), **registers)
    booted.finish(booted.label("user_code"))


def sysexit(booted: Booted, **registers: int) -> None:
    """SYSEXIT from the state that SYSENTER leaves: the real IF off."""
    execute(booted, write_msr(SYSENTER_CS, 0x08))
    registers = {"eflags": RESET, **registers}
    booted.prepare_at(
        booted.rom.stub("SYSEXIT"),
        (),
        edx=booted.label("user_code"),
        ecx=booted.label("user_stack_top"),
        **registers,
    )
    booted.finish(booted.label("user_code"))


# --- IRET --------------------------------------------------------------------------------------


def test_iret_goes_to_user_mode(booted: Booted) -> None:
    mask_interrupts(booted)
    given = {**REGISTERS, "ecx": 0xC1, "edx": 0xD1}
    iret_to_user(booted, **given)
    in_user_mode(booted)
    after = booted.control.registers()
    assert {name: after[name] for name in given} == given
    assert booted.word("entered") == 0


def test_iret_to_user_mode_enables_virtually(bare: Booted) -> None:
    mask_interrupts(bare)
    iret_to_user(bare)
    assert (bare.field("virtual_if"), bare.field("real_if")) == (IF, IF)


def test_what_is_pending_is_delivered_at_the_iret_with_the_users_frame(booted: Booted) -> None:
    mask_interrupts(booted)
    arrive(booted, 5)
    given = {**REGISTERS, "ecx": 0xC1, "edx": 0xD1}
    iret_to_user(booted, **given)
    in_user_mode(booted)
    [seen] = booted.log()
    assert (seen.vector, seen.eip, seen.cs) == (0x25, booted.label("user_code"), USER_CS)
    assert (seen.mask, seen.eflags & IF) == (0, IF)
    assert seen.frame == booted.label("kernel_stack_top") - 20
    stack = booted.control.read(seen.frame + 12, 8)
    assert int.from_bytes(stack[:4], "little") == booted.label("user_stack_top")
    assert int.from_bytes(stack[4:], "little") == USER_DS
    after = booted.control.registers()
    assert {name: after[name] for name in given} == given
    assert in_service(booted) == (0, 0)


def test_several_pending_are_all_delivered_before_user_code_goes_on(booted: Booted) -> None:
    mask_interrupts(booted)
    arrive(booted, 5, 3, 4)
    iret_to_user(booted)
    in_user_mode(booted)
    assert delivered(booted) == vectors(3, 4, 5)
    assert {entry.cs for entry in booted.log()} == {USER_CS}


def test_an_interrupt_in_user_mode_is_delivered_on_the_kernels_stack(booted: Booted) -> None:
    top = esp0(booted)
    mask_interrupts(booted)
    iret_to_user(booted)
    for _ in range(3):
        booted.clear_log()
        booted.machine.injector.raise_irq(5)
        for _ in range(2):
            booted.finish(booted.label("user_code"))
        in_user_mode(booted)
        [seen] = booted.log()
        assert (seen.vector, seen.cs, seen.mask) == (0x25, USER_CS, 0)
        assert seen.frame == top - 20
        assert seen.eip in (booted.label("user_code"), booted.label("user_code") + 1)
        release(booted, 5)
    assert in_service(booted) == (0, 0)


def test_a_system_call_of_user_mode_enters_masked_and_returns_enabled(booted: Booted) -> None:
    top = esp0(booted)
    mask_interrupts(booted)
    at = code(booted)
    booted.control.write(at, b"\xcd\x80\xeb\xfe")  # int $0x80; jmp .
    _, *rest = user_frame(booted)
    booted.prepare_at(booted.rom.stub("IRET"), (at, *rest))
    booted.finish(at + 2)
    [seen] = booted.log()
    assert (seen.vector, seen.eip, seen.cs, seen.frame) == (0x80, at + 2, USER_CS, top - 20)
    assert (seen.mask, seen.eflags & IF) == (0, IF)
    assert booted.control.registers()["eflags"] & IF


# User code with IOPL 3 has the real IF for its own.

CLI, STI, NOP, SPIN = b"\xfa", b"\xfb", b"\x90", b"\xeb\xfe"
INTO_THE_KERNEL = {
    "INT 80": (0x80, b"\xcd\x80"),
    "invalid opcode": (6, b"\x0f\x0b"),
    "general protection": (13, b"\xf4"),
}


def to_user_code(booted: Booted, machine_code: bytes, eflags: int = RESET | IF | IOPL3) -> int:
    """Stand at an IRET to these bytes in user mode, and answer where they are."""
    at = code(booted)
    booted.control.write(at, machine_code)
    _, cs, eflags, *rest = user_frame(booted, eflags)
    booted.prepare_at(booted.rom.stub("IRET"), (at, cs, eflags, *rest))
    return at


def raise_line(booted: Booted, line: int) -> None:
    booted.machine.injector.lower_irq(line)
    booted.machine.injector.raise_irq(line)


@pytest.mark.parametrize("way", INTO_THE_KERNEL)
def test_what_user_code_has_cleared_survives_the_kernel_and_ends_with_its_own_sti(
    booted: Booted, way: str
) -> None:
    vector, instruction = INTO_THE_KERNEL[way]
    mask_interrupts(booted)
    booted.set_word("skip_fault", len(instruction))
    at = to_user_code(booted, CLI + instruction + NOP + NOP + STI + NOP + SPIN)
    back = at + 1 + len(instruction)
    booted.finish(back)
    [seen] = booted.log()
    assert (seen.vector, seen.cs, seen.eflags & IF, seen.mask) == (vector, USER_CS, 0, 0)
    assert booted.real_if() is False
    raise_line(booted, 5)
    booted.finish(back + 2)
    assert delivered(booted) == [vector]
    for _ in range(2):
        booted.finish(back + 4)
    _, seen = booted.log()
    assert (seen.vector, seen.cs, seen.eflags & IF) == (0x25, USER_CS, IF)
    assert seen.eip in (back + 3, back + 4)
    assert booted.real_if() is True
    assert in_service(booted) == (0, 0)


@pytest.mark.parametrize("way", INTO_THE_KERNEL)
def test_what_comes_while_user_code_has_it_off_waits_through_the_kernel(
    booted: Booted, way: str
) -> None:
    vector, instruction = INTO_THE_KERNEL[way]
    mask_interrupts(booted)
    booted.set_word("skip_fault", len(instruction))
    at = to_user_code(booted, CLI + NOP + instruction + STI + NOP + SPIN)
    back = at + 2 + len(instruction)
    booted.finish(at + 1)
    raise_line(booted, 5)
    booted.finish(back)
    assert delivered(booted) == [vector]
    for _ in range(2):
        booted.finish(back + 2)
    assert delivered(booted) == [vector, 0x25]
    assert in_service(booted) == (0, 0)


def test_an_iret_to_user_code_that_has_it_off_leaves_it_off(booted: Booted) -> None:
    mask_interrupts(booted)
    at = to_user_code(booted, NOP + NOP + STI + NOP + SPIN, RESET | IOPL3)
    booted.finish(at)
    assert booted.real_if() is False
    raise_line(booted, 5)
    booted.finish(at + 2)
    assert delivered(booted) == []
    for _ in range(2):
        booted.finish(at + 4)
    assert delivered(booted) == vectors(5)
    assert booted.real_if() is True


def test_nothing_recorded_is_held_back_by_what_user_code_has_cleared(bare: Booted) -> None:
    # The 8259 has it in service: if it waited for an STI, so would all lines below it.
    mask_interrupts(bare)
    arrive(bare, 5, 3)
    at = to_user_code(bare, SPIN, RESET | IOPL3)
    bare.finish(at)
    assert delivered(bare) == vectors(3, 5)
    assert {(seen.cs, seen.eip) for seen in bare.log()} == {(USER_CS, at)}
    assert bare.real_if() is False
    assert (bare.recorded(), in_service(bare)) == ([], (0, 0))


# --- SYSEXIT -----------------------------------------------------------------------------------


def test_sysexit_goes_to_user_mode_and_enables(booted: Booted) -> None:
    mask_interrupts(booted)
    sysexit(booted, **REGISTERS)
    in_user_mode(booted)
    after = booted.control.registers()
    assert {name: after[name] for name in REGISTERS} == REGISTERS
    assert booted.word("entered") == 0
    booted.machine.injector.raise_irq(5)
    for _ in range(2):
        booted.finish(booted.label("user_code"))
    assert [(entry.vector, entry.cs) for entry in booted.log()] == [(0x25, USER_CS)]


@pytest.mark.parametrize("above", [0, -8, -24, -LOWER_STACK])
def test_what_is_pending_is_delivered_at_the_sysexit(booted: Booted, above: int) -> None:
    # A kernel is somewhere below ESP0 when it executes SYSEXIT; the frame is to be at ESP0.
    top = esp0(booted)
    mask_interrupts(booted)
    arrive(booted, 5, 3)
    sysexit(booted, esp=top + above, **REGISTERS)
    in_user_mode(booted)
    assert delivered(booted) == vectors(3, 5)
    for seen in booted.log():
        assert (seen.eip, seen.cs, seen.mask) == (booted.label("user_code"), USER_CS, 0)
        assert seen.eflags & IF
        assert seen.frame == top - 20
    after = booted.control.registers()
    assert {name: after[name] for name in REGISTERS} == REGISTERS
    assert in_service(booted) == (0, 0)


def test_sysexit_leaves_nothing_recorded(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, 5)
    sysexit(bare)
    assert (bare.recorded(), bare.field("pending")) == ([], virtual_cpu.LEFT)
    assert (bare.field("virtual_if"), bare.field("real_if"), bare.real_if()) == (IF, IF, True)


@pytest.mark.parametrize("pending", [False, True], ids=["idle", "pending"])
def test_sysenter_after_sysexit_comes_back_and_goes_again(booted: Booted, pending: bool) -> None:
    mask_interrupts(booted)
    user, kernel = code(booted) + 0x80, code(booted) + 0x40
    booted.control.write(kernel, b"\x90\xeb\xfe")  # nop; jmp .
    booted.control.write(user, b"\x0f\x34")  # sysenter
    execute(
        booted,
        write_msr(SYSENTER_CS, 0x08)
        + write_msr(SYSENTER_ESP, booted.label("kernel_stack_top"))
        + write_msr(SYSENTER_EIP, kernel),
    )
    for _ in range(3):
        booted.prepare_at(booted.rom.stub("SYSEXIT"), edx=user, ecx=booted.label("user_stack_top"))
        booted.finish(kernel)
        assert booted.machine.monitor.processor().cpl == 0
        booted.clear_log()
        booted.call("DisableInterrupts")
        if pending:
            arrive(booted, 5)
            assert booted.word("entered") == 0
        sysexit(booted)
        in_user_mode(booted)
        # SYSENTER left the real IF off, so line 5 was not even accepted: it comes in user mode.
        for _ in range(2):
            booted.finish(booted.label("user_code"))
        assert delivered(booted) == (vectors(5) if pending else [])
        release(booted, 5)
        booted.control.set_registers(cs=0x08, ss=KERNEL_DS, ds=KERNEL_DS, es=KERNEL_DS)
