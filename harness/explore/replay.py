"""Go back to one case: stand in GDB with the interrupt about to arrive."""

from collections.abc import Iterator
from pathlib import Path

from harness.debug import SETTINGS, find_gdb, quoted, run_gdb
from harness.errors import HarnessError
from harness.explore.case import Case, Replay, shown_line
from harness.explore.job import Sweeper
from harness.explore.stage import Stage
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.rom import Rom


def check_build(replay: Replay, build_id: str, file: Path) -> None:
    """Raise HarnessError when a replay file is of another ROM build."""
    if replay.build_id and replay.build_id != build_id:
        raise HarnessError(
            f"{file} is of the ROM build {replay.build_id}, and this one is {build_id}: its "
            "points are elsewhere now. Check out that build, or sweep this one."
        )


def debug_case(
    case: Case, rom: Rom, guest: GuestFile, config: MachineConfig, commands: Path | None = None
) -> int:
    """GDB on the instruction at which the last interrupt is about to arrive; its exit status.

    Steps take interrupts there, so the next one goes into the handler, if nothing holds it off.
    commands: run this GDB script instead of a prompt. Raises HarnessError, MissingTool.
    """
    find_gdb()
    sweeper = Sweeper(config, rom, guest)
    try:
        stage = sweeper.stage
        point, lines = sweeper.find(case)
        stage.place(point, lines)
        place = stage.view.place_of(point.state["eip"])
        raised = shown_line(lines[0]) if lines else "nothing"
        stage.let_go()
        text = f"{case}. At {place}; {raised} is about to arrive."
        return run_gdb(_script(stage, guest, text), commands)
    finally:
        sweeper.close()


def _script(stage: Stage, guest: GuestFile, text: str) -> Iterator[str]:
    yield from SETTINGS
    yield f"target remote {stage.booted.machine.gdb_socket}"
    rom = stage.booted.rom
    if rom.rom.symbol_file.exists():
        sections = rom.sections
        yield (
            f"add-symbol-file {quoted(rom.rom.symbol_file)} "
            f"-s .rom {sections['.rom']} -s .wedge {sections['.wedge']}"
        )
    yield f"add-symbol-file {quoted(guest.path)}"
    yield "maintenance packet Qqemu.sstep=5"
    yield f"echo \\n{text}\\n"
    yield "echo stepi takes the interrupt; x/8i $eip shows the code.\\n\\n"
    yield "frame"
    yield "x/4i $eip"
