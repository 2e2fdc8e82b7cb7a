"""Defects that were found by reading the wedge: user mode, virtual-8086 mode, several processors.

Each comment says what once went wrong.
"""

from collections.abc import Callable

import pytest

from harness.booted import IF, Booted
from harness.machine.control import read_u32, write_u32
from rom.wedge import virtual_cpu
from tests.interrupts.steps import (
    KERNEL_CS,
    KERNEL_DS,
    RESET,
    arrive,
    arrive_at,
    boundaries,
    delivered,
    enable,
    execute,
    in_service,
    mask,
    mask_interrupts,
    release,
    user_frame,
    vectors,
)
from tests.interrupts.test_past_defects_nmi_user import break_here

SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP = 0x174, 0x175, 0x176
SYSENTER = b"\x0f\x34"
TF, IOPL3, VM = 0x100, 0x3000, 0x20000
DEBUG, NMI = 1, 2
NO_INDEX = 9000
"""More than a descriptor table has."""

V86_SEGMENT = 0x0800
"""CS of code in virtual-8086 mode whose low bits look like those of a kernel's."""


def set_sysenter(booted: Booted) -> None:
    """Have SYSENTER come to `returned`."""
    for msr, value in (
        (SYSENTER_CS, KERNEL_CS),
        (SYSENTER_ESP, booted.label("kernel_stack_top") - 0x200),
        (SYSENTER_EIP, booted.label("returned")),
    ):
        booted.call("WRMSR", ecx=msr, eax=value, edx=0)


def in_kernel(booted: Booted) -> None:
    """Give DS and ES back what a kernel has there."""
    booted.control.set_registers(ds=KERNEL_DS, es=KERNEL_DS, fs=0, gs=0)


def enter_v86(booted: Booted, machine_code: bytes, eflags: int = RESET | IF) -> None:
    """Stand in virtual-8086 mode with IOPL 3 before this code."""
    booted.control.write(V86_SEGMENT * 16, machine_code)
    mask_interrupts(booted)
    frame = (0, V86_SEGMENT, eflags | VM | IOPL3, 0x100, 0x900, 0, 0, 0, 0)
    booted.prepare_at(booted.rom.stub("IRET"), frame)
    booted.control.run_to(V86_SEGMENT * 16)


def assert_open(bare: Booted, where: str = "") -> None:
    """Enabled, with the real IF on, nothing that waits, and the lines let in."""
    assert (bare.field("virtual_if"), bare.field("real_if"), bare.real_if()) == (IF, IF, True), (
        where
    )
    assert bare.field("pending") & virtual_cpu.ARRIVALS == 0, where
    assert in_service(bare) == (0, 0), where


# --- virtual-8086 mode -------------------------------------------------------------------------


def test_sysenter_from_virtual_8086_mode_is_noticed(bare: Booted) -> None:
    # With the low bits of CS clear this was no user mode: the real IF stayed off, enabled or not.
    set_sysenter(bare)
    enter_v86(bare, SYSENTER)
    assert bare.control.step() == bare.label("returned")
    in_kernel(bare)
    enable(bare)
    assert_open(bare)


def test_sysenter_from_virtual_8086_mode_after_a_delivery_is_noticed(bare: Booted) -> None:
    set_sysenter(bare)
    mask_interrupts(bare)
    arrive(bare, 5)
    enter_v86(bare, SYSENTER)
    assert delivered(bare) == [0x25]
    assert bare.field("pending") == virtual_cpu.LEFT
    release(bare, 5)
    bare.control.step()
    in_kernel(bare)
    enable(bare)
    assert_open(bare)


@pytest.mark.parametrize(
    "eflags", [RESET | IF, RESET], ids=["cleared there", "clear from the first"]
)
def test_virtual_8086_code_keeps_its_if_through_a_fault(booted: Booted, eflags: int) -> None:
    # The fault's image carried the virtual IF, which such code does not change.
    booted.set_word("skip_fault", 2)
    enter_v86(booted, b"\xfa\x0f\x0b\xeb\xfe", eflags)  # cli; ud2; jmp .
    booted.clear_log()
    booted.control.run_to(V86_SEGMENT * 16 + 3)
    [seen] = booted.log()
    assert (seen.vector, seen.cs, seen.eflags & IF) == (6, V86_SEGMENT, 0)
    assert booted.real_if() is False


