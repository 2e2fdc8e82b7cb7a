"""A replay file without GDB: run it once more, and show what comes of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.explore.case import Replay
from harness.explore.picture import picture_case
from harness.explore.replay import replay_script
from harness.explore.script import Script
from harness.explore.table import show_difference, show_outcome, show_timeline
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.report.log import FAIL, PASS
from harness.report.terminal import shown
from harness.rom import Rom


def rerun(
    console: Console, replay: Replay | Script, file: Path, rom: Rom, guest: GuestFile
) -> dict[str, Any]:
    """Run a case, drawn as text and as a page beside its file, or a script.

    Answers the verdict and what is known, as data. Raises HarnessError.
    """
    if isinstance(replay, Script):
        difference = replay_script(replay, rom, guest, MachineConfig())
        show_difference(console, replay, difference)
        verdict = PASS if difference is None else FAIL
        return {"verdict": verdict, "difference": difference and asdict(difference)}
    outcome, timeline, page = picture_case(replay.case, file, rom, guest, MachineConfig())
    show_outcome(console, outcome)
    show_timeline(console, timeline)
    console.print(f"the same as a page: {shown(page)}", highlight=False, soft_wrap=True)
    return {"verdict": FAIL if outcome.complaints else PASS} | asdict(outcome)
