"""The pictures that a sweep leaves: a page a failure beside its replay file, and the map."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.explore.case import RETURNED, Arrival, Case, Outcome
from harness.explore.job import Job, JobResult
from harness.explore.picture import picture_sweep
from harness.explore.sweep import SweepReport
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.report.grid import WRONG
from harness.rom import Rom

CASE = Case("GetInterruptMask", "clear", (Arrival(1, 4),))
FOUND = Outcome(CASE, RETURNED, "GetInterruptMask+0x6", complaints=("it is odd",), became=WRONG)


def test_each_failure_has_a_page_that_the_map_leads_to(
    roms: Mapping[str, Rom], wedge_guest: GuestFile, tmp_path: Path
) -> None:
    result = JobResult(Job("GetInterruptMask", "clear"), points=1, cases=2)
    nowhere = replace(FOUND, case=replace(CASE, arrivals=(Arrival(5000, 4),)), place="")
    result.note(FOUND)
    result.note(nowhere)
    replays = [tmp_path / f"bare-failure-{number}.case" for number in (1, 2)]
    for file in replays:
        file.touch()
    report = SweepReport("bare", 1, roms["bare"].manifest["build_id"], [result], replays)
    old = tmp_path / "bare-failure-3.html"
    old.touch()
    parts = (tmp_path, roms["bare"], wedge_guest, MachineConfig())
    timelines, page = picture_sweep(report, *parts)
    first, second = (file.with_suffix(".html") for file in replays)
    assert "it is odd" in first.read_text()
    assert f"inv explore --replay {replays[0]}" in first.read_text()
    assert "There is no point 5000" in second.read_text()
    assert [timeline.title for timeline in timelines] == [str(CASE), str(nowhere.case)]
    assert page.read_text().count('href="bare-failure-1.html"') == 2  # in the list, and its cell
    assert sorted(tmp_path.glob("*.html")) == [tmp_path / "bare-depth-1.html", first, second]
