"""What waits below a handler that runs: how it is known, and what it makes of the real IF."""

from collections.abc import Callable

import pytest

from harness.booted import IF, Booted
from harness.machine.snapshot import Snapshot
from rom.wedge import virtual_cpu
from tests.interrupts.steps import (
    KERNEL_CS,
    READ_IRR,
    READ_ISR,
    RESET,
    USER_CS,
    arrive,
    boundaries,
    code,
    delivered,
    execute,
    in_service,
    kernel_frame,
    mask_interrupts,
    release,
    user_frame,
    vectors,
)
from tests.interrupts.test_gates import DPL_3, TRAP_TYPE, gate, write_gate
from tests.interrupts.test_user_mode import write_msr

CF, DF, RF, VM = 0x1, 0x400, 0x10000, 0x20000
NMI = 2
SYSENTER_CS = 0x174
NO_LINE = 0x40
"""A vector that comes by no line of the 8259s."""

V86_FRAME = (0, 0x800, RESET | IF | VM, 0x100, 0x900, 0, 0, 0, 0)
INB, LOAD = (b"\xe4\xa0", b"\xe4\x20"), b"\xb0\xff"  # inb $0xa0, %al; inb $0x20, %al; movb $-1, %al


def in_a_handler(bare: Booted, low: int = 5) -> int:
    """Stand in the handler of 3, which has enabled, with a lower one that waits; answers ESP."""
    mask_interrupts(bare)
    bare.set_word("enable_before", 0x23)
    arrive(bare, low, 3)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("handler_eoi"))
    assert bare.recorded() == vectors(low)
    return bare.control.registers()["esp"] - 64


def in_a_handler_above_one_that_is_over(bare: Booted, high: int = 1) -> int:
    """The same in a higher one's, over 5 and over 3, which was over before that was delivered."""
    esp = in_a_handler(bare)
    bare.call("DisableInterrupts", esp=esp)
    bare.machine.injector.outb(0x20, 0x63)  # the EOI of 3
    arrive(bare, high)
    bare.set_word("enable_before", *vectors(high))
    bare.prepare("EnableInterrupts", esp=esp)
    bare.finish(bare.label("handler_eoi"))
    assert (delivered(bare), bare.recorded()) == (vectors(3, high), vectors(5))
    return bare.control.registers()["esp"] - 64


def trap_gate(bare: Booted, vector: int) -> None:
    """Give a vector a trap gate, which leaves the real IF as it is to be for guest code."""
    low, high = gate(bare, vector)
    write_gate(bare, vector, low, high & ~DPL_3 | TRAP_TYPE)


def automatic_eoi(bare: Booted) -> None:
    for port, value in ((0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 3), (0x21, 0)):
        bare.machine.injector.outb(port, value)


def holds_back(bare: Booted, esp: int, vector: int) -> Callable[[], bool]:
    """Whether enabling in a handler that is at ESP does not deliver a vector."""
    place = code(bare) + 0x80
    bare.control.write(place, b"\x90\xeb\xfd")  # nop; jmp

    def enable() -> bool:
        bare.prepare_at(bare.rom.stub("EnableInterrupts"), (place,), esp=esp)
        return bare.control.run_to(place, bare.label(f"entry_{vector:02x}")) == place

    return enable


# --- flags and frames --------------------------------------------------------------------------


def test_a_handler_finds_the_flags_of_what_it_interrupts_but_for_those_a_gate_clears(
    bare: Booted,
) -> None:
    mask_interrupts(bare)
    arrive(bare, 5)
    bare.prepare("EnableInterrupts", eflags=RESET | IF | DF)
    assert bare.finish(bare.label("entry_25"))["eflags"] & DF


def test_a_halt_that_delivers_nothing_keeps_the_direction_flag(bare: Booted) -> None:
    esp = in_a_handler(bare)
    bare.prepare("Halt", esp=esp, eflags=RESET | IF | DF)
    assert bare.finish(bare.rom.symbol("halt_sleep"))["eflags"] & (DF | IF) == DF


def test_an_iret_to_a_masked_kernel_that_resumes_after_a_breakpoint_is_none_to_user_mode(
    bare: Booted,
) -> None:
    mask_interrupts(bare)
    bare.prepare_at(bare.rom.stub("IRET"), kernel_frame(bare, RESET | RF))
    bare.finish()
    assert (bare.field("virtual_if"), bare.field("pending")) == (0, 0)


