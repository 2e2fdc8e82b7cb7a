"""A ROM that got no RAM block: VMI_Init says why, and no call is provided.

A BIOS that refuses is hard to get, so the image is patched: its 16-bit init asks for more than
there is, looks for another signature than the memory manager's, or does not run at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.booted import Booted
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.control import write_u32
from harness.machine.process import Machine
from harness.rom import load_rom, locate_rom
from rom.build import write_image
from rom.image import INIT_ERRORS, Image

PAST_RAM = 0x04000000
"""Behind the RAM of the machine: what is read there is 0, and nothing is kept."""

Patch = Callable[[Image, bytearray], None]


def immediate(image: Image, code: bytearray, text: str, value: int) -> None:
    """Change the dword that ends the instruction of that text in the 16-bit init."""
    [row] = [row for row in image.head.rows if row.line.text.strip() == text]
    for at in range(row.address, row.address + row.size - 3):
        number = image.head.code[at : at + 4]
        if number in (b"$PMM", (image.block_size // 16).to_bytes(4, "little")):
            code[at : at + 4] = value.to_bytes(4, "little")
            return
    raise AssertionError(f"{text} holds no dword to change")


def never_posted(_: Image, code: bytearray) -> None:
    code[3] = 0xCB  # lretw


def no_memory_manager(image: Image, code: bytearray) -> None:
    immediate(image, code, "cmpl $0x4d4d5024, %es:0", 0x21212121)


def a_block_of_64_kib(image: Image, code: bytearray) -> None:
    immediate(image, code, "imull $STRIDE/16, %eax, %ecx", 0x1000)


REASONS: Mapping[int, Patch] = {1: never_posted, 2: no_memory_manager, 3: a_block_of_64_kib}


@pytest.fixture
def image(images: Mapping[str, Image]) -> Image:
    """An image whose block is not small; the 16-bit init is the same in all."""
    return images["bare"]


def config_with(
    config: MachineConfig, image: Image, patch: Patch, guest: GuestFile, folder: Path
) -> MachineConfig:
    """The machine with a patched copy of the image, its checksum being right again."""
    path = write_image(image, folder)
    code = bytearray(image.content)
    patch(image, code)
    code[7] = 0
    code[7] = -sum(code) & 0xFF
    path.write_bytes(code)
    return replace(config, option_rom=path, kernel=guest.path)


def at_start(machine: Machine, guest: GuestFile) -> Booted:
    """The machine before the guest's first instruction."""
    assert machine.config.option_rom is not None
    wire = machine.wire()
    wire.run_to(guest.labels["start"], timeout=30)
    located = locate_rom(load_rom(machine.config.option_rom), wire.read)
    assert located is not None
    return Booted(machine, located, guest, wire)


def ask(booted: Booted, entry: int, eax: int) -> tuple[int, int]:
    """Call an entry of the image: EAX and EDX of its answer."""
    kept = {"ebx": 0x5A5A0001, "esi": 0x5A5A0002, "edi": 0x5A5A0003, "ebp": 0x5A5A0004}
    stack = (booted.label("returned"),)
    booted.prepare_at(booted.rom.base + entry, stack, eax=eax, edx=0xA5A5A5A5, **kept)
    registers = booted.finish()
    assert {name: registers[name] for name in kept} == kept
    assert registers["esp"] == booted.label("kernel_stack_top")
    return registers["eax"], registers["edx"]


@pytest.mark.parametrize("reason", REASONS)
def test_init_gives_the_reason_and_no_call_is_provided(
    machine_config: MachineConfig,
    image: Image,
    wedge_guest: GuestFile,
    tmp_path: Path,
    reason: int,
) -> None:
    config = config_with(machine_config, image, REASONS[reason], wedge_guest, tmp_path)
    with Machine(config) as machine:
        booted = at_start(machine, wedge_guest)
        for _ in range(2):
            answered, _ = ask(booted, 0x80, eax=0)
            assert answered == reason, INIT_ERRORS.get(answered)
            assert [ask(booted, 0x88, eax=number) for number in range(75)] == [(0, 0)] * 75
        # A guest that is refused goes on without; ours says so and ends.
        booted.prepare_at(booted.label("start"))
        machine.wire().cont()
        assert machine.wait_end(20).value == 1
    assert f"check probe/init fail got {reason:08x} want 00000000" in machine.debug_console()
    assert "failed VMI_Init refused" in machine.debug_console()


def test_a_block_that_keeps_nothing_is_no_ram(
    machine_config: MachineConfig, image: Image, wedge_guest: GuestFile, tmp_path: Path
) -> None:
    unchanged = config_with(machine_config, image, lambda *_: None, wedge_guest, tmp_path)
    with Machine(unchanged) as machine:
        booted = at_start(machine, wedge_guest)
        write_u32(booted.control, booted.rom.base + image.head.labels["block_physical"], PAST_RAM)
        assert ask(booted, 0x80, eax=0)[0] == 5
        assert [ask(booted, 0x88, eax=number) for number in range(75)] == [(0, 0)] * 75