def test_an_sti_of_virtual_8086_code_lets_interrupts_in(booted: Booted) -> None:
    # They were recorded, as those of a kernel that has masked them.
    enter_v86(booted, b"\xfb\xeb\xfe", RESET)  # sti; jmp .
    booted.control.run_to(V86_SEGMENT * 16 + 1)
    booted.clear_log()
    arrive_at(booted, 5, V86_SEGMENT * 16 + 1)
    assert (delivered(booted), in_service(booted)) == (vectors(5), (0, 0))


# --- on the way to user mode -------------------------------------------------------------------


def iret_idle(bare: Booted) -> None:
    bare.prepare_at(bare.rom.stub("IRET"), user_frame(bare))


def iret_after_arrival(bare: Booted) -> None:
    arrive(bare, 5)
    iret_idle(bare)
    bare.finish(bare.label("handler_leave"))
    release(bare, 5)
    bare.clear_log()
    bare.set_word("depth", 1)  # the handler that is still running


def sysexit(bare: Booted) -> None:
    bare.prepare_at(
        bare.rom.stub("SYSEXIT"),
        edx=bare.label("user_code"),
        ecx=bare.label("user_stack_top"),
        eflags=RESET,
    )


@pytest.mark.parametrize("leave", [iret_idle, iret_after_arrival, sysexit])
def test_a_breakpoint_in_an_nmis_handler_leaves_the_mark_of_user_mode(
    bare: Booted, leave: Callable[[Booted], None]
) -> None:
    # At the last instructions before user mode, the breakpoint was taken for one after SYSENTER and
    # took the mark away. SYSENTER then cleared the real IF, and no enabling set it again.
    set_sysenter(bare)
    at_kernel = bare.control.registers()

    def prepare() -> None:
        bare.control.set_registers(**at_kernel)
        mask_interrupts(bare)
        leave(bare)

    user = bare.label("user_code")
    for where in boundaries(bare, prepare, user):
        bare.machine.injector.nmi()
        bare.finish(bare.label("handler_logged"))
        break_here(bare)
        bare.finish(user)
        assert bare.field("pending") == virtual_cpu.LEFT, where
        assert (bare.field("virtual_if"), bare.field("real_if")) == (IF, IF), where
        assert bare.real_if(), where
        assert bare.word("depth") == 0, where


def test_a_debug_exception_between_sti_and_sysexit_comes_once(bare: Booted) -> None:
    # SYSEXIT was started again, and came to it again, without end: so did a single step's on a
    # processor that traps after STI.
    set_sysenter(bare)
    mask_interrupts(bare)
    last = bare.rom.symbol("sysexit_last")
    bare.call("SetDR", eax=0, edx=last)
    bare.call("SetDR", eax=7, edx=0x402)  # breakpoint 0, at an instruction
    sysexit(bare)
    bare.control.set_registers(eax=0xA1A2A3A4, ebx=0xB1B2B3B4)
    after = bare.finish(bare.label("user_code"), timeout=5)
    assert (after["esp"], after["ebx"]) == (bare.label("user_stack_top"), 0xB1B2B3B4)
    assert after["eax"] == 0xA1A2A3A4
    assert delivered(bare) == [DEBUG]
    assert (bare.field("pending"), bare.real_if()) == (virtual_cpu.LEFT, True)


def test_nothing_is_left_behind_by_an_nmi_while_sysexit_builds_a_frame(bare: Booted) -> None:
    # The NMI's IRET went back to open code and turned the real IF on: what arrived while the frame
    # was looked through was recorded, and user code began with it waiting.
    set_sysenter(bare)
    mask_interrupts(bare)
    arrive(bare, 5)
    sysexit(bare)
    bare.finish(bare.rom.symbol("current_tss"))
    bare.machine.injector.nmi()
    bare.finish(bare.rom.symbol("sysexit_frame"))
    bare.finish(bare.rom.symbol("settle_again"))
    for _ in range(3):
        bare.control.step()
    bare.machine.injector.raise_irq(4)
    bare.finish(bare.label("user_code"))
    assert sorted(delivered(bare)) == [NMI, *vectors(4), *vectors(5)]
    assert_open(bare)


# --- from user mode ----------------------------------------------------------------------------


def test_int_n_after_sysenter_shows_the_handler_a_masked_guest(bare: Booted) -> None:
    # Its image had IF set, and its IRET enabled.
    set_sysenter(bare)
    mask_interrupts(bare)
    bare.control.write(bare.label("user_code"), SYSENTER)
    bare.prepare_at(bare.rom.stub("IRET"), user_frame(bare))
    bare.finish(bare.label("user_code"))
    assert bare.control.step() == bare.label("returned")
    in_kernel(bare)
    bare.clear_log()
    execute(bare, b"\xcd\x40")
    [seen] = bare.log()
    assert (seen.vector, seen.mask, seen.eflags & IF) == (0x40, 0, 0)
    assert (mask(bare), bare.real_if()) == (0, False)
    enable(bare)
    assert_open(bare)


