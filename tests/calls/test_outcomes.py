"""Bad and unusual input: each outcome that a row defines is what happens."""

import pytest

from harness.booted import IF, Booted
from rom.interface import CALLS, Category, by_name
from tests.calls.faults import (
    UNMAPPED,
    fault_of,
    fault_of_call,
    in_rom,
    rom_state,
    run_to_fault,
    unmap,
)
from tests.descriptors.tables import FREE, LDT, SPARE, TSS, entry, segment, write_entry

GP = 13
IOPL = 0x3000

LAST_GDT_INDEX, LAST_VECTOR = 8191, 255


def block(booted: Booted) -> bytes:
    """The ROM's whole RAM block."""
    return booted.control.read(booted.rom.block, booted.rom.rom.manifest["block"]["size"])


# --- descriptors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "last"),
    [
        ("WriteGDTEntry", LAST_GDT_INDEX),
        ("WriteLDTEntry", LAST_GDT_INDEX),
        ("WriteIDTEntry", LAST_VECTOR),
    ],
)
def test_an_entry_is_stored_up_to_the_last_index_and_not_past_it(
    booted: Booted, call: str, last: int
) -> None:
    before = block(booted)
    value = 0x11223344_55667788
    write_entry(booted, call, FREE, last, value)
    assert entry(booted, FREE, last) == value
    for index in (last + 1, last + 2, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        around = FREE + 8 * index & 0xFFFFFFFF
        old = booted.control.read(around, 8)
        registers = write_entry(booted, call, FREE, index, value)
        assert booted.control.read(around, 8) == old, hex(index)
        assert registers["esp"] == booted.label("kernel_stack_top") - 4
    assert block(booted) == before


def test_an_index_past_the_table_in_use_is_stored_in_front_of_a_longer_table(
    booted: Booted,
) -> None:
    before = rom_state(booted)
    after_gdt = (booted.label("gdt_end") - booted.label("gdt")) // 8
    write_entry(booted, "WriteGDTEntry", booted.label("gdt"), after_gdt, segment(0, 0x92))
    assert entry(booted, booted.label("gdt"), after_gdt) == segment(0, 0x92)
    assert rom_state(booted) == before


@pytest.mark.parametrize(
    ("what", "selector"),
    [
        ("data", SPARE),
        ("an LDT", LDT),
        ("past the limit", 0x50),
        ("far past the limit", 0xFFF8),
        ("in the LDT", TSS | 4),
    ],
)
def test_set_tr_of_what_is_no_tss_faults_and_leaves_the_gdt(
    booted: Booted, what: str, selector: int
) -> None:
    # What is not in the table looks like a busy TSS, and is left alone all the same.
    gdt = booted.label("gdt")
    busy = segment(FREE, 0x8B, 0x67).to_bytes(8, "little")
    if selector & ~7 >= 0x50:
        booted.control.write(gdt + (selector & ~7), busy)
    write_entry(booted, "WriteGDTEntry", gdt, SPARE // 8, segment(0, 0x92))
    around = gdt + (selector & 0xFFF8)
    table = booted.control.read(gdt, 0x50) + booted.control.read(around, 8)
    before = rom_state(booted)
    booted.prepare("SetTR", eax=selector)
    fault = run_to_fault(booted, GP)
    assert (fault.error, in_rom(booted, fault.eip)) == (selector & 0xFFFC, True)
    assert booted.control.read(gdt, 0x50) + booted.control.read(around, 8) == table
    assert rom_state(booted) == before


@pytest.mark.parametrize("selector", [0, 3])
def test_set_tr_of_null_does_what_the_instruction_does(booted: Booted, selector: int) -> None:
    # LTR refuses it; TCG does not, and takes it for no TSS.
    table = booted.control.read(booted.label("gdt"), 0x50)
    booted.set_word("skip_fault", 3)
    expected = fault_of(booted, b"\x0f\x00\xd8", eax=selector)
    booted.call("SetTR", eax=TSS)
    assert fault_of_call(booted, "SetTR", eax=selector) == expected
    assert booted.control.read(booted.label("gdt"), 0x50) == table


@pytest.mark.parametrize("selector", [SPARE, 0x50, TSS])
def test_set_ldt_of_what_is_no_ldt_faults_and_keeps_the_ldt(booted: Booted, selector: int) -> None:
    booted.call("SetLDT", eax=LDT)
    booted.prepare("SetLDT", eax=selector)
    booted.finish(booted.label("entry_0d"))
    assert booted.machine.monitor.processor().ldt.selector == LDT
    assert booted.call("GetLDT")["eax"] == LDT


def test_update_kernel_stack_with_0_keeps_ss0(booted: Booted) -> None:
    tss = booted.label("tss")
    before = booted.control.read(tss + 8, 4)
    booted.call("UpdateKernelStack", eax=0, edx=0x12345678)
    assert booted.control.read(tss + 4, 8) == (0x12345678).to_bytes(4, "little") + before


# --- the processor: as the instruction does ----------------------------------------------------

INSTRUCTIONS = {
    "RDMSR": (b"\x0f\x32", {"ecx": 0x6E1}),
    "WRMSR": (b"\x0f\x30", {"ecx": 0x6E1, "eax": 1, "edx": 0}),
    "RDPMC": (b"\x0f\x33", {"ecx": 0x3FFFFFFF}),
}
"""Instructions of two bytes with input that some processor refuses."""


@pytest.mark.parametrize("call", INSTRUCTIONS)
def test_what_the_processor_refuses_faults_in_the_stub_as_in_the_guest(
    booted: Booted, call: str
) -> None:
    code, registers = INSTRUCTIONS[call]
    booted.set_word("skip_fault", 2)
    expected = fault_of(booted, code, **registers)
    assert fault_of_call(booted, call, (), **registers) == expected


def test_sysexit_with_no_selector_to_go_by_faults_in_the_stub(booted: Booted) -> None:
    booted.call("WRMSR", ecx=0x174, eax=0, edx=0)
    booted.call("EnableInterrupts")
    booted.prepare_at(booted.rom.stub("SYSEXIT"), edx=0x1000, ecx=0x1000)
    fault = run_to_fault(booted, GP)
    assert (fault.error, in_rom(booted, fault.eip)) == (0, True)


def test_bits_of_cr0_that_exclude_each_other_do_what_the_instruction_does(booted: Booted) -> None:
    booted.set_word("skip_fault", 3)  # the length of MOV to a control register
    before = booted.call("GetCR0")["eax"]
    value = before | 0x20000000  # NW without CD
    expected = fault_of(booted, b"\x0f\x22\xc0", eax=value), booted.call("GetCR0")["eax"]
    booted.call("SetCR0", eax=before)
    assert (fault_of_call(booted, "SetCR0", eax=value), booted.call("GetCR0")["eax"]) == expected


@pytest.mark.parametrize("number", [8, 9, 0x100, 0x80000000, 0xFFFFFFFF])
def test_a_debug_register_past_7_is_none(booted: Booted, number: int) -> None:
    before = booted.machine.monitor.hmp("info registers")
    before = before[before.index("DR0") : before.index("EFER")]
    booted.call("SetDR", eax=number, edx=0x12345678)
    assert before in booted.machine.monitor.hmp("info registers")
    assert booted.call("GetDR", eax=number)["eax"] == 0


@pytest.mark.parametrize("extensions", [0, 8], ids=["de-clear", "de-set"])
def test_debug_registers_4_and_5_are_6_and_7(booted: Booted, extensions: int) -> None:
    booted.clear_log()
    booted.call("SetCR4", eax=extensions)
    booted.call("SetDR", eax=4, edx=0xFFFF0FF1)
    booted.call("SetDR", eax=5, edx=0x00000500)
    for number in (4, 6):
        assert booted.call("GetDR", eax=number)["eax"] == 0xFFFF0FF1
    for number in (5, 7):
        assert booted.call("GetDR", eax=number)["eax"] == 0x00000500
    assert booted.log() == []


# --- pages -------------------------------------------------------------------------------------


def mappings(booted: Booted) -> list[tuple[int, int, int]]:
    """The four slots: linear address, pages, first page frame number."""
    data = booted.control.read(booted.rom.symbol("linear_mappings"), 48)
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, 48, 4)]
    return [(words[at], words[at + 1], words[at + 2]) for at in range(0, 12, 3)]


