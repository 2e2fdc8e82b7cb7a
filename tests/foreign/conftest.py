from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.machine.process import Machine
from harness.rom import Rom, locate_rom
from rom.image import Image
from rom.wedge import virtual_cpu

NAMES = ("memtest86+*ia32*", "memtest86+*x32*", "mt86+*ia32*", "mt86+*x32*", "mt86+*i586*")
"""What releases call the 32-bit image of memtest86+."""


@pytest.fixture(scope="session")
def memtest() -> Path:
    """The image of memtest86+ for 32-bit processors, which boots as a Linux kernel does."""
    found = [path for name in NAMES for path in sorted(Path("/boot").glob(name))]
    bootable = [path for path in found if path.suffix != ".efi"]
    if not bootable:
        pytest.skip("memtest86+ is missing: apt-get install memtest86+")
    return bootable[0]


def check_unharmed(machine: Machine, rom: Rom, images: Mapping[str, Image]) -> None:
    """Image and block are byte for byte as POST left them. The machine must be stopped."""
    read = machine.wire().read_physical
    located = locate_rom(rom, read)
    assert located is not None, "no BIOS put the ROM in place"
    image = images[rom.manifest["backend"]]
    block = bytearray(image.wedge.at(located.block))
    place = virtual_cpu.FIELDS["linked_at"].offset
    block[place : place + 4] = located.block.to_bytes(4, "little")
    assert read(located.block, image.block_size) == bytes(block)
    expected = bytearray(image.content)
    written = {"rom_physical": located.base, "block_physical": located.block}
    written |= {"post_status": 1, "processors": 1, "blocks": 1}
    for name, value in written.items():
        at = image.head.labels[name]
        expected[at : at + 4] = value.to_bytes(4, "little")
    expected[7] = 0
    expected[7] = -sum(expected) & 0xFF
    assert read(located.base, len(expected)) == bytes(expected)