@pytest.mark.parametrize("mode", ["kernel", "user", "virtual-8086"])
def test_an_iret_over_what_waits_notes_whether_it_leaves_the_kernel(
    bare: Booted, mode: str
) -> None:
    esp = in_a_handler(bare)
    bare.control.write(0x8000, b"\xeb\xfe")
    frames = {
        "kernel": kernel_frame(bare, RESET | IF | RF),
        "user": user_frame(bare),
        "virtual-8086": V86_FRAME,
    }
    bare.prepare_at(bare.rom.stub("IRET"), frames[mode], esp=esp)
    bare.finish(bare.label("returned"), bare.label("user_code"), 0x8000)
    left = 0 if mode == "kernel" else virtual_cpu.LEFT
    assert bare.field("pending") & virtual_cpu.LEFT == left
    assert (bare.recorded(), bare.real_if()) == (vectors(5), True)


# --- what the 8259s are asked ------------------------------------------------------------------


def test_a_delivery_with_nothing_else_that_waits_leaves_what_the_8259_answers(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, 5)
    bare.machine.injector.outb(0x20, READ_ISR)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("entry_25"))
    assert bare.machine.injector.inb(0x20) == 0x20
    bare.machine.injector.outb(0x20, READ_IRR)


def test_enabling_with_nothing_that_waits_leaves_what_the_8259_answers(bare: Booted) -> None:
    mask_interrupts(bare)
    bare.machine.injector.nmi()
    bare.settle()
    assert bare.field("pending") == virtual_cpu.HELD
    bare.machine.injector.outb(0x21, 0xFF)
    bare.machine.injector.raise_irq(5)
    bare.machine.injector.outb(0x20, READ_ISR)
    bare.call("EnableInterrupts")
    assert bare.machine.injector.inb(0x20) == 0


@pytest.mark.parametrize("line", [10, 12])
def test_a_handler_of_the_slaves_is_over_with_the_eoi_there_not_with_the_masters(
    bare: Booted, line: int
) -> None:
    mask_interrupts(bare)
    execute(bare, bytes((0xCD, NO_LINE)))
    assert bare.recorded() == [NO_LINE]
    bare.machine.injector.raise_irq(line)
    bare.prepare("EnableInterrupts")
    held = holds_back(bare, bare.finish(bare.label(f"entry_{0x20 + line:02x}"))["esp"], NO_LINE)
    assert held()
    bare.machine.injector.outb(0x20, 0x20)
    assert held(), "the master's EOI counted"
    release(bare, line)
    bare.machine.injector.outb(0xA0, 0x20)
    assert not held(), "the slave's EOI did not count"
    assert in_service(bare) == (0, 0)


@pytest.mark.parametrize("line", [10, 12])
def test_a_handler_of_the_slaves_is_over_although_the_master_waits_for_its_eoi(
    bare: Booted, line: int
) -> None:
    mask_interrupts(bare)
    execute(bare, bytes((0xCD, NO_LINE)))
    bare.machine.injector.raise_irq(line)
    bare.prepare("EnableInterrupts")
    held = holds_back(bare, bare.finish(bare.label(f"entry_{0x20 + line:02x}"))["esp"], NO_LINE)
    assert held()
    release(bare, line)
    bare.machine.injector.outb(0xA0, 0x20)
    assert not held()


def test_without_8259s_nothing_is_held_back(bare: Booted) -> None:
    # What reads a port of theirs gets what a bus with nothing on it gives.
    begin = bare.rom.symbol("in_service")
    found = bare.control.read(begin, bare.rom.symbol("line_of") - begin)
    for instruction in INB:
        assert found.count(instruction) == 1
        bare.control.write(begin + found.index(instruction), LOAD)
    trap_gate(bare, 0x23)
    mask_interrupts(bare)
    arrive(bare, 5, 3)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label("entry_23"))
    assert (bare.field("real_if"), bare.recorded()) == (0, vectors(5))
    bare.finish()
    assert delivered(bare) == vectors(3, 5)


# --- the real IF of a handler ------------------------------------------------------------------


