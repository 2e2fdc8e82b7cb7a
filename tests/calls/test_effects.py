"""What the calls do to the machine, seen from outside: registers, page walks, ports, each step."""

import re

import pytest

from harness.booted import Booted
from harness.machine.control import read_u32
from tests.calls.samples import SYSENTER_ESP, WINDOW
from tests.descriptors.tables import FREE, KERNEL_CS
from tests.interrupts.steps import execute

MP, TS, AM = 0x2, 0x8, 0x40000
DE, PGE = 0x8, 0x80
PAT = 0x277
OPEN = 7
"""Bits of a page-table entry: present, writable, for user mode."""

MOST_STEPS = 40
WALK = re.compile(r"^([0-9a-f]+): ([0-9a-f]+) (\S+)", re.M)
DEBUG = re.compile(r"DR(\d)=([0-9a-f]+)")


def debug_registers(booted: Booted) -> dict[int, int]:
    said = booted.machine.monitor.hmp("info registers")
    return {int(number): int(value, 16) for number, value in DEBUG.findall(said)}


def walk(booted: Booted, address: int) -> int | None:
    """Where QEMU's page walk finds a page, None when it does not."""
    said = booted.machine.monitor.hmp("info tlb")
    found = {int(linear, 16): int(physical, 16) for linear, physical, _ in WALK.findall(said)}
    return found.get(address)


def seen(booted: Booted, address: int) -> int:
    """The dword that the guest itself reads, through its TLB."""
    code = b"\xa1" + address.to_bytes(4, "little")  # mov eax, [address]
    return execute(booted, code)["eax"]


# --- the processor's registers -----------------------------------------------------------------


@pytest.mark.parametrize("bits", [MP, TS, AM])
def test_set_cr0_is_seen_outside_and_get_cr0_gives_it_back(booted: Booted, bits: int) -> None:
    value = booted.machine.monitor.processor().cr0 ^ bits
    booted.call("SetCR0", eax=value)
    assert booted.machine.monitor.processor().cr0 == value
    assert booted.call("GetCR0", eax=0)["eax"] == value


def test_clts_clears_ts_and_nothing_else(booted: Booted) -> None:
    before = booted.machine.monitor.processor().cr0
    booted.call("SetCR0", eax=before | TS)
    booted.call("CLTS")
    assert booted.machine.monitor.processor().cr0 == before & ~TS


@pytest.mark.parametrize("value", [0, 0x12345678, 0xFFFFFFFF])
def test_set_cr2_is_seen_outside_and_get_cr2_gives_it_back(booted: Booted, value: int) -> None:
    booted.call("SetCR2", eax=value)
    assert booted.machine.monitor.processor().cr2 == value
    assert booted.call("GetCR2", eax=1)["eax"] == value


def test_set_cr4_is_seen_outside_and_get_cr4_gives_it_back(booted: Booted) -> None:
    booted.call("SetCR4", eax=DE | PGE)
    assert booted.machine.monitor.processor().cr4 == DE | PGE
    assert booted.call("GetCR4", eax=0)["eax"] == DE | PGE


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_debug_register_is_seen_outside_and_is_read_back(booted: Booted, number: int) -> None:
    before = debug_registers(booted)
    value = 0x1000 * (number + 5) + number
    booted.call("SetDR", eax=number, edx=value)
    assert debug_registers(booted) == {**before, number: value}
    assert booted.call("GetDR", eax=number)["eax"] == value


def test_an_msr_that_wrmsr_wrote_is_what_the_instruction_reads(booted: Booted) -> None:
    booted.call("WRMSR", ecx=SYSENTER_ESP, eax=0x12345678, edx=0)
    assert execute(booted, b"\x0f\x32", ecx=SYSENTER_ESP)["eax"] == 0x12345678
    execute(booted, b"\x0f\x30", ecx=SYSENTER_ESP, eax=0x76543210, edx=0)
    assert booted.call("RDMSR", ecx=SYSENTER_ESP, eax=0)["eax"] == 0x76543210


