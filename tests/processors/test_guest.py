"""The guest for two processors: all its checks, and what it says of a machine with one."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.boot import BootRequest, boot
from harness.booted import Booted
from harness.machine.config import MachineConfig
from harness.rom import Rom
from rom.interface.calls import by_name
from tests.processors.conftest import GuestFiles

CHECK = re.compile(r"^check (\S+) (\w+) got (\w+) want (\w+)$", re.M)


@pytest.mark.parametrize(("name", "cpu"), [("two", ""), ("two-pae", "qemu32,+nx")])
def test_each_processor_finds_what_it_should(
    ready: Callable[..., Booted], wedge_rom: Rom, name: str, cpu: str
) -> None:
    booted = ready(wedge_rom, name=name, cpu=cpu)
    found = CHECK.findall(booted.machine.debug_console())
    assert [check for check in found if check[1] != "pass"] == []
    subjects = {check[0].split("/")[0] for check in found}
    expected = {"probe", "first-call", "state", "ipi", "gates", "alarm", "halt", "storm"}
    assert subjects == expected
    assert booted.word("has_nx") == (name == "two-pae")


def test_with_one_processor_the_guest_says_that_it_needs_two(
    wedge_rom: Rom, guest_file: GuestFiles
) -> None:
    request = BootRequest(wedge_rom.path, guest_file("two").path, MachineConfig())
    report = boot(request)
    assert report.log.verdict == "fail"
    assert "this guest needs a second processor" in report.trouble


@pytest.mark.parametrize("smp", [1, 2])
def test_stubs_that_look_for_their_processor_are_bound_where_there_is_more_than_one(
    ready: Callable[..., Booted], roms: dict[str, Rom], smp: int
) -> None:
    booted = ready(roms["bare"], smp=smp, name="two" if smp == 2 else "paged")
    rows = booted.rom.rom.manifest["calls"]
    place = "offset" if smp == 1 else "smp_offset"
    bound = [word(booted, "bound_eip", row["number"]) - booted.rom.block for row in rows]
    assert bound == [row[place] for row in rows]
    different = {row["name"] for row in rows if row["offset"] != row["smp_offset"]}
    assert {"EnableInterrupts", "DisableInterrupts", "IRET", "SetIDT", "WriteIDTEntry"} < different
    assert "GetCR0" not in different
    number = by_name("DisableInterrupts").number("3.0")
    assert number is not None
    booted.prepare_at(word(booted, "bound_eip", number), (booted.label("returned"),))
    booted.control.step()
    booted.control.step()
    assert (booted.control.registers()["eip"] == booted.label("returned")) is (smp == 1)


def word(booted: Booted, name: str, index: int) -> int:
    """A dword of an array of the guest's."""
    data = booted.control.read(booted.label(name) + 4 * index, 4)
    return int.from_bytes(data, "little")


def test_the_guest_of_the_readme_is_not_disturbed_by_a_second_processor(
    wedge_rom: Rom, guest_file: GuestFiles, tmp_path: Path
) -> None:
    request = BootRequest(wedge_rom.path, guest_file("checks").path, MachineConfig(smp=2))
    assert boot(request).log.verdict == "pass"
