"""NMIs in closed code: it goes on as it was, with the marks and the real IF that it had."""

from collections.abc import Callable

import pytest

from harness.booted import IF, Booted
from harness.machine.control import read_u32, write_u32
from tests.interrupts.steps import (
    RESET,
    arrive,
    boundaries,
    code,
    delivered,
    enable,
    kernel_frame,
    mask_interrupts,
    release,
    vectors,
)
from tests.interrupts.test_enabling_in_nmis import LOOP, in_handler
from tests.interrupts.test_past_defects_modes import aside, write_gdt
from tests.interrupts.test_sysenter import enter
from tests.interrupts.test_waiting import trap_gate

TF = 0x100
DEBUG = 1


def iret(bare: Booted) -> None:
    bare.prepare_at(bare.rom.stub("IRET"), kernel_frame(bare))


def write(bare: Booted) -> None:
    write_gdt(bare, 8)


def nmi(bare: Booted, *ends: int) -> None:
    """Let an NMI come here, and go on to one of the ends by its handler's IRET."""
    bare.machine.injector.nmi()
    bare.finish(bare.label("handler_logged"))
    bare.finish(*ends)


@pytest.mark.parametrize("call", [iret, write])
def test_an_nmi_in_a_call_of_an_enabled_guest_leaves_no_mark(
    bare: Booted, call: Callable[[Booted], None]
) -> None:
    def prepare() -> None:
        enable(bare)
        call(bare)

    for where in boundaries(bare, prepare, bare.label("returned")):
        if where.startswith("at the end"):
            continue
        inside = not bare.real_if()
        nmi(bare)
        assert (bare.field("real_if"), bare.real_if()) == (IF, True), where
        if inside:
            assert bare.field("pending") == 0, where


def test_an_nmi_in_a_call_after_sysenter_leaves_the_mark_of_it(bare: Booted) -> None:
    at_kernel = bare.control.registers()

    def prepare() -> None:
        bare.control.set_registers(**at_kernel)
        kernel = enter(bare)
        assert bare.control.step() == kernel
        data = {name: at_kernel[name] for name in ("ds", "es")}
        bare.control.set_registers(**data)
        bare.call("DisableInterrupts")
        write_gdt(bare, 8)

    for where in boundaries(bare, prepare, bare.label("returned")):
        nmi(bare)
        assert bare.real_if() is False, where
        enable(bare)
        assert (bare.field("real_if"), bare.real_if()) == (IF, True), where


def test_an_nmi_in_a_call_of_a_handler_leaves_the_real_if_held(bare: Booted) -> None:
    table = bare.label("gdt")

    def prepare() -> None:
        release(bare, 5)
        enable(bare)
        mask_interrupts(bare)
        in_handler(bare, "WriteGDTEntry", (bare.label("returned"), 0x00CF9200))
        bare.control.set_registers(eax=table, edx=8, ecx=0xFFFF)

    for where in boundaries(bare, prepare, bare.label("returned")):
        nmi(bare)
        assert (bare.real_if(), bare.field("real_if")) == (False, 0), where
        enable(bare)
        assert (bare.real_if(), bare.field("real_if")) == (True, IF), where


def test_what_a_handler_leaves_recorded_keeps_the_real_if_off_in_a_masked_guest(
    bare: Booted,
) -> None:
    mask_interrupts(bare)
    write_gdt(bare, 8)
    bare.finish(bare.rom.symbol("write_entry"))
    bare.control.set_registers(eflags=RESET | IF | TF)
    bare.finish(bare.label("handler_logged"))
    [seen] = bare.log()
    assert seen.vector == DEBUG
    write_u32(bare.control, seen.frame + 8, read_u32(bare.control, seen.frame + 8) & ~TF)
    here = bare.control.registers()
    aside(bare, "EnableInterrupts")
    aside(bare, "DisableInterrupts")
    arrive(bare, 5)
    assert bare.recorded() == vectors(5)
    here["eflags"] = bare.control.registers()["eflags"]
    bare.control.set_registers(**here)
    bare.finish()
    assert (bare.recorded(), bare.field("real_if"), bare.real_if()) == (vectors(5), 0, False)


def test_an_nmi_in_a_delivery_leaves_the_real_if_of_a_trap_gates_handler_on(bare: Booted) -> None:
    trap_gate(bare, 0x25)
    at_kernel = bare.control.registers()

    def prepare() -> None:
        bare.control.set_registers(**at_kernel)
        release(bare, 5, 7)
        enable(bare)
        mask_interrupts(bare)
        arrive(bare, 7, 5)
        bare.prepare("EnableInterrupts")
        bare.finish(bare.rom.symbol("drop_done"))

    for where in boundaries(bare, prepare, bare.label("entry_25")):
        if not where.startswith("at the end"):
            nmi(bare, bare.label("entry_25"))
        assert (bare.real_if(), bare.field("real_if")) == (True, IF), where
        bare.finish()
        assert delivered(bare)[-2:] == vectors(5, 7), where


def test_an_nmi_behind_the_window_of_a_delivery_does_not_open_it_again(bare: Booted) -> None:
    mask_interrupts(bare)
    arrive(bare, 5)
    bare.prepare("EnableInterrupts")
    end = bare.rom.symbol("settle_window_end")
    bare.finish(end)
    nmi(bare, end)
    assert bare.real_if() is False


def test_an_nmi_where_an_arrival_begins_does_not_open_it(bare: Booted) -> None:
    enable(bare)
    bare.machine.injector.raise_irq(5)
    begin = bare.rom.symbol("external")
    bare.finish(begin)
    nmi(bare, begin)
    assert bare.real_if() is False


def an_nmis_handler_can_enable(bare: Booted, call: str, end: int, leave_out: str = "?") -> None:
    """Whatever instruction of a call, made by a handler, that NMI comes before; `leave_out`: not
    where a place begins so.
    """
    place = code(bare) + 0x80
    bare.control.write(place, LOOP)

    def prepare() -> None:
        release(bare, 5)
        enable(bare)
        mask_interrupts(bare)
        in_handler(bare, call, (bare.label("returned"),))

    for where in boundaries(bare, prepare, end):
        if where.startswith(leave_out):
            bare.finish()
            continue
        bare.machine.injector.nmi()
        esp = bare.finish(bare.label("handler_logged"))["esp"]
        bare.prepare_at(bare.rom.stub("EnableInterrupts"), (place,), esp=esp)
        bare.finish(place)
        assert (bare.real_if(), bare.field("virtual_if")) == (True, IF), where


def test_the_handler_of_an_nmi_in_a_halt_of_a_handler_can_enable(bare: Booted) -> None:
    an_nmis_handler_can_enable(bare, "Halt", bare.rom.symbol("halt_sleep") + 1)


def test_the_handler_of_an_nmi_can_enable_until_enabling_looks_at_what_waits(bare: Booted) -> None:
    end = bare.rom.symbol("settle_again")
    an_nmis_handler_can_enable(bare, "EnableInterrupts", end, leave_out="at the end")