def test_with_automatic_eoi_the_handler_of_a_trap_gate_has_the_real_if_off_over_what_waits(
    bare: Booted,
) -> None:
    automatic_eoi(bare)
    trap_gate(bare, 0x27)
    mask_interrupts(bare)
    arrive(bare, 5, 7)
    bare.prepare("EnableInterrupts")
    flags = bare.finish(bare.label("entry_27"))["eflags"]
    assert (flags & (IF | CF), bare.field("virtual_if"), bare.field("real_if")) == (0, IF, 0)
    assert bare.recorded() == vectors(5)


@pytest.mark.parametrize("start", [in_a_handler, in_a_handler_above_one_that_is_over])
def test_int_n_by_a_trap_gate_in_a_handler_that_holds_back_leaves_the_real_if_on(
    bare: Booted, start: Callable[[Booted], int]
) -> None:
    trap_gate(bare, NO_LINE)
    esp = start(bare)
    bare.control.write(code(bare), bytes((0xCD, NO_LINE)))
    bare.prepare_at(code(bare), esp=esp)
    flags = bare.finish(bare.label(f"entry_{NO_LINE:02x}"))["eflags"]
    assert (flags & IF, bare.field("real_if")) == (IF, IF)


def test_an_nmi_while_an_arrival_is_noted_leaves_the_real_if_of_its_handler_on(
    bare: Booted,
) -> None:
    trap_gate(bare, 0x20)
    esp = in_a_handler_above_one_that_is_over(bare)
    place = code(bare) + 0x80
    bare.control.write(place, b"\x90\xeb\xfd")
    bare.prepare_at(place, esp=esp)
    in_handler = Snapshot(bare.machine, "in-handler", [bare.control])
    in_handler.save()

    def prepare() -> None:
        in_handler.restore()
        bare.machine.injector.lower_irq(0)
        bare.machine.injector.raise_irq(0)
        bare.finish(bare.rom.symbol("drop_done"))

    for where in boundaries(bare, prepare, bare.label("entry_20")):
        bare.machine.injector.nmi()
        bare.finish(bare.label("handler_logged"))
        bare.finish(bare.label("entry_20"), place)
        if "entry_20" not in where:
            assert (bare.real_if(), bare.field("real_if")) == (True, IF), where


def test_a_line_that_comes_again_is_noted_once(bare: Booted) -> None:
    in_a_handler(bare)
    release(bare, 3)
    bare.finish(bare.label("eoi_master"))
    bare.machine.injector.raise_irq(3)
    bare.finish(bare.label("handler_logged"))
    assert delivered(bare) == vectors(3, 3)
    assert bare.field("pending") & virtual_cpu.ARRIVALS == 2


def test_a_vector_with_the_low_bits_of_what_waits_is_not_taken_for_it(bare: Booted) -> None:
    esp = in_a_handler(bare, 7)
    execute(bare, bytes((0xCD, NO_LINE)), esp=esp)
    assert bare.field("pending") & virtual_cpu.ARRIVALS == 2


# --- SYSEXIT -----------------------------------------------------------------------------------


def sysexit_in_a_handler(bare: Booted) -> None:
    """Be in the open part of SYSEXIT with 5 held back, in the handler of an NMI that came there."""
    esp = in_a_handler(bare)
    execute(bare, write_msr(SYSENTER_CS, KERNEL_CS), esp=esp)
    stack = bare.label("user_stack_top")
    user = bare.label("user_code")
    bare.prepare_at(bare.rom.stub("SYSEXIT"), edx=user, ecx=stack, esp=esp)
    bare.finish(bare.rom.symbol("current_tss"))
    bare.machine.injector.nmi()
    bare.finish(bare.label("handler_logged"))


def test_what_comes_while_sysexit_looks_for_the_stack_comes_over_user_code(bare: Booted) -> None:
    sysexit_in_a_handler(bare)
    bare.machine.injector.raise_irq(1)
    bare.finish(bare.label("user_code"), bare.label("entry_21"))
    bare.finish(bare.label("handler_logged"))
    seen = bare.log()[-1]
    assert (seen.vector, seen.eip, seen.cs) == (0x21, bare.label("user_code"), USER_CS)


def test_sysexit_builds_its_frame_with_the_real_if_off(bare: Booted) -> None:
    sysexit_in_a_handler(bare)
    bare.finish(bare.rom.symbol("sysexit_esp0"))
    assert bare.real_if() is False
