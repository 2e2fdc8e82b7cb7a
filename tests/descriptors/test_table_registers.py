"""SetGDT, SetIDT, SetLDT, SetTR, and what the Get calls and the processor say afterwards."""

import struct

import pytest

from harness.booted import Booted
from harness.machine.control import read_u32
from harness.machine.processor import Table
from tests.descriptors.tables import (
    BUSY_TSS,
    CLOBBERED,
    FAR_DS,
    FREE,
    KERNEL_CS,
    KERNEL_DS,
    LAST,
    LDT,
    LOCAL_DS,
    SPARE,
    TSS,
    entry,
    processor,
    register,
    segment,
    set_table,
    write_entry,
)

POISON = 0x5A5A0000


def copy_gdt(booted: Booted, **changed: int) -> None:
    """Copy the guest's GDT to FREE; `changed` replaces descriptors, as `at_38=...`."""
    gdt = booted.label("gdt")
    table = bytearray(booted.control.read(gdt, booted.label("gdt_end") - gdt))
    for name, value in changed.items():
        struct.pack_into("<Q", table, int(name.removeprefix("at_"), 16), value)
    booted.control.write(FREE, bytes(table))


def asked(booted: Booted, call: str) -> bytes:
    """The six bytes that GetGDT or GetIDT stores, and the poison that stands behind them."""
    buffer = FREE + 0x9000
    booted.control.write(buffer, b"\xa5" * 8)
    booted.call(call, eax=buffer)
    stored = booted.control.read(buffer, 8)
    assert stored[6:] == b"\xa5\xa5"
    return stored[:6]


def test_set_gdt_loads_the_gdtr_and_get_gdt_gives_it_back(booted: Booted) -> None:
    copy_gdt(booted)
    set_table(booted, "SetGDT", 0x4F, FREE)
    assert processor(booted).gdt == Table(FREE, 0x4F)
    assert asked(booted, "GetGDT") == register(0x4F, FREE)


def test_set_gdt_loads_all_six_segment_registers_from_the_new_table(booted: Booted) -> None:
    code, data = segment(0, 0x9A, 0x7FFFF), segment(0, 0x92, 0x6FFFF)
    copy_gdt(booted, at_08=code, at_10=data, at_38=segment(0x1234000, 0x92))
    booted.control.set_registers(fs=FAR_DS, gs=FAR_DS)
    before = processor(booted)
    set_table(booted, "SetGDT", 0x4F, FREE)
    after = processor(booted)
    assert (before.fs.base, before.gs.base) == (0x30000000, 0x30000000)
    assert (after.fs.base, after.gs.base) == (0x1234000, 0x1234000)
    assert (after.cs.selector, after.cs.limit) == (KERNEL_CS, 0x7FFFFFFF)
    for reloaded in (after.ss, after.ds, after.es):
        assert (reloaded.selector, reloaded.limit) == (KERNEL_DS, 0x6FFFFFFF)


def test_set_gdt_leaves_a_null_selector_null(booted: Booted) -> None:
    copy_gdt(booted)
    booted.control.set_registers(fs=0, gs=0)
    set_table(booted, "SetGDT", 0x4F, FREE)
    state = processor(booted)
    assert (state.fs.selector, state.gs.selector) == (0, 0)


def test_get_idt_gives_back_what_set_idt_was_given(booted: Booted) -> None:
    set_table(booted, "SetIDT", 0x17F, booted.label("idt"))
    assert asked(booted, "GetIDT") == register(0x17F, booted.label("idt"))


def test_the_processors_idtr_is_the_guests_or_points_at_the_shadow(booted: Booted) -> None:
    copied = FREE + 0x1000
    booted.control.write(copied, booted.control.read(booted.label("idt"), 0x800))
    set_table(booted, "SetIDT", 0x17F, copied)
    state = processor(booted)
    if booted.rom.rom.manifest["backend"] == "bare":
        assert state.idt == Table(booted.rom.symbol("shadow_idt"), 0x7FF)
    else:
        assert state.idt == Table(copied, 0x17F)