def test_set_linear_mapping_keeps_four_slots_and_no_more(booted: Booted) -> None:
    for slot in range(4):
        booted.call("SetLinearMapping", (slot + 9,), eax=slot, edx=slot << 12, ecx=slot + 1)
    expected = [(slot << 12, slot + 1, slot + 9) for slot in range(4)]
    assert mappings(booted) == expected
    before = block(booted)
    for slot in (4, 5, 0x10000000, 0x80000000, 0xFFFFFFFF):
        booted.call("SetLinearMapping", (1,), eax=slot, edx=0x12345000, ecx=1)
    assert block(booted) == before
    booted.call("SetLinearMapping", (0,), eax=2, edx=0, ecx=0)
    assert mappings(booted) == [*expected[:2], (0, 0, 0), expected[3]]


NOTHING = [
    ("UpdatePxE", {"eax": 0, "edx": 0xFFFFFFFF}, ()),
    ("UpdatePxELong", {"eax": 0, "edx": 0xFFFFFFFF}, ()),
    ("AllocatePage", {"eax": 0xFFFFFFFF, "edx": 0xFFFFFFFF, "ecx": 0xFFFFFFFF}, (1, 0xFFFFFFFF)),
    ("ReleasePage", {"eax": 0xFFFFFFFF, "edx": 0}, ()),
    ("InvalPage", {"eax": UNMAPPED}, ()),
    ("InvalPage", {"eax": 0xFFFFFFFF}, ()),
    *(("FlushTLB", {"eax": flags}, ()) for flags in (0, 2, 3, 0xFFFFFFFF)),
    *(("SetLazyMode", {"eax": mode}, ()) for mode in (3, 0xFFFFFFFF)),
    ("SetCallbacks", {"eax": 0, "edx": 0, "ecx": 0}, ()),
]


