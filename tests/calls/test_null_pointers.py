"""Pointers to what is not mapped: a fault in the stub, before anything changed; it can go on."""

from dataclasses import dataclass

import pytest

from harness.booted import Booted
from harness.machine.processor import Table
from tests.calls.faults import (
    UNMAPPED,
    in_rom,
    mend,
    return_from_fault,
    rom_state,
    run_to_fault,
    unmap,
)
from tests.descriptors.tables import FREE, entry, register, segment

PF = 14
READ, WRITE = 0, 2
"""Error codes of a page fault by the kernel on a page that is not present."""

PORT = 0x80


@dataclass(frozen=True)
class Pointer:
    """A call with the pointer in a register; the bytes there before and after."""

    call: str
    place: str
    error: int
    before: bytes
    after: bytes
    stack: tuple[int, ...] = ()
    others: tuple[tuple[str, int], ...] = ()


def entries(call: str) -> Pointer:
    """Write*Entry with index 1 of a table that is not mapped."""
    after = bytes(8) + (0x00CF9200_0000FFFF).to_bytes(8, "little")
    return Pointer(
        call, "eax", WRITE, bytes(16), after, (0x00CF9200,), (("edx", 1), ("ecx", 0xFFFF))
    )


def cases(booted: Booted) -> dict[str, Pointer]:
    """Each call that takes a pointer, by name."""
    gdt, idt = register(0x4F, booted.label("gdt")), register(0x7FF, booted.label("idt"))
    entry32 = (0x12345067).to_bytes(4, "little")
    entry64 = (0x80000001_12345067).to_bytes(8, "little")
    count = (("edx", PORT), ("ecx", 4))
    found = (
        Pointer("SetGDT", "eax", READ, gdt, gdt),
        Pointer("SetIDT", "eax", READ, idt, idt),
        Pointer("GetGDT", "eax", WRITE, bytes(6), gdt),
        Pointer("GetIDT", "eax", WRITE, bytes(6), idt),
        *(entries(f"Write{table}Entry") for table in ("GDT", "LDT", "IDT")),
        Pointer("SetPxE", "edx", WRITE, bytes(4), entry32, (), (("eax", 0x12345067),)),
        Pointer(
            "SetPxELong",
            *("ecx", READ, bytes(8), entry64, (0,)),
            (("eax", 0x12345067), ("edx", 0x80000001)),
        ),
        Pointer("INSB", "edi", WRITE, bytes(4), b"\xff" * 4, (), count),
        Pointer("OUTSB", "esi", READ, b"wxyz", b"wxyz", (), count),
    )
    return {case.call: case for case in found}


CALLS = (
    *("SetGDT", "SetIDT", "GetGDT", "GetIDT", "WriteGDTEntry", "WriteLDTEntry", "WriteIDTEntry"),
    *("SetPxE", "SetPxELong", "INSB", "OUTSB"),
)


@pytest.mark.parametrize("address", [0, UNMAPPED], ids=["null", "unmapped"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("enabled", [False, True], ids=["masked", "enabled"])
def test_a_pointer_to_what_is_not_mapped_faults_before_anything_changed(
    paged: Booted, call: str, address: int, enabled: bool
) -> None:
    case = cases(paged)[call]
    paged.control.write(address, case.before)
    unmap(paged, address)
    if enabled:
        paged.call("EnableInterrupts")
    before = rom_state(paged)
    kept = {"ebx": 0x5A5A0001, "ebp": 0x5A5A0002}
    paged.prepare(call, case.stack, **{**kept, **dict(case.others), case.place: address})
    fault = run_to_fault(paged, PF)
    assert (fault.error, fault.cr2 & 0xFFFFF000) == (case.error, address)
    assert in_rom(paged, fault.eip)
    assert rom_state(paged) == before

    mend(paged, address)
    after = return_from_fault(paged)
    assert {name: after[name] for name in kept} == kept
    assert paged.control.read(address, len(case.after)) == case.after
    assert rom_state(paged) == before  # the tables named are those in use
    assert paged.virtual_if() is enabled
    assert paged.call("GetInterruptMask")["eax"] == (0x200 if enabled else 0)
    if enabled:
        assert paged.real_if()


def test_a_tss_that_is_not_mapped_faults_and_gets_its_stack_once_it_is(paged: Booted) -> None:
    unmap(paged, UNMAPPED)
    paged.prepare("UpdateKernelStack", eax=UNMAPPED, edx=0x12345678)
    fault = run_to_fault(paged, PF)
    assert (fault.error, fault.cr2) == (WRITE, UNMAPPED + 4)
    mend(paged, UNMAPPED)
    return_from_fault(paged)
    assert entry(paged, UNMAPPED, 0) >> 32 == 0x12345678


@pytest.mark.parametrize(
    ("base", "limit", "address"),
    [
        (UNMAPPED, 0x7FF, UNMAPPED),
        (UNMAPPED - 0x400, 0x7FF, UNMAPPED + 0x3FF),
        (UNMAPPED - 0x400, 0x407, UNMAPPED + 7),
        (UNMAPPED, 0xFFFF, UNMAPPED),
    ],
)
def test_an_idt_that_is_not_mapped_faults_where_it_is_read_before_anything_changed(
    paged: Booted, base: int, limit: int, address: int
) -> None:
    paged.control.write(base, paged.control.read(paged.label("idt"), 0x800))
    paged.control.write(FREE, register(limit, base))
    unmap(paged, UNMAPPED)
    if not paged.rom.rom.manifest["lazy"]:
        paged.call("SetIDT", eax=FREE)  # no shadow of the table is made, so it is not read
        assert paged.machine.monitor.processor().idt == Table(base, limit)
        return
    before = rom_state(paged)
    paged.prepare("SetIDT", eax=FREE)
    fault = run_to_fault(paged, PF)
    assert (fault.error, fault.cr2) == (READ, address)
    assert in_rom(paged, fault.eip)
    assert rom_state(paged) == before
    mend(paged, UNMAPPED)
    return_from_fault(paged)
    assert (paged.field("idt_base"), paged.field("idt_limit")) == (base, limit)


@pytest.mark.parametrize(("base", "limit"), [(0, 0), (UNMAPPED, 6), (UNMAPPED - 0x400, 0x406)])
def test_an_idt_is_not_read_past_its_last_whole_gate(paged: Booted, base: int, limit: int) -> None:
    paged.control.write(FREE, register(limit, base))
    unmap(paged, 0)
    unmap(paged, UNMAPPED)
    paged.call("SetIDT", eax=FREE)
    paged.call("GetIDT", eax=FREE + 8)
    assert paged.control.read(FREE + 8, 6) == register(limit, base)


def test_a_segment_that_the_new_gdt_does_not_have_faults_where_it_is_loaded(paged: Booted) -> None:
    table = bytearray(paged.control.read(paged.label("gdt"), 0x50))
    table[0x38:0x40] = bytes(8)
    paged.control.write(FREE, bytes(table))
    paged.control.write(FREE + 0x100, register(0x4F, FREE))
    paged.prepare("SetGDT", eax=FREE + 0x100, fs=0x38)
    fault = run_to_fault(paged, 13)
    assert (fault.error, in_rom(paged, fault.eip)) == (0x38, True)
    assert paged.machine.monitor.processor().gdt.base == FREE
    paged.control.write(FREE + 0x38, segment(0, 0x92).to_bytes(8, "little"))
    return_from_fault(paged)
    assert paged.machine.monitor.processor().fs.selector == 0x38
