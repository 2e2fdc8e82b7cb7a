"""The guests that make every call: each finds what it should, on each backend."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import guests
from guests.build import GUESTS
from harness.boot import BootRequest, boot
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from rom.backends import BACKENDS
from rom.build import write_image
from rom.image import build_image
from rom.interface import CALLS, Category
from tests.calls.conftest import Ready

EVERY = ("every", "every-paged", "every-pae")

CHECK = re.compile(r"^check (\S+) (\w+) got (\w+) want (\w+)$", re.M)

ELSEWHERE = {"Reboot", "Shutdown", "SetInitialAPState", "APICRead", "APICWrite"}
"""Calls that end the guest, or want more of a machine; their tests are by their subject."""


@pytest.mark.parametrize("name", EVERY)
def test_a_guest_that_makes_every_call_finds_what_it_should(ready: Ready, name: str) -> None:
    found = CHECK.findall(ready(name).machine.debug_console())
    assert [check for check in found if check[1] != "pass"] == []
    subjects = {check[0].split("/")[0] for check in found}
    expected = {"probe", "interrupts", "descriptors", "segments", "processor", "pages"}
    assert subjects == expected | {"ports", "user"} | ({"mapping"} if name != "every" else set())


def test_no_execute_is_among_what_the_guest_with_pae_checks(ready: Ready) -> None:
    found = {check[0] for check in CHECK.findall(ready("every-pae").machine.debug_console())}
    assert "mapping/no-execute-faults" in found


@pytest.mark.parametrize("name", EVERY)
def test_the_guest_has_a_site_for_every_call_that_is_not_tested_elsewhere(name: str) -> None:
    sources = [(Path(guests.__file__).parent / file).read_text() for file in GUESTS[name]]
    made = {call for text in sources for call in re.findall(r"\bvmi\((\w+)\)", text)}
    expected = {row.name for row in CALLS if row.category is not Category.TIMER} - ELSEWHERE
    assert made == expected


@pytest.mark.parametrize(
    "call", ["CPUID", "SetCR3", "InvalPage", "FlushTLB", "UpdateKernelStack", "OUTSW"]
)
def test_the_guest_notices_a_call_that_does_nothing(
    call: str, guest_file: Callable[[str], GuestFile], tmp_path: Path
) -> None:
    source = tmp_path / "nothing.s"
    source.write_text("nothing:\n    ret\n")
    bare = BACKENDS["bare"]
    backend = replace(bare, open_files=(*bare.open_files, source), stubs={call: "nothing"})
    rom = write_image(build_image(backend), tmp_path)
    guest = guest_file("every-paged").path
    report = boot(BootRequest(rom, guest, MachineConfig(), timeout=10.0))
    assert report.log.verdict == "fail"
