"""The museum: the sweep finds each of its bugs, and an exhibit that no longer fits says so."""

from dataclasses import replace

import pytest

from harness.errors import HarnessError
from harness.explore.exhibits import EXHIBITS
from harness.explore.job import Job
from harness.explore.museum import Exhibit, build, concerned, visit
from harness.guest import GuestFile
from harness.machine.config import MachineConfig


@pytest.mark.parametrize(
    "exhibit", EXHIBITS, ids=lambda exhibit: f"{exhibit.backend}: {exhibit.name}"
)
def test_the_sweep_finds_a_bug_of_the_museum(exhibit: Exhibit, wedge_guest: GuestFile) -> None:
    result = visit(exhibit, MachineConfig(), wedge_guest)
    assert result.killed, str(result)


def test_a_rom_without_the_bug_is_found_in_order(wedge_guest: GuestFile) -> None:
    exhibit = EXHIBITS[0]
    result = visit(replace(exhibit, new=exhibit.old), MachineConfig(), wedge_guest)
    assert not result.killed
    assert "does not find this bug any more" in str(result)
    assert result.cases > 100


@pytest.mark.parametrize("old", ["hlt\n    sti\n", "ret\n"], ids=["never", "often"])
def test_an_exhibit_whose_text_is_not_there_once_says_so(old: str) -> None:
    with pytest.raises(HarnessError, match=r"replaces a text that rom/\S+ has \d+ times, and not"):
        build(replace(EXHIBITS[0], old=old))


def test_an_exhibit_concerns_the_calls_that_it_is_swept_over() -> None:
    jobs = (Job("IRET(user)", "set"), Job("Halt", "clear"))
    exhibit = replace(EXHIBITS[0], jobs=jobs)
    assert concerned([exhibit], "bare", ("Halt",)) == [exhibit]
    assert concerned([exhibit], "bare") == [exhibit]
    assert concerned([exhibit], "bare", ("SYSEXIT",)) == []
    assert concerned([exhibit], "native") == []


@pytest.mark.parametrize(
    "exhibit", EXHIBITS, ids=lambda exhibit: f"{exhibit.backend}: {exhibit.name}"
)
def test_every_exhibit_tells_its_history(exhibit: Exhibit) -> None:
    assert exhibit.history.endswith(".")
    assert len(exhibit.history) > 150
