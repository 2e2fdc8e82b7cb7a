"""A guest with paging, that sees image and block at other linear addresses than physical ones.

Linux calls VMI_Init in its own map, 3 GiB above the physical addresses (VMI ABI, section 1).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from harness.booted import Booted
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.control import read_u32
from harness.machine.process import Machine
from harness.rom import Rom, locate_rom
from rom.assembler import assemble
from rom.image import Image
from rom.source import generated
from rom.wedge import virtual_cpu

HIGH = 0xC0000000
CODE, DIRECTORY, STACK = 0x400000, 0x401000, 0x410000
"""Physical addresses in memory that nothing uses."""

PAGING_ON = """
    movl %cr4, %eax
    orl $0x10, %eax                         # 4 MiB pages
    movl %eax, %cr4
    movl $0x401000, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
done:
    jmp done
"""

MOVE_UP = """
    movl %cr3, %eax
    movl %eax, %cr3                         # forget the old map
    lgdtl register
done:
    jmp done
.balign 8
table:
    .quad 0
    .quad 0x00cf9a000000ffff                # 08 code, flat
    .quad 0x00cf92000000ffff                # 10 data, flat
register:
    .word 23
    .long table
"""


def execute(booted: Booted, text: str, linear: int) -> None:
    """Let the guest execute instructions that end at their label `done`."""
    code = assemble(generated(text.splitlines(), "text"), linear)
    booted.control.write(linear, code.code)
    booted.prepare_at(linear)
    booted.finish(code.labels["done"])


def directory(first: int) -> bytes:
    """A page directory: physical memory at HIGH and, from entry `first` on, where it is."""
    entries = [0] * 1024
    for number in range(8):
        entries[(HIGH >> 22) + number] = number << 22 | 0x83
        if number >= first:
            entries[number] = number << 22 | 0x83
    return struct.pack("<1024I", *entries)


def call(booted: Booted, linear: int, **registers: int) -> dict[str, int]:
    """Call a linear address with all of the guest above HIGH."""
    back = HIGH + booted.label("returned")
    booted.prepare_at(linear, (back,), esp=HIGH + STACK, **registers)
    return booted.finish(back)


@pytest.fixture
def paged(
    machine_config: MachineConfig, wedge_rom: Rom, wedge_guest: GuestFile
) -> Iterator[Booted]:
    """The guest at its start, with paging on and VMI_Init not yet called."""
    config = replace(machine_config, option_rom=wedge_rom.path, kernel=wedge_guest.path)
    with Machine(config) as machine:
        wire = machine.wire()
        wire.run_to(wedge_guest.labels["start"], timeout=30)
        located = locate_rom(wedge_rom, wire.read)
        assert located is not None
        booted = Booted(machine, located, wedge_guest, wire)
        for port in (0x21, 0xA1):
            machine.injector.outb(port, 0xFF)
        wire.write(DIRECTORY, directory(0))
        execute(booted, PAGING_ON, CODE)
        yield booted


def test_init_links_the_wedge_where_the_guest_sees_it(
    paged: Booted, images: Mapping[str, Image]
) -> None:
    rom, block = paged.rom, paged.rom.block
    image = images[rom.rom.manifest["backend"]]
    start = image.wedge.assembly.labels["code_start"]
    place = virtual_cpu.FIELDS["linked_at"].offset
    posted = bytearray(image.wedge.at(block))
    posted[place : place + 4] = block.to_bytes(4, "little")
    assert paged.control.read(block, image.block_size) == bytes(posted)
    assert call(paged, HIGH + rom.base + 0x80)["eax"] == 0
    assert paged.field("linked_at") == HIGH + block
    assert (
        paged.control.read(block, image.block_size)[start:]
        == (image.wedge.at(HIGH + block)[start:])
    )
    assert read_u32(paged.control, rom.symbol("linear_offset")) == HIGH


def test_answers_and_stubs_need_no_memory_at_its_physical_address(paged: Booted) -> None:
    rom = paged.rom
    assert call(paged, HIGH + rom.base + 0x80)["eax"] == 0
    paged.control.write(HIGH + DIRECTORY, directory(8))
    execute(paged, MOVE_UP, HIGH + CODE)
    for row in rom.rom.manifest["calls"]:
        answer = call(paged, HIGH + rom.base + 0x88, eax=row["number"])
        offset = row["offset"]
        assert answer["eax"] == (0 if offset is None else HIGH + rom.block + offset)
    for name, mask in (("EnableInterrupts", 0x200), ("DisableInterrupts", 0)):
        call(paged, HIGH + rom.stub(name))
        assert call(paged, HIGH + rom.stub("GetInterruptMask"))["eax"] == mask