def stack_changed(bare: Booted) -> None:
    """Enabled, with the mark that user mode and UpdateKernelStack leave."""
    bare.call("UpdateKernelStack", eax=KERNEL_DS, edx=bare.label("kernel_stack_top"))


def write_gdt(bare: Booted, index: int) -> None:
    bare.prepare("WriteGDTEntry", (0x00CF9200,), eax=bare.label("gdt"), edx=index, ecx=0xFFFF)


# --- calls that end in closed code -------------------------------------------------------------


def test_an_nmi_where_a_call_turns_the_real_if_on_leaves_the_guest_enabled(bare: Booted) -> None:
    # With that mark set it was taken for one after SYSENTER: the guest went on masked.
    def prepare() -> None:
        enable(bare)
        stack_changed(bare)
        bare.clear_log()
        write_gdt(bare, 8)

    for where in boundaries(bare, prepare, bare.label("returned")):
        bare.machine.injector.nmi()
        bare.finish()
        bare.settle()
        assert delivered(bare) == [NMI], where
        assert_open(bare, where)


@pytest.mark.parametrize("nmi", [False, True], ids=["line", "nmi"])
def test_an_interrupt_in_a_write_past_the_table_leaves_the_real_if_on(
    bare: Booted, nmi: bool
) -> None:
    # It came where closed code begins, which goes on with the real IF off, and returned so.
    def prepare() -> None:
        release(bare, 5)
        enable(bare)
        bare.clear_log()
        write_gdt(bare, NO_INDEX)

    for where in boundaries(bare, prepare, bare.label("returned")):
        if nmi:
            bare.machine.injector.nmi()
        else:
            bare.machine.injector.raise_irq(5)
        bare.finish()
        bare.settle()
        assert delivered(bare) == ([NMI] if nmi else vectors(5)), where
        assert_open(bare, where)


def aside(bare: Booted, call: str) -> None:
    """Make a call below what the stack holds; the guest stays at `returned`."""
    bare.call(call, esp=bare.control.registers()["esp"] - 0x80)


def test_what_an_exceptions_handler_leaves_recorded_is_delivered_when_the_call_returns(
    bare: Booted,
) -> None:
    # An NMI after that was taken for a sign that the handler had not enabled: it came late.
    enable(bare)
    bare.clear_log()
    write_gdt(bare, 8)
    bare.finish(bare.rom.symbol("write_entry"))
    bare.control.set_registers(eflags=RESET | IF | TF)
    bare.finish(bare.label("handler_logged"))
    [seen] = bare.log()
    assert seen.vector == DEBUG
    assert seen.eip in range(bare.rom.symbol("closed_start"), bare.rom.symbol("closed_end"))
    write_u32(bare.control, seen.frame + 8, read_u32(bare.control, seen.frame + 8) & ~TF)
    here = bare.control.registers()
    aside(bare, "EnableInterrupts")
    aside(bare, "DisableInterrupts")
    arrive(bare, 5)
    assert bare.recorded() == vectors(5)
    bare.machine.injector.nmi()
    bare.settle()
    here["eflags"] = bare.control.registers()["eflags"]
    bare.control.set_registers(**here)
    bare.finish()
    assert delivered(bare) == [DEBUG, NMI, *vectors(5)]
    assert_open(bare)


# --- more than one processor -------------------------------------------------------------------


@pytest.mark.not_on(machine="isapc", reason="it has one processor")
@pytest.mark.parametrize("nmi", [False, True], ids=["line", "nmi"])
@pytest.mark.parametrize("call", ["GetLDT", "GetTR", "SetLDT", "UpdateKernelStack"])
def test_an_interrupt_in_a_stub_for_several_processors_leaves_the_real_if_on(
    bare_of_two: Booted, call: str, nmi: bool
) -> None:
    # The stub was closed code, and went on with the real IF off in code that does not set it. After
    # an NMI not even enabling did.
    bare = bare_of_two

    def prepare() -> None:
        release(bare, 5)
        enable(bare)
        bare.clear_log()
        bare.prepare(call, eax=0, edx=bare.label("kernel_stack_top"))

    for where in boundaries(bare, prepare, bare.label("returned")):
        if nmi:
            bare.machine.injector.nmi()
        else:
            bare.machine.injector.raise_irq(5)
        bare.finish()
        bare.settle()
        assert delivered(bare) == ([NMI] if nmi else vectors(5)), where
        assert_open(bare, where)
