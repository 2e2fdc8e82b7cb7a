"""The calls are counted exactly, and what is counted is what the ROM executes."""

import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import rom
from guests.sites import COUNTED, NATIVE, bare_instructions
from harness.bench.calls import ARRIVALS, CASES, RomLost, count_calls
from harness.bench.figure import Figure
from harness.booted import Booted
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom, load_rom
from rom.backends import BACKENDS
from rom.build import write_image
from rom.image import build_image
from tests.interrupts.steps import execute

READ_CALL_READ = bytes.fromhex("0f31 89c3 ffd6 0f31 29d8")
"""rdtsc; mov %eax,%ebx; call *%esi; rdtsc; sub %ebx,%eax: three more than the call's own."""

Figures = Mapping[str, Mapping[str, Figure]]


@pytest.fixture(scope="module")
def figures(
    machine_config: MachineConfig, roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> Figures:
    """All figures of each backend, by backend and name."""
    return {
        name: {figure.name: figure for figure in count_calls(rom, wedge_guest, machine_config)}
        for name, rom in roms.items()
    }


def test_every_frequent_call_and_every_arrival_is_counted(figures: Figures) -> None:
    wanted = [f"instructions/{name}" for name in (*(case.name for case in CASES), *ARRIVALS)]
    assert list(figures["bare"]) == wanted
    missing = set(wanted) - figures["native"].keys()
    assert missing == {"instructions/interrupt-recorded", "instructions/enable-delivers"}


@pytest.mark.parametrize("call", ["EnableInterrupts", "SetPxE", "InvalPage", "CLTS", "OUTB"])
def test_a_native_call_is_its_instruction_and_a_return(figures: Figures, call: str) -> None:
    figure = figures["native"][f"instructions/{call}"]
    assert (figure.value, figure.yardstick) == (2, 1)


def test_nothing_of_native_stands_between_an_event_and_the_guest(figures: Figures) -> None:
    for name in ("interrupt-delivered", "int-80-from-user", "exception-from-user"):
        assert figures["native"][f"instructions/{name}"].value == 0


def test_on_bare_only_a_system_call_comes_to_the_guest_with_nothing_between(
    figures: Figures,
) -> None:
    assert figures["bare"]["instructions/int-80-from-user"].value == 0
    assert figures["bare"]["instructions/interrupt-delivered"].value > 0
    assert figures["bare"]["instructions/exception-from-user"].value > 0


def test_the_budgets_of_the_calls_hold(figures: Figures) -> None:
    judged = [figure for found in figures.values() for figure in found.values() if figure.verdict]
    assert {figure.backend for figure in judged} == {"bare"}
    assert len(judged) == 5
    assert [figure for figure in judged if figure.verdict != "pass"] == []


@pytest.mark.parametrize("call", ["DisableInterrupts", "EnableInterrupts", "IODelay", "GetCR2"])
def test_the_counter_that_counts_instructions_agrees_with_the_steps(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    roms: Mapping[str, Rom],
    wedge_guest: GuestFile,
    figures: Figures,
    call: str,
) -> None:
    config = replace(machine_config, icount=True)
    booted = machine_pool.ready(config, roms["bare"], wedge_guest)
    after = execute(booted, READ_CALL_READ, esi=booted.rom.stub(call), eax=1)
    assert after["eax"] - 3 == figures["bare"][f"instructions/{call}"].value


@pytest.mark.parametrize(
    ("jump", "said"),
    [
        ("jmp INB", r"mine-3\.0\.rom did not come to .*; it is at INB\."),
        ("jmp triple_fault", r"mine-3\.0\.rom: The guest triple faulted"),
    ],
    ids=["hangs", "triple-faults"],
)
def test_a_call_that_does_not_come_back_is_the_roms_fault(
    machine_config: MachineConfig, wedge_guest: GuestFile, tmp_path: Path, jump: str, said: str
) -> None:
    ports = "wedge/ports.s"
    hang = tmp_path / "hang.s"
    source = (Path(rom.__file__).parent / ports).read_text()
    hang.write_text(source.replace("\nINB:", f"\nINB: {jump}"))
    bare = BACKENDS["bare"]
    files = tuple(hang if file == ports else file for file in bare.open_files)
    image = build_image(replace(bare, name="mine", open_files=files))
    mine = load_rom(write_image(image, tmp_path))
    with pytest.raises(RomLost, match=said):
        list(count_calls(mine, wedge_guest, machine_config))


def test_a_counted_site_has_no_nop_that_is_counted() -> None:
    assert bare_instructions("DisableInterrupts") == 1
    assert bare_instructions("GetInterruptMask") == 2
    assert bare_instructions("SYSEXIT") == 2
    assert COUNTED.keys() >= NATIVE.keys()
    for case in CASES:
        assert "; nop" not in COUNTED[case.call]


def test_what_is_left_of_a_patched_site_is_one_instruction(booted: Booted) -> None:
    start, end = booted.label("sites"), booted.label("sites_end")
    table = struct.iter_unpack("<III", booted.control.read(start, end - start))
    longer = {site: after - site - 5 for site, _, after in table if after - site >= 7}
    assert longer
    for site, left in longer.items():
        assert booted.control.read(site, 7)[5:] == bytes((0xEB, left - 2))