def test_an_msr_keeps_its_upper_half(booted: Booted) -> None:
    booted.call("WRMSR", ecx=PAT, eax=0x00070406, edx=0x00070401)
    read = booted.call("RDMSR", ecx=PAT)
    assert (read["eax"], read["edx"]) == (0x00070406, 0x00070401)


@pytest.mark.parametrize(
    ("leaf", "subleaf"), [(0, 0), (1, 0), (2, 0), (4, 0), (4, 1), (1 << 31, 0)]
)
def test_cpuid_answers_what_the_processor_does(booted: Booted, leaf: int, subleaf: int) -> None:
    names = ("eax", "ebx", "ecx", "edx")
    expected = execute(booted, b"\x0f\xa2", eax=leaf, ecx=subleaf)
    answered = booted.call("CPUID", eax=leaf, ecx=subleaf)
    assert [answered[name] for name in names] == [expected[name] for name in names]


def test_rdtsc_is_between_what_the_instruction_reads_before_and_after(booted: Booted) -> None:
    def cycles(registers: dict[str, int]) -> int:
        return registers["edx"] << 32 | registers["eax"]

    before = cycles(execute(booted, b"\x0f\x31"))
    called = cycles(booted.call("RDTSC"))
    assert before < called < cycles(execute(booted, b"\x0f\x31"))


# --- page tables -------------------------------------------------------------------------------


def test_set_pxe_is_walked_at_once_and_seen_after_inval_page(paged: Booted) -> None:
    entry = paged.label("page_tables") + 4 * (WINDOW >> 12)
    paged.control.write(FREE, b"\x11" * 4)
    paged.control.write(FREE + 0x1000, b"\x22" * 4)
    for frame, value in ((FREE, 0x11111111), (FREE + 0x1000, 0x22222222)):
        paged.call("SetPxE", eax=frame | OPEN, edx=entry, ecx=WINDOW | 0x11)
        assert walk(paged, WINDOW) == frame
        paged.call("InvalPage", eax=WINDOW + 0x123)
        assert seen(paged, WINDOW) == value
    paged.call("SetPxE", eax=0, edx=entry, ecx=WINDOW | 0x11)
    assert walk(paged, WINDOW) is None


def test_set_pxe_long_is_walked_with_its_upper_half(pae: Booted) -> None:
    entry = pae.label("page_tables") + 8 * (WINDOW >> 12)
    pae.control.write(FREE, b"\x11" * 4)
    pae.call("SetPxELong", (WINDOW | 0x11,), eax=FREE | OPEN, edx=0x80000000, ecx=entry)
    pae.call("InvalPage", eax=WINDOW)
    [flags] = [
        flags
        for linear, physical, flags in WALK.findall(pae.machine.monitor.hmp("info tlb"))
        if (int(linear, 16), int(physical, 16) & 0xFFFFFFFF) == (WINDOW, FREE)
    ]
    assert flags.startswith("X"), "no-execute"
    assert seen(pae, WINDOW) == 0x11111111
    pae.call("SetPxELong", (WINDOW | 0x11,), eax=FREE | OPEN, edx=0x1, ecx=entry)
    assert walk(pae, WINDOW) == 0x1_00000000 | FREE


OLD, NEW = 0x80000001_12345067, 0x80000002_23456067
PRESENT = 1