def test_at_ready_the_processor_holds_what_the_guest_set(booted: Booted) -> None:
    state = processor(booted)
    gdt = booted.label("gdt")
    assert state.gdt == Table(gdt, booted.label("gdt_end") - gdt - 1)
    assert (state.tr.selector, state.tr.base) == (TSS, booted.label("tss"))
    assert state.ldt.selector == 0
    assert asked(booted, "GetGDT") == register(state.gdt.limit, gdt)
    assert asked(booted, "GetIDT") == register(0x7FF, booted.label("idt"))


def test_the_virtual_cpu_keeps_the_six_bytes_and_the_selectors(bare: Booted) -> None:
    copy_gdt(bare)
    set_table(bare, "SetGDT", 0x4F, FREE)
    set_table(bare, "SetIDT", 0x7FF, bare.label("idt"))
    bare.call("SetLDT", eax=LDT)
    bare.call("SetTR", eax=TSS)
    kept = {name: bare.field(name) for name in ("gdt_limit", "gdt_base", "idt_limit", "idt_base")}
    assert kept == {
        "gdt_limit": 0x4F,
        "gdt_base": FREE,
        "idt_limit": 0x7FF,
        "idt_base": bare.label("idt"),
    }
    assert (bare.field("ldt"), bare.field("tr")) == (LDT, TSS)


def test_get_ldt_answers_the_selector_of_set_ldt_and_nothing_else(booted: Booted) -> None:
    for selector, base in ((LDT, booted.label("ldt")), (0, None)):
        booted.call("SetLDT", eax=selector)
        assert booted.call("GetLDT", eax=0xFFFFFFFF)["eax"] == selector
        ldtr = processor(booted).ldt
        assert ldtr.selector == selector
        assert base is None or (ldtr.base, ldtr.limit) == (base, 0x1F)


def test_set_ldt_loads_a_segment_register_of_the_ldt_anew(booted: Booted) -> None:
    booted.call("SetLDT", eax=LDT)
    booted.control.set_registers(gs=LOCAL_DS)
    assert processor(booted).gs.base == 0
    write_entry(booted, "WriteLDTEntry", booted.label("ldt"), 1, segment(0x2345000, 0x92))
    booted.call("SetLDT", eax=LDT)
    assert (processor(booted).gs.selector, processor(booted).gs.base) == (LOCAL_DS, 0x2345000)


