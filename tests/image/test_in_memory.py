"""The image and its RAM block as a machine has them after POST, and where that can be."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.booted import Booted, boot_to_ready
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.control import read_u32
from harness.machine.process import Machine
from harness.rom import Rom
from rom.image import START_SIZE, Image
from rom.interface import RelocationType
from rom.interface.calls import CALLS
from rom.wedge.source import PAGE
from tests.machine import toys

UNKNOWN = (74, 75, 0xFF, 0x100, 0x10003, 0x7FFFFFFF, 0x80000003, 0xFFFFFFFF)
"""Numbers that no call has in generation 3.0; some would reach one if bits were dropped."""

POISON = {"ebx": 0x5A5A0001, "esi": 0x5A5A0002, "edi": 0x5A5A0003, "ebp": 0x5A5A0004}


def answer(booted: Booted, number: int) -> tuple[int, int]:
    """What GetRelocationInfo answers: type and EIP."""
    stack = (booted.label("returned"),)
    entry = booted.rom.base + 0x88
    booted.prepare_at(entry, stack, eax=number, ecx=0xA5A5A5A5, edx=0xA5A5A5A5, **POISON)
    before = booted.control.registers()
    after = booted.finish()
    kept = {"esp", "cs", "ss", "ds", "es", "fs", "gs", *POISON}
    assert {name: after[name] for name in kept} == {
        **{name: before[name] for name in kept},
        "esp": before["esp"] + 4,
    }
    assert after["eflags"] & 0x600 == before["eflags"] & 0x600
    return after["edx"], after["eax"]


def check_answers(booted: Booted) -> None:
    """Each answer is the manifest's, with the stub where the first processor's block is."""
    stub = "offset" if booted.machine.config.smp == 1 else "smp_offset"
    calls = {row["number"]: row for row in booted.rom.rom.manifest["calls"]}
    assert sorted(calls) == list(range(74))
    for number, row in calls.items():
        kind = RelocationType[row["type"]]
        eip = 0 if row[stub] is None else booted.rom.block + row[stub]
        if row["feature"] is not None and booted.machine.config.machine == "isapc":
            kind, eip = RelocationType.NONE, 0  # its processor is a 486: no time stamp counter
        assert answer(booted, number) == (kind, eip), row["name"]
    for number in UNKNOWN:
        assert answer(booted, number) == (RelocationType.NONE, 0), f"{number:#x}"


def check_memory(booted: Booted, blocks: int = 1) -> None:
    """The image is the file but for what POST writes, and still a valid option ROM."""
    rom, control, several = booted.rom, booted.control, booted.machine.config.smp > 1
    found = control.read(rom.base, len(rom.rom.content))
    assert sum(found) % 256 == 0
    assert sum(found[0x40:0x60]) % 256 == 0
    post = rom.rom.manifest["post"]
    written = {"rom_physical": rom.base, "block_physical": rom.block, "post_status": 1}
    written |= {"processors": booted.machine.config.smp, "blocks": blocks}
    written["start_physical"] = start = read_u32(control, rom.base + post["start_physical"])
    assert written.keys() == post.keys()
    expected = bytearray(rom.rom.content)
    for name, value in written.items():
        expected[post[name] : post[name] + 4] = value.to_bytes(4, "little")
    expected[7] = found[7]
    assert found == bytes(expected)
    # Linux looks from C0000 to E0000 every 2 KiB; RAM that no memory map names ends at 1 MiB.
    assert rom.base in range(0xC0000, 0xE0000, 2048)
    size = blocks * rom.rom.manifest["block"]["size"]
    assert 0xA0000 <= rom.block <= 0x100000 - size
    assert rom.block % PAGE == 0
    # The pages that processors start in: a real-mode address, beside the blocks.
    assert (start != 0) == several
    if several:
        assert 0xA0000 <= start <= 0x100000 - START_SIZE
        assert start % PAGE == 0
        assert start + START_SIZE <= rom.block or rom.block + size <= start


def check_linked(booted: Booted, image: Image) -> None:
    """The wedge in a block is linked where it lies. (The data before it are in use.)"""
    start = image.wedge.assembly.labels["code_start"]
    code = image.wedge.at(booted.rom.block)
    assert booted.control.read(booted.rom.block, len(code))[start:] == code[start:]
    assert booted.field("linked_at") == booted.rom.block


def test_get_relocation_info_answers_what_the_manifest_says(booted: Booted) -> None:
    check_answers(booted)


def test_each_stub_is_told_by_the_name_of_its_call(booted: Booted) -> None:
    names = [row["name"] for row in booted.rom.rom.manifest["calls"]]
    assert [booted.rom.place(booted.rom.stub(name)) for name in names] == names


def test_the_table_of_answers_has_each_call_of_the_interface(booted: Booted) -> None:
    rows = booted.rom.rom.manifest["calls"]
    assert [(row["number"], row["name"]) for row in rows] == [
        (call.numbers["3.0"], call.name) for call in CALLS
    ]


def test_the_image_in_memory_is_the_file_and_what_post_wrote(booted: Booted) -> None:
    check_memory(booted)


def test_the_wedge_in_the_block_is_linked_where_it_lies(
    booted: Booted, images: Mapping[str, Image]
) -> None:
    check_linked(booted, images[booted.rom.rom.manifest["backend"]])
    assert booted.field("initialised") == 1


def test_the_firmware_ran_the_image_where_it_is_found(booted: Booted) -> None:
    segment = booted.rom.base >> 4
    assert f"Running option rom at {segment:04x}:0003" in booted.machine.firmware_log()


def test_the_16_bit_init_gives_all_registers_back(
    booted: Booted, machine_config: MachineConfig
) -> None:
    config = replace(
        machine_config, option_rom=booted.rom.rom.path, kernel=booted.machine.config.kernel
    )
    with Machine(config) as machine:
        wire = machine.wire()
        wire.run_to(booted.rom.base + 3, timeout=20)
        poison = ("eax", "ecx", "edx", "ebx", "ebp", "esi", "edi")
        wire.set_registers(**{name: 0x5A5A0000 + i for i, name in enumerate(poison)})
        before = wire.registers()
        stack = wire.read(16 * before["ss"] + before["esp"], 4)
        ip, cs = (int.from_bytes(stack[at : at + 2], "little") for at in (0, 2))
        wire.run_to(16 * cs + ip)
        changed = {"eip": ip, "cs": cs, "esp": before["esp"] + 4}
        after = wire.registers()
    for registers in (before, after):
        del registers["eflags"]
    assert after == {**before, **changed}


@pytest.fixture(params=["isapc", "q35", "pc, behind another ROM"])
def elsewhere(
    request: pytest.FixtureRequest,
    machine_config: MachineConfig,
    wedge_rom: Rom,
    wedge_guest: GuestFile,
    tmp_path: Path,
) -> Iterator[Booted]:
    """The guest at `ready` on another machine, or with the image at another address."""
    kind, _, moved = request.param.partition(", ")
    config = replace(
        machine_config, machine=kind, option_rom=wedge_rom.path, kernel=wedge_guest.path
    )
    if moved:
        # The BIOS puts first what has the lower bootindex; 0 is QEMU's own, for the guest.
        first, ours = toys.option_rom(tmp_path), f"{wedge_rom.path},bootindex=2"
        extra = ("-option-rom", f"{first},bootindex=1", "-option-rom", ours)
        config = replace(config, option_rom=None, extra=extra)
    with Machine(config) as machine:
        booted = boot_to_ready(machine, wedge_rom, wedge_guest)
        assert bool(moved) == machine.debug_console().startswith("R")
        yield booted


def test_image_and_answers_hold_on_other_machines_and_at_other_addresses(
    elsewhere: Booted, request: pytest.FixtureRequest
) -> None:
    if "behind" in request.node.name:
        assert elsewhere.rom.base != 0xC0000
    check_memory(elsewhere)
    check_answers(elsewhere)
