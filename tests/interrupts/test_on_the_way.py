"""Where an exception or NMI came: on the way of another, in the ROM, or where user code has an EIP
of the ROM's."""

from collections.abc import Callable

import pytest

from harness.booted import IF, Booted
from rom.wedge import virtual_cpu
from tests.interrupts.steps import (
    FAR_DS,
    KERNEL_CS,
    KERNEL_DS,
    RESET,
    USER_CS,
    arrive,
    boundaries,
    code,
    delivered,
    enable,
    kernel_frame,
    mask_interrupts,
    release,
    user_frame,
    vectors,
)
from tests.interrupts.test_gates import TRAP_TYPE, gate, write_gate
from tests.interrupts.test_past_defects_modes import (
    IOPL3,
    TF,
    aside,
    assert_open,
    stack_changed,
    sysexit,
    write_gdt,
)
from tests.interrupts.test_past_defects_nmi_user import break_here
from tests.interrupts.test_sysenter import enter

DEBUG, NMI, BREAKPOINT, INVALID = 1, 2, 3, 6
UD2 = b"\x0f\x0b"
ZERO_FLAG, DIRECTION = 0x40, 0x400
OPEN = {"ds": KERNEL_DS, "es": KERNEL_DS, "fs": 0, "gs": 0}


# --- an NMI on the way of another ---------------------------------------------------------------


def line(bare: Booted) -> str:
    release(bare, 5)
    enable(bare)
    bare.machine.injector.raise_irq(5)
    return "25"


def fault_in_user_mode(bare: Booted) -> str:
    """With IF clear."""
    bare.set_word("skip_fault", 2)
    at = code(bare)
    bare.control.write(at, b"\xfa" + UD2)
    _, cs, _, *rest = user_frame(bare)
    bare.prepare_at(bare.rom.stub("IRET"), (at, cs, RESET | IF | IOPL3, *rest))
    return "06"


def fault_after_sysenter(bare: Booted) -> str:
    bare.set_word("skip_fault", 2)
    kernel = enter(bare)
    bare.control.step()
    bare.control.write(kernel, UD2)
    bare.control.set_registers(eip=kernel)
    return "06"


def step_in_closed_code(bare: Booted) -> str:
    enable(bare)
    write_gdt(bare, 8)
    bare.finish(bare.rom.symbol("write_entry"))
    bare.control.set_registers(eflags=RESET | IF | TF)
    return "01"


@pytest.mark.parametrize(
    ("start", "first", "last"),
    [
        (line, "enter", "enter_trap_gate"),
        (fault_in_user_mode, "exception_user", "exception_open"),
        (fault_after_sysenter, "note_sysenter", "exception_open"),
        (step_in_closed_code, "exception_not_leaving", "exception_image"),
    ],
    ids=["a line", "a fault in user mode", "a fault after SYSENTER", "a step in closed code"],
)
def test_an_nmis_handler_that_enables_before_another_counts_leaves_that_ones_enabling_whole(
    bare: Booted, start: Callable[[Booted], str], first: str, last: str
) -> None:
    at_kernel = bare.control.registers()
    vector = ""

    def prepare() -> None:
        nonlocal vector
        bare.control.set_registers(
            **{**at_kernel, "cs": KERNEL_CS, "ss": KERNEL_DS, "eflags": RESET | IF, **OPEN}
        )
        bare.machine.injector.outb(0x20, 0x20)
        mask_interrupts(bare)
        vector = start(bare)
        bare.finish(bare.rom.symbol(first))
        bare.clear_log()

    unserved = []
    for where in boundaries(bare, prepare, bare.rom.symbol(last)):
        counts = bare.field("pending") & virtual_cpu.HELD and bare.field("real_if") == 0
        bare.machine.injector.nmi()
        here = bare.finish(bare.label("handler_logged"))
        aside(bare, "EnableInterrupts")
        if not bare.real_if():
            unserved.append(where)
        bare.control.set_registers(**here)
        bare.finish(bare.label("handler_logged"))
        assert delivered(bare) == [NMI, int(vector, 16)], where
        if not counts:
            aside(bare, "EnableInterrupts")
            assert bare.real_if(), where
    assert len(unserved) <= 1, "between two stores it finds nothing to do, and nowhere else"


def test_an_nmi_whose_handler_enables_loses_nothing_that_is_being_recorded(bare: Booted) -> None:
    lines = bare.rom.block + bare.rom.rom.manifest["virtual_cpu"]["arrival_line"]["offset"]

    def prepare() -> None:
        release(bare, 5)
        bare.call("EnableInterrupts", eflags=RESET | IF)
        mask_interrupts(bare)
        bare.control.write(lines, bytes(virtual_cpu.MOST_ARRIVALS))  # as before the first one
        bare.machine.injector.raise_irq(5)
        bare.finish(bare.rom.symbol("vector_25"))

    for where in boundaries(bare, prepare, bare.label("returned")):
        bare.machine.injector.nmi()
        here = bare.finish(bare.label("handler_logged"))
        aside(bare, "EnableInterrupts")
        bare.control.set_registers(**here)
        bare.finish()
        enable(bare)
        assert sorted(delivered(bare)) == [NMI, *vectors(5)], where