def test_set_tr_with_the_same_selector_twice_is_fine(booted: Booted) -> None:
    for _ in range(2):
        booted.call("SetTR", eax=TSS)
        assert booted.call("GetTR", eax=0xFFFFFFFF)["eax"] == TSS
    assert processor(booted).tr.base == booted.label("tss")
    assert entry(booted, booted.label("gdt"), TSS // 8) >> 32 & 0xFF00 == BUSY_TSS


def test_set_tr_goes_to_another_tss_and_back(booted: Booted) -> None:
    other = segment(FREE + 0x2000, 0x89, 0x67) & ~(0x00C0 << 48)
    write_entry(booted, "WriteGDTEntry", booted.label("gdt"), SPARE // 8, other)
    booted.call("SetTR", eax=SPARE)
    assert booted.call("GetTR")["eax"] == SPARE
    assert processor(booted).tr.base == FREE + 0x2000
    booted.call("SetTR", eax=TSS)
    assert processor(booted).tr.base == booted.label("tss")


@pytest.mark.parametrize("esp0", [0x00123450, 0xC0FFEE00])
def test_update_kernel_stack_by_selector_lands_in_the_tss(booted: Booted, esp0: int) -> None:
    tss = booted.label("tss")
    booted.control.write(tss + 4, b"\xa5" * 8)
    booted.call("UpdateKernelStack", eax=KERNEL_DS, edx=esp0)
    assert read_u32(booted.control, tss + 4) == esp0
    assert read_u32(booted.control, tss + 8) == KERNEL_DS
    assert read_u32(booted.control, tss) == 0
    assert read_u32(booted.control, tss + 12) == 0


def test_update_kernel_stack_by_address_lands_in_that_tss(booted: Booted) -> None:
    tss = FREE + 0x3000
    booted.control.write(tss, b"\xa5" * 16)
    booted.call("UpdateKernelStack", eax=tss, edx=0x00123450)
    assert booted.control.read(tss, 16) == (
        b"\xa5" * 4 + (0x00123450).to_bytes(4, "little") + b"\xa5" * 8
    )
    before = booted.label("kernel_stack_top")
    assert read_u32(booted.control, booted.label("tss") + 4) == before


def calls(booted: Booted) -> dict[str, tuple[tuple[int, ...], dict[str, int]]]:
    """Each descriptor call with arguments that make sense: its stack and its registers."""
    label, free = booted.label, FREE + 0x8000
    booted.control.write(free, register(0x4F, label("gdt")))
    booted.control.write(free + 8, register(0x7FF, label("idt")))
    idle = {"eax": POISON + 1, "edx": POISON + 2, "ecx": POISON + 3}
    spare = {"edx": LAST // 8, "ecx": 0x0000FFFF}
    return {
        "SetGDT": ((), {**idle, "eax": free}),
        "GetGDT": ((), {**idle, "eax": free + 16}),
        "SetIDT": ((), {**idle, "eax": free + 8}),
        "GetIDT": ((), {**idle, "eax": free + 16}),
        "SetLDT": ((), {**idle, "eax": LDT}),
        "GetLDT": ((), idle),
        "SetTR": ((), {**idle, "eax": TSS}),
        "GetTR": ((), idle),
        "WriteGDTEntry": ((0x00CF9200,), {**spare, "eax": label("gdt")}),
        "WriteLDTEntry": ((0x00CF9200,), {"eax": label("ldt"), "edx": 3, "ecx": 0xFFFF}),
        "WriteIDTEntry": ((0x00108E00,), {"eax": label("idt"), "edx": 255, "ecx": 0x81400}),
        "UpdateKernelStack": ((), {**idle, "eax": KERNEL_DS, "edx": 0x00123450}),
    }


CALLS = (
    *("SetGDT", "GetGDT", "SetIDT", "GetIDT", "SetLDT", "GetLDT", "SetTR", "GetTR"),
    *("WriteGDTEntry", "WriteLDTEntry", "WriteIDTEntry", "UpdateKernelStack"),
)


@pytest.mark.parametrize("call", CALLS)
def test_a_descriptor_call_preserves_what_the_standard_convention_says(
    booted: Booted, call: str
) -> None:
    stack, arguments = calls(booted)[call]
    kept = {"ebx": POISON + 4, "esi": POISON + 5, "edi": POISON + 6, "ebp": POISON + 7}
    booted.prepare(call, stack, fs=FAR_DS, gs=0, **kept, **arguments)
    before = booted.control.registers()
    after = booted.finish()
    expected = {name: value for name, value in before.items() if name not in CLOBBERED}
    expected["esp"] += 4
    assert {name: after[name] for name in expected} == expected
    assert after["eflags"] & 0x400 == 0, "the direction flag is set"
    assert booted.call("GetInterruptMask")["eax"] == 0


@pytest.mark.parametrize("call", CALLS)
def test_a_descriptor_call_leaves_the_virtual_if_on(booted: Booted, call: str) -> None:
    stack, arguments = calls(booted)[call]
    booted.call("EnableInterrupts")
    booted.call(call, stack, **arguments)
    assert booted.real_if()
    assert booted.call("GetInterruptMask")["eax"] == 0x200


@pytest.mark.parametrize("call", CALLS)
def test_a_recorded_interrupt_stays_recorded_over_a_descriptor_call(
    bare: Booted, call: str
) -> None:
    stack, arguments = calls(bare)[call]
    bare.clear_log()
    bare.call("DisableInterrupts")
    bare.machine.injector.raise_irq(5)
    bare.settle()
    bare.machine.injector.lower_irq(5)
    bare.call(call, stack, **arguments)
    assert (bare.recorded(), bare.real_if(), bare.word("entered")) == ([0x25], False, 0)
    bare.call("EnableInterrupts")
    assert [seen.vector for seen in bare.log()] == [0x25]
    assert bare.real_if()