CHANGES = {
    "present-to-present": (OLD, NEW),
    "absent-to-present": (OLD & ~PRESENT, NEW),
    "present-to-absent": (OLD, NEW & ~PRESENT),
    "present-to-nothing": (OLD, 0),
    "nothing-to-present": (0, NEW),
    "absent-to-absent": (OLD & ~PRESENT, NEW & ~PRESENT),
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_half_of_a_long_entry_is_ever_seen_present(booted: Booted, change: str) -> None:
    old, new = CHANGES[change]
    booted.control.write(FREE, old.to_bytes(8, "little"))
    booted.prepare("SetPxELong", (0,), eax=new & 0xFFFFFFFF, edx=new >> 32, ecx=FREE)
    found = []
    for _ in range(MOST_STEPS):
        found.append(int.from_bytes(booted.control.read(FREE, 8), "little"))
        if booted.control.registers()["eip"] == booted.label("returned"):
            break
        booted.control.step()
    else:
        pytest.fail(f"SetPxELong did not return within {MOST_STEPS} instructions")
    assert found[-1] == new
    assert {value for value in found if value & PRESENT} <= {old, new}
    if old & PRESENT:
        assert set(found) == {old, new}, "a present entry is replaced at once"


def test_a_long_entry_that_a_page_walk_marks_meanwhile_is_replaced_all_the_same(
    booted: Booted,
) -> None:
    accessed = 0x20
    old = OLD & ~accessed
    for boundary in range(MOST_STEPS):
        booted.control.write(FREE, old.to_bytes(8, "little"))
        booted.prepare("SetPxELong", (0,), eax=NEW & 0xFFFFFFFF, edx=NEW >> 32, ecx=FREE)
        for _ in range(boundary):
            booted.control.step()
        if int.from_bytes(booted.control.read(FREE, 8), "little") == NEW:
            break
        booted.control.write(FREE, (old | accessed).to_bytes(8, "little"))
        booted.finish()
        assert int.from_bytes(booted.control.read(FREE, 8), "little") == NEW, boundary
    assert boundary > 3


@pytest.mark.parametrize(("flags", "drops_global"), [(1, False), (3, True), (2, True), (0, False)])
def test_only_flush_tlb_3_turns_global_pages_off_and_on(
    paged: Booted, flags: int, drops_global: bool
) -> None:
    paged.call("SetCR4", eax=PGE)
    paged.prepare("FlushTLB", eax=flags)
    found = [PGE]
    for _ in range(MOST_STEPS):
        if paged.control.step() == paged.label("returned"):
            break
        found.append(paged.machine.monitor.processor().cr4)
    assert found[-1] == paged.machine.monitor.processor().cr4 == PGE
    assert (0 in found) is drops_global


def test_set_cr3_changes_the_address_space(paged: Booted) -> None:
    directory, table = FREE + 0x2000, FREE + 0x3000
    old = paged.label("page_directory")
    paged.control.write(directory, paged.control.read(old, 4096))
    paged.control.write(table, paged.control.read(paged.label("page_tables") + 4096, 4096))
    paged.call("SetPxE", eax=table | OPEN, edx=directory + 4, ecx=2)
    paged.call("SetPxE", eax=FREE | OPEN, edx=table + 4 * (WINDOW >> 12 & 0x3FF), ecx=1)
    paged.control.write(FREE, b"\x11" * 4)
    paged.control.write(WINDOW, b"\x22" * 4)
    assert seen(paged, WINDOW) == 0x22222222
    for space, frame, value in ((directory, FREE, 0x11111111), (old, WINDOW, 0x22222222)):
        paged.call("SetCR3", eax=space)
        assert paged.machine.monitor.processor().cr3 == space
        assert paged.call("GetCR3", eax=0)["eax"] == space
        assert walk(paged, WINDOW) == frame
        assert seen(paged, WINDOW) == value


# --- ports -------------------------------------------------------------------------------------

CMOS_INDEX, CMOS_DATA, CMOS_FREE = 0x70, 0x71, 0x50
FIRMWARE_SELECTOR, FIRMWARE_DATA = 0x510, 0x511
PCI_ADDRESS, PCI_DATA, HOST_BRIDGE = 0xCF8, 0xCFC, 0x80000000
CONSOLE = 0xE9


def test_outb_and_inb_reach_the_device(booted: Booted) -> None:
    booted.call("OUTB", eax=0x12345600 | CMOS_FREE, edx=CMOS_INDEX)
    booted.call("OUTB", eax=0xA5, edx=CMOS_DATA)
    injector = booted.machine.injector
    injector.outb(CMOS_INDEX, CMOS_FREE)
    assert injector.inb(CMOS_DATA) == 0xA5
    injector.outb(CMOS_DATA, 0x5A)
    assert booted.call("INB", eax=0x12345678, edx=CMOS_DATA)["eax"] == 0x1234565A


def test_words_and_dwords_reach_the_device(booted: Booted) -> None:
    booted.call("OUTL", eax=HOST_BRIDGE, edx=PCI_ADDRESS)
    assert booted.call("INL", edx=PCI_ADDRESS)["eax"] == HOST_BRIDGE
    vendor_and_device = booted.call("INL", edx=PCI_DATA)["eax"]
    assert vendor_and_device & 0xFFFF == 0x8086
    assert booted.call("INW", eax=0x12345678, edx=PCI_DATA)["eax"] == 0x12348086
    booted.call("OUTW", eax=0, edx=FIRMWARE_SELECTOR)
    found = bytes(booted.machine.injector.inb(FIRMWARE_DATA) for _ in range(4))
    assert found == b"QEMU"


def test_only_the_low_word_of_edx_is_the_port(booted: Booted) -> None:
    booted.call("OUTB", eax=ord("!"), edx=0x12340000 | CONSOLE)
    assert booted.machine.debug_console().endswith("!")


@pytest.mark.parametrize(("width", "unit"), [("B", 1), ("W", 2), ("L", 4)])
def test_an_outs_string_goes_out_in_its_order(booted: Booted, width: str, unit: int) -> None:
    text = b"a string by OUTS"
    booted.control.write(FREE, text)
    after = booted.call(f"OUTS{width}", edx=CONSOLE, esi=FREE, ecx=len(text) // unit)
    assert (after["esi"], after["ecx"]) == (FREE + len(text), 0)
    if unit == 1:
        assert booted.machine.debug_console().endswith(text.decode())


@pytest.mark.parametrize(("width", "unit"), [("B", 1), ("W", 2), ("L", 4)])
def test_an_ins_string_fills_its_units_and_no_more(booted: Booted, width: str, unit: int) -> None:
    port = FIRMWARE_DATA if unit == 1 else PCI_DATA
    booted.call("OUTL", eax=HOST_BRIDGE, edx=PCI_ADDRESS)
    booted.call("OUTW", eax=0, edx=FIRMWARE_SELECTOR)
    booted.control.write(FREE, b"\xa5" * 20)
    after = booted.call(f"INS{width}", edx=port, edi=FREE, ecx=4)
    assert (after["edi"], after["ecx"]) == (FREE + 4 * unit, 0)
    read = booted.control.read(FREE, 20)
    expected = {1: b"QEMU", 2: b"\x86\x80" * 4, 4: read[:4] * 4}[unit]
    assert read == expected + b"\xa5" * (20 - 4 * unit)
    assert unit == 1 or read[:2] == b"\x86\x80"


def test_an_interrupt_in_the_midst_of_a_string_comes_back_to_it(booted: Booted) -> None:
    text = b"interrupted and gone on with"
    booted.control.write(FREE, text)
    booted.call("EnableInterrupts")
    booted.clear_log()
    booted.prepare("OUTSB", edx=CONSOLE, esi=FREE, ecx=len(text))
    for _ in range(7):
        booted.control.step()
    booted.machine.injector.raise_irq(5)
    after = booted.finish()
    booted.machine.injector.lower_irq(5)
    assert (after["esi"], after["ecx"]) == (FREE + len(text), 0)
    assert [entry.vector for entry in booted.log()] == [0x25]
    assert booted.machine.debug_console().endswith(text.decode())


# --- the kernel stack --------------------------------------------------------------------------


def test_update_kernel_stack_is_where_user_mode_enters(booted: Booted) -> None:
    esp0 = FREE + 0x4000
    booted.call("UpdateKernelStack", eax=0x10, edx=esp0)
    label = booted.label
    frame = (label("user_code"), 0x1B, 0x202, label("user_stack_top"), 0x23)
    booted.clear_log()
    booted.prepare_at(booted.rom.stub("IRET"), frame)
    booted.finish(label("user_code"))
    booted.machine.injector.raise_irq(5)
    booted.finish(label("handler_logged"))
    booted.machine.injector.lower_irq(5)
    assert booted.log()[0].frame == esp0 - 20
    assert read_u32(booted.control, esp0 - 16) == 0x1B
    assert booted.control.registers()["cs"] == KERNEL_CS