def test_a_breakpoint_in_an_nmis_handler_over_closed_code_finds_the_real_if_off(
    bare: Booted,
) -> None:
    enable(bare)
    bare.clear_log()
    write_gdt(bare, 8)
    bare.finish(bare.rom.symbol("write_entry"))
    bare.control.step()
    bare.machine.injector.nmi()
    bare.finish(bare.label("handler_logged"))
    assert bare.field("real_if") == 0
    break_here(bare)
    assert bare.real_if() is False
    bare.finish(bare.label("handler_logged"))  # back in the NMI's, by the jump behind it
    assert (delivered(bare), bare.real_if()) == ([NMI, BREAKPOINT], False)
    bare.finish()
    assert_open(bare)


def test_a_breakpoint_in_an_nmis_handler_behind_a_trap_gate_shows_interrupts_enabled(
    bare: Booted,
) -> None:
    # The NMI came in closed code, with the mark of a change of stacks set: not that of a SYSENTER.
    low, high = gate(bare, NMI)
    write_gate(bare, NMI, low, high | TRAP_TYPE)
    enable(bare)
    stack_changed(bare)
    bare.clear_log()
    write_gdt(bare, 8)
    bare.finish(bare.rom.symbol("write_entry"))
    bare.control.step()
    bare.machine.injector.nmi()
    bare.finish(bare.label("handler_logged"))
    break_here(bare)
    assert [(seen.vector, seen.eflags & IF) for seen in bare.log()] == [(NMI, IF), (BREAKPOINT, IF)]


def test_an_exception_whose_gate_is_taken_away_on_its_way_shuts_down(bare: Booted) -> None:
    mask_interrupts(bare)
    bare.control.write(code(bare), b"\xcc")
    bare.prepare_at(code(bare))
    bare.finish(bare.rom.symbol("vector_03"))
    bare.machine.injector.nmi()
    here = bare.finish(bare.label("handler_logged"))
    given = {"eax": bare.label("idt"), "edx": BREAKPOINT, "ecx": 0, "esp": here["esp"] - 0x80}
    bare.call("WriteIDTEntry", (0,), **given)
    bare.control.set_registers(**here)
    ends = (bare.rom.symbol("triple_fault"), bare.rom.symbol("exception_with_error"))
    assert bare.control.run_to(*ends) == ends[0]


# --- in the ROM ---------------------------------------------------------------------------------


def test_an_nmi_in_an_iret_to_the_kernel_leaves_the_flags_that_it_looks_at(bare: Booted) -> None:
    # With the mark of a change of stacks set, which the handler does not find.
    def prepare() -> None:
        enable(bare)
        stack_changed(bare)
        bare.clear_log()
        bare.prepare_at(bare.rom.stub("IRET"), kernel_frame(bare))

    for where in boundaries(bare, prepare, bare.label("returned")):
        bare.machine.injector.nmi()
        bare.finish()
        assert delivered(bare) == [NMI], where
        assert_open(bare, where)


def test_an_nmi_in_closed_code_makes_no_mark_of_user_mode(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, 5)
    write_gdt(bare, 8)
    bare.finish(bare.rom.symbol("write_entry"))
    bare.machine.injector.nmi()
    bare.finish()
    assert (delivered(bare), bare.field("pending")) == ([NMI], 1)


def test_sysexit_goes_on_with_any_ds_after_an_nmi_at_its_end(bare: Booted) -> None:
    mask_interrupts(bare)
    sysexit(bare)
    bare.control.set_registers(ds=FAR_DS, es=FAR_DS)
    bare.finish(bare.rom.symbol("sysexit_last"))
    bare.machine.injector.nmi()
    bare.finish(bare.rom.symbol("current_tss"))
    assert (delivered(bare), bare.field("virtual_if")) == ([NMI], 0)


# --- user mode ----------------------------------------------------------------------------------


def test_user_code_where_halt_sleeps_is_not_moved_on_by_an_nmi(bare: Booted) -> None:
    mask_interrupts(bare)
    place = bare.rom.symbol("halt_sleep")
    _, *rest = user_frame(bare, RESET | IF | ZERO_FLAG)
    bare.prepare_at(bare.rom.stub("IRET"), (place, *rest))
    bare.finish(place)
    bare.machine.injector.nmi()
    bare.finish(bare.label("handler_logged"))
    [seen] = bare.log()
    assert (seen.vector, seen.cs, seen.eip) == (NMI, USER_CS, place)