@pytest.mark.parametrize(("call", "registers", "stack"), NOTHING)
def test_input_that_makes_no_sense_changes_nothing(
    paged: Booted, call: str, registers: dict[str, int], stack: tuple[int, ...]
) -> None:
    unmap(paged, 0)
    unmap(paged, UNMAPPED)
    paged.clear_log()
    before, memory = rom_state(paged), block(paged)
    paged.call(call, stack, **registers)
    assert (paged.log(), rom_state(paged), block(paged)) == ([], before, memory)


@pytest.mark.parametrize("flags", [0, 1, 2, 3, 0xFFFFFFFC])
def test_flush_tlb_flushes_with_any_flags(paged: Booted, flags: int) -> None:
    paged.control.write(FREE, b"old!")
    read = bytes.fromhex("a1 00f07f00 c3")  # mov eax, [0x7ff000]; ret
    paged.control.write(FREE + 0x2000, read)
    paged.prepare_at(FREE + 0x2000, (paged.label("returned"),))
    paged.finish()
    table = paged.label("page_tables") + 4 * (UNMAPPED >> 12)
    paged.call("SetPxE", eax=FREE | 7, edx=table, ecx=0)
    paged.call("FlushTLB", eax=flags)
    paged.prepare_at(FREE + 0x2000, (paged.label("returned"),))
    assert paged.finish()["eax"] == int.from_bytes(b"old!", "little")


@pytest.mark.parametrize("value", [0, 1, 0x12345678, 0xFFFFFFFF])
def test_machine_is_physical_for_any_value(booted: Booted, value: int) -> None:
    for call in ("MachineToPhysical", "PhysicalToMachine"):
        assert booted.call(call, eax=value)["eax"] == value


# --- ports -------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [f"{way}S{width}" for way in ("IN", "OUT") for width in "LBW"])
def test_a_string_of_no_units_moves_nothing_and_touches_no_memory(paged: Booted, call: str) -> None:
    unmap(paged, 0)
    paged.clear_log()
    given = {"edx": 0xE9, "ecx": 0, "esi": 0, "edi": 0}
    said = paged.machine.debug_console()
    after = paged.call(call, (), **given)
    assert {name: after[name] for name in given} == given
    assert (paged.log(), paged.machine.debug_console()) == ([], said)


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("mask", [0xFFFFFFFF, 0xFFFFCFFF, 0x00001000, 0x00002202, 0x00020300])
def test_set_iopl_mask_changes_the_iopl_alone(booted: Booted, mask: int, enabled: bool) -> None:
    if enabled:
        booted.call("EnableInterrupts")
    eflags = booted.control.registers()["eflags"]
    real = booted.real_if()
    after = booted.call("SetIOPLMask", eax=mask)["eflags"]
    assert after & IOPL == mask & IOPL
    control = 0x00_37_47_00 & ~IOPL  # TF, IF, DF, NT, RF, VM, AC, VIF, VIP, ID
    assert after & control == eflags & control
    assert (booted.real_if(), booted.virtual_if()) == (real, enabled)


# --- the rows ----------------------------------------------------------------------------------


def test_every_call_with_arguments_says_what_bad_input_does() -> None:
    any_value = {"SetCR2"}  # is as good as any other
    others = (Category.TIMER, Category.PROCESSORS)
    silent = {row.name for row in CALLS if row.arguments and not row.outcomes}
    assert {name for name in silent if by_name(name).category not in others} == any_value


def test_an_outcome_is_a_phrase() -> None:
    for row in CALLS:
        for found in row.outcomes:
            for text in (found.case, found.outcome):
                assert text, row.name
                assert not text.endswith("."), f"{row.name}: {text}"


def test_get_interrupt_mask_after_bad_input_is_as_before(booted: Booted) -> None:
    for call in ("SetLazyMode", "SetCallbacks", "SetDR"):
        booted.call(call, eax=0xFFFFFFFF)
    assert booted.call("GetInterruptMask")["eax"] in (0, IF)
