"""The local APIC by address and by offset, without paging and in each form of page table."""

import struct
from collections.abc import Callable, Mapping

import pytest

from harness.booted import Booted
from rom.assembler import assemble
from rom.source import generated
from tests.timer.steps import KEPT

APIC = 0xFEE00000
VERSION, TPR = 0x30, 0x80
CODE, TABLES, FAR_TABLE = 0x300000, 0x401000, 0x1000000
"""Physical addresses that nothing uses; FAR_TABLE is the one that no map has."""

HIGH = 0xC0000000
LINEAR = 0xFFFFB000
LARGE = 0x83  # present, writable, 2 or 4 MiB
SMALL = 0x1B  # present, writable, not cached

Page = Mapping[int, int]
"""Entries of a table by their number."""


def table(booted: Booted, address: int, entries: Page, size: int = 4) -> int:
    data = bytearray(4096)
    for number, entry in entries.items():
        data[number * size : number * size + size] = entry.to_bytes(size, "little")
    booted.control.write(address, bytes(data))
    return address


def memory(size: int, at: int) -> Page:
    """Large pages of `size` bytes that map the first 8 MiB at a linear address, in one table."""
    first = at // size % (4096 // (4 if size == 1 << 22 else 8))
    return {first + number: number * size | LARGE for number in range((8 << 20) // size)}


def turn_on(booted: Booted, cr3: int, cr4: int) -> None:
    """Turn paging on; the guest goes on where it is, at its physical addresses."""
    text = f"""
        movl ${cr4:#x}, %eax
        movl %eax, %cr4
        movl ${cr3:#x}, %eax
        movl %eax, %cr3
        movl %cr0, %eax
        orl $0x80000000, %eax
        movl %eax, %cr0
    done:
        jmp done
    """
    code = assemble(generated(text.splitlines(), "text"), CODE)
    booted.control.write(CODE, code.code)
    booted.prepare_at(CODE)
    booted.finish(code.labels["done"])


def directory(booted: Booted, entries: Page) -> None:
    """Paging with 4 MiB pages: memory at 0 and at HIGH, and these entries."""
    whole = {**memory(1 << 22, 0), **memory(1 << 22, HIGH), **entries}
    turn_on(booted, table(booted, TABLES, whole), 0x10)


def four_mib_page(booted: Booted) -> None:
    directory(booted, {0x3F0: 0xFEC00000 | LARGE})


def page_of_its_own(booted: Booted) -> None:
    small = table(booted, TABLES + 0x1000, {LINEAR >> 12 & 1023: APIC | SMALL})
    directory(booted, {1023: small | 3})


def page_for_users(booted: Booted) -> None:
    small = table(booted, TABLES + 0x1000, {LINEAR >> 12 & 1023: APIC | SMALL | 4})
    directory(booted, {1023: small | 7})


def behind_others(booted: Booted) -> None:
    """Higher up: not present, read-only, another page, PSE-36, a table that is in no map."""
    top = table(booted, TABLES + 0x1000, {1023: APIC | 2, 1022: APIC | 1, 1021: 0xFEC00003})
    low = table(booted, TABLES + 0x2000, {5: APIC | SMALL})
    booted.call("SetLinearMapping", (0,), eax=0, edx=0, ecx=0x800)
    others = {1023: top | 3, 1022: 0xFEC02000 | LARGE, 1021: FAR_TABLE | 3}
    directory(booted, {**others, 0x340: low | 3})


def long_entries(booted: Booted, last: Page, small: Page) -> None:
    """Paging with PAE: memory at 0 and at HIGH, and these entries of the last directory."""
    fine = table(booted, TABLES + 0x3000, small, 8)
    first = table(booted, TABLES + 0x1000, memory(1 << 21, 0), 8)
    named = {number: entry or fine | 3 for number, entry in last.items()}
    fourth = table(booted, TABLES + 0x2000, {**memory(1 << 21, HIGH), **named}, 8)
    turn_on(booted, table(booted, TABLES, {0: first | 1, 3: fourth | 1}, 8), 0x20)


def two_mib_page(booted: Booted) -> None:
    long_entries(booted, {0x1C0: APIC | LARGE}, {})


def long_page_of_its_own(booted: Booted) -> None:
    beyond = 1 << 32  # above 4 GiB
    entries = {0x1FF: beyond | APIC | SMALL, 0x1FB: APIC | SMALL}
    long_entries(booted, {0x1FF: 0, 0x1FE: beyond | FAR_TABLE | 3}, entries)


MAPS: Mapping[str, tuple[Callable[[Booted], None], int]] = {
    "4-mib-page": (four_mib_page, 0xFC200000),
    "4-kib-page": (page_of_its_own, LINEAR),
    "page-for-users": (page_for_users, LINEAR),
    "behind-others": (behind_others, 0xD0005000),
    "pae-2-mib-page": (two_mib_page, 0xF8000000),
    "pae-4-kib-page": (long_page_of_its_own, LINEAR),
}
"""Forms of page tables, and where each maps the APIC."""


def found(booted: Booted) -> int:
    """What the ROM remembers of where the APIC is; 0: nothing."""
    data = booted.control.read(booted.rom.symbol("apic_page"), 4)
    return int(struct.unpack("<I", data)[0])


def check_registers(booted: Booted, base: int) -> None:
    """Read and write, by what EAX says: an offset alone, or an address."""
    version = booted.call("APICRead", eax=base + VERSION)["eax"]
    assert version & 0xFF == 0x14
    for value in (0x50, 0x20, 0):
        booted.call("APICWrite", eax=base + TPR, edx=value)
        assert booted.call("APICRead", eax=base + TPR)["eax"] == value


def test_without_paging_an_offset_is_enough(booted: Booted) -> None:
    check_registers(booted, 0)
    assert found(booted) == 0


def test_an_address_is_an_address(booted: Booted) -> None:
    check_registers(booted, APIC)


def test_a_moved_apic_is_found_where_it_is(booted: Booted) -> None:
    moved = 0xFED80000
    base = booted.call("RDMSR", ecx=0x1B)
    booted.call("WRMSR", ecx=0x1B, eax=base["eax"] & 0xFFF | moved, edx=0)
    booted.prepare("APICRead", eax=VERSION)
    booted.finish(booted.rom.symbol("find_apic_unpaged"))
    assert booted.control.registers()["ecx"] == moved


@pytest.mark.parametrize("form", MAPS)
def test_with_paging_the_map_is_found_once(booted: Booted, form: str) -> None:
    paging, linear = MAPS[form]
    paging(booted)
    check_registers(booted, 0)
    assert found(booted) == linear
    booted.prepare("APICRead", eax=VERSION)
    for _ in range(8):  # no further look
        if booted.control.step() == booted.label("returned"):
            break
    else:
        raise AssertionError("the register was not read at once")


@pytest.mark.parametrize("form", MAPS)
def test_a_look_preserves_what_the_convention_says(booted: Booted, form: str) -> None:
    MAPS[form][0](booted)
    booted.call("APICWrite", (), eax=TPR, edx=0x30, **KEPT)
    after = booted.call("APICRead", (), eax=TPR, **KEPT)
    assert after["eax"] == 0x30
    assert {name: after[name] for name in KEPT} == KEPT
    assert after["esp"] == booted.label("kernel_stack_top")


@pytest.mark.parametrize("pae", [False, True], ids=["4-mib", "pae"])
def test_where_no_page_maps_it_the_answer_is_0(booted: Booted, pae: bool) -> None:
    booted.call("SetLinearMapping", (0,), eax=0, edx=0, ecx=0x800)
    if pae:
        long_entries(booted, {0x1FF: FAR_TABLE | 3, 0x1FE: 1 << 40 | 3}, {})
    else:
        directory(booted, {1023: FAR_TABLE | 3, 1022: APIC & 0xFFC00000 | 0x2083})
    assert booted.call("APICRead", eax=VERSION)["eax"] == 0
    booted.call("APICWrite", eax=TPR, edx=0x40)
    assert found(booted) == 0
    assert booted.call("APICRead", eax=TPR)["eax"] == 0


def test_tables_are_read_in_the_map_that_the_guest_gave(booted: Booted) -> None:
    # Physical 4 MiB on is seen at D0000000 alone, and all tables are there.
    small = table(booted, TABLES + 0x1000, {5: APIC | SMALL})
    entries = {0: LARGE, 0x340: 0x400000 | LARGE, 1023: small | 3}
    booted.call("SetLinearMapping", (0x400,), eax=0, edx=0xD0000000, ecx=0x400)
    turn_on(booted, table(booted, TABLES, entries), 0x10)
    check_registers(booted, 0)
    assert found(booted) == 0xFFC05000


def test_without_large_pages_bit_7_of_an_entry_says_nothing(booted: Booted) -> None:
    small = table(booted, TABLES + 0x1000, {3: APIC | SMALL})
    low = table(booted, TABLES + 0x2000, {n: n << 12 | 3 for n in range(1024)})
    more = table(booted, TABLES + 0x3000, {n: 1024 + n << 12 | 3 for n in range(1024)})
    turn_on(booted, table(booted, TABLES, {0: low | 3, 1: more | 3, 900: small | 0x83}), 0)
    check_registers(booted, 0)
    assert found(booted) == 900 << 22 | 3 << 12