@pytest.mark.parametrize("lower", [0, 0x200])
def test_a_trap_gate_leaves_user_codes_if_wherever_its_stack_is(bare: Booted, lower: int) -> None:
    low, high = gate(bare, 0x25)
    write_gate(bare, 0x25, low, high | TRAP_TYPE)
    mask_interrupts(bare)
    eip, cs, eflags, esp, ss = user_frame(bare)
    bare.prepare_at(bare.rom.stub("IRET"), (eip, cs, eflags, esp - lower, ss))
    bare.finish(eip)
    bare.machine.injector.raise_irq(5)
    bare.finish(bare.label("handler_logged"))
    [seen] = bare.log()
    assert (seen.vector, seen.cs, seen.mask, seen.eflags & IF) == (0x25, USER_CS, IF, IF)


@pytest.mark.parametrize("eflags", [RESET | IF | IOPL3, RESET | IOPL3], ids=["set", "clear"])
def test_a_trap_gate_for_a_fault_in_user_mode_leaves_the_if_and_nothing_else(
    booted: Booted, eflags: int
) -> None:
    low, high = gate(booted, INVALID)
    write_gate(booted, INVALID, low, high | TRAP_TYPE)
    mask_interrupts(booted)
    booted.control.write(code(booted), UD2)
    _, cs, _, *rest = user_frame(booted)
    booted.prepare_at(booted.rom.stub("IRET"), (code(booted), cs, eflags, *rest))
    booted.finish(booted.label("handler_logged"))
    [seen] = booted.log()
    assert (seen.vector, seen.mask, seen.eflags & IF) == (INVALID, eflags & IF, eflags & IF)


def user_code(bare: Booted) -> int:
    bare.prepare_at(bare.rom.stub("IRET"), user_frame(bare))
    bare.finish(bare.label("user_code"))
    return bare.label("user_code")


def changed_stacks(bare: Booted) -> int:
    enable(bare)
    stack_changed(bare)
    return bare.label("returned")


@pytest.mark.parametrize("start", [user_code, changed_stacks])
def test_no_8259_is_asked_where_nothing_waits(bare: Booted, start: Callable[[Booted], int]) -> None:
    mask_interrupts(bare)
    start(bare)
    assert bare.field("pending") == virtual_cpu.LEFT
    bare.machine.injector.raise_irq(5)
    ends = (bare.label("entry_25"), bare.rom.symbol("in_service"))
    assert bare.control.run_to(*ends) == ends[0]


def test_what_comes_over_user_code_is_held_to_its_own_eoi(bare: Booted) -> None:
    # The kernel went there from the handler of 1, before its EOI, with 5 recorded.
    mask_interrupts(bare)
    arrive(bare, 5, 1)
    bare.prepare("EnableInterrupts")
    here = bare.finish(bare.label("entry_21"))
    bare.prepare_at(bare.rom.stub("IRET"), user_frame(bare), esp=here["esp"])
    bare.finish(bare.label("user_code"))
    bare.machine.injector.lower_irq(0)
    bare.machine.injector.raise_irq(0)
    here = bare.finish(bare.label("entry_20"))
    bare.machine.injector.outb(0x20, 0x61)  # specific EOI, of 1

    def enabled() -> int:
        stack, esp = (bare.label("returned"),), here["esp"] - 0x80
        bare.prepare_at(bare.rom.stub("EnableInterrupts"), stack, esp=esp)
        return bare.control.run_to(bare.label("returned"), bare.label("entry_25"))

    assert enabled() == bare.label("returned"), "it comes while 0 is in service"
    bare.machine.injector.outb(0x20, 0x60)
    bare.call("DisableInterrupts", esp=here["esp"] - 0x80)
    assert enabled() == bare.label("entry_25")


# --- the handler's flags ------------------------------------------------------------------------


def test_a_handler_has_the_iopl_and_the_direction_of_what_it_interrupts(booted: Booted) -> None:
    booted.call("SetIOPLMask", eax=IOPL3)
    booted.control.write(code(booted), b"\xfd\xcc")  # std; int3
    booted.prepare_at(code(booted), (booted.label("returned"),))
    there = booted.finish(booted.label("entry_03"))
    assert there["eflags"] & (IOPL3 | DIRECTION) == IOPL3 | DIRECTION


def test_a_handler_is_not_single_stepped_with_the_call_that_delivers_to_it(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, 5)
    bare.prepare_at(bare.rom.stub("IRET"), kernel_frame(bare), eflags=RESET | TF)
    there = bare.finish(bare.label("entry_25"))
    assert there["eflags"] & TF == 0
    assert DEBUG in delivered(bare)
