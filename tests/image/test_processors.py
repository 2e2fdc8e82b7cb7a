"""RAM with more than one processor: what POST asks for, and what VMI_Init makes of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.booted import Booted, boot_to_ready
from harness.errors import HarnessError
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from harness.rom import Rom, load_rom
from rom.build import write_image
from rom.image import BLOCK_LIMIT, Image
from tests.image.test_in_memory import check_answers, check_linked, check_memory
from tests.image.test_no_block import immediate


@pytest.fixture(params=[2, 3, 8])
def several(
    request: pytest.FixtureRequest,
    machine_config: MachineConfig,
    wedge_rom: Rom,
    wedge_guest: GuestFile,
) -> Iterator[Booted]:
    """The guest at `ready` on the first of several processors."""
    config = replace(
        machine_config, smp=request.param, option_rom=wedge_rom.path, kernel=wedge_guest.path
    )
    with Machine(config) as machine:
        yield boot_to_ready(machine, wedge_rom, wedge_guest)


def blocks_of(booted: Booted) -> int:
    """How many processors have a block: all that the BIOS has room for, two at the least."""
    manifest = booted.rom.rom.manifest
    if not manifest["lazy"]:
        return 1
    most = min(booted.machine.config.smp, BLOCK_LIMIT // int(manifest["block"]["size"]))
    assert 2 <= booted.rom.blocks <= most
    return booted.rom.blocks


def check_blocks(booted: Booted, image: Image, count: int) -> None:
    """Each block has the wedge, linked where it lies, and no block but the first has an owner."""
    size = image.block_size
    assert booted.rom.blocks == count
    for index in range(count):
        rom = booted.rom.of_processor(index)
        its = Booted(booted.machine, rom, booted.guest, booted.control)
        check_linked(its, image)
        place = {name: its.field(name) for name in ("to_first", "blocks_size", "owner")}
        owner = 1 if index == 0 else 0  # 1 + the APIC ID
        assert place == {"to_first": index * size, "blocks_size": count * size, "owner": owner}
        assert its.field("initialised") == (index == 0)
    if image.backend.lazy:
        with pytest.raises(HarnessError, match=f"has {count} blocks; there is no {count}"):
            booted.rom.of_processor(count)
    else:
        assert booted.rom.of_processor(count) == booted.rom


def test_each_processor_that_there_is_room_for_has_a_block(
    several: Booted, images: Mapping[str, Image]
) -> None:
    count = blocks_of(several)
    check_memory(several, count)
    check_blocks(several, images[several.rom.rom.manifest["backend"]], count)


def test_the_answers_are_the_stubs_for_several(several: Booted) -> None:
    check_answers(several)
    prefix = "smp_" if several.rom.rom.manifest["lazy"] else ""
    stub = several.rom.stub("EnableInterrupts")
    assert several.rom.place(stub) == f"{prefix}EnableInterrupts"


def test_fewer_blocks_do_where_there_is_no_room_for_all(
    machine_config: MachineConfig,
    images: Mapping[str, Image],
    wedge_guest: GuestFile,
    tmp_path: Path,
) -> None:
    # The image is patched to ask for more than it needs, as if its wedge were larger.
    image = images["bare"]
    code = bytearray(image.content)
    immediate(image, code, "imull $STRIDE/16, %eax, %ecx", 2 * image.block_size // 16)
    code[7] = 0
    code[7] = -sum(code) & 0xFF
    path = write_image(image, tmp_path)
    path.write_bytes(code)
    config = replace(machine_config, smp=3, option_rom=path, kernel=wedge_guest.path)
    with Machine(config) as machine:
        booted = boot_to_ready(machine, load_rom(path), wedge_guest)
        assert booted.rom.processors == 3
        assert 1 <= booted.rom.blocks < 3
        check_blocks(booted, image, booted.rom.blocks)
        check_answers(booted)
