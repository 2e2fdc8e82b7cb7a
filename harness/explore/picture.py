"""The pictures of a sweep and of its cases: computed here, drawn by `harness.report`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness.errors import HarnessError
from harness.explore.case import Case, Outcome
from harness.explore.code import read_listing
from harness.explore.sweep import SweepReport
from harness.explore.sweep_map import sweep_map
from harness.explore.sweeper import Sweeper
from harness.explore.trace import trace
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.report.grid import map_page
from harness.report.steps import CaseTimeline
from harness.report.steps_html import timeline_page
from harness.report.terminal import shown
from harness.rom import Rom
from rom.build import write_file


def picture_case(
    case: Case, file: Path, rom: Rom, guest: GuestFile, config: MachineConfig
) -> tuple[Outcome, CaseTimeline, Path]:
    """Run one case and judge it; its timeline, and the page of that beside the replay file.

    Raises HarnessError for a case that the ROM does not have, BuildError for a folder that cannot
    be written to.
    """
    with _sweeper(config, rom, guest) as sweeper:
        outcome = sweeper.run_case(case)
        [(timeline, page)] = _timelines(sweeper, rom, [(outcome, file)])
    return outcome, timeline, page


def picture_sweep(
    report: SweepReport, folder: Path, rom: Rom, guest: GuestFile, config: MachineConfig
) -> tuple[list[CaseTimeline], Path]:
    """Write the page of each failure beside its replay file, and the map of the sweep.

    Pages whose replay file is gone go, too. Answers the timelines, in the order of the failures,
    and the map's path. Raises HarnessError, BuildError.
    """
    for old in folder.glob("*-failure-*.html"):
        if not old.with_suffix(".case").exists():
            old.unlink()
    found: list[tuple[CaseTimeline, Path]] = []
    if report.failures:
        with _sweeper(config, rom, guest) as sweeper:
            pairs = list(zip(report.failures, report.replays, strict=True))
            found = list(_timelines(sweeper, rom, pairs))
    page = folder / f"{report.backend}-depth-{report.depth}.html"
    drawn = map_page(sweep_map(report, rom, guest, [path for _, path in found]))
    write_file(page, drawn.encode())
    return [timeline for timeline, _ in found], page


@contextmanager
def _sweeper(config: MachineConfig, rom: Rom, guest: GuestFile) -> Iterator[Sweeper]:
    sweeper = Sweeper(config, rom, guest)
    try:
        yield sweeper
    finally:
        sweeper.close()


def _timelines(
    sweeper: Sweeper, rom: Rom, outcomes: Sequence[tuple[Outcome, Path]]
) -> Iterator[tuple[CaseTimeline, Path]]:
    """The timeline of each outcome, with its page beside the replay file.

    One that cannot be had says why: what was found counts for more than the picture of it.
    """
    listing = read_listing(rom)
    for outcome, file in outcomes:
        try:
            timeline = trace(sweeper, outcome, listing)
        except HarnessError as error:
            timeline = CaseTimeline(str(outcome.case), outcome.complaints, (), str(error))
        timeline = replace(timeline, command=f"inv explore --replay {shown(file)}")
        page = file.with_suffix(".html")
        write_file(page, timeline_page(timeline).encode())
        yield timeline, page
