"""Go back to a case or a script of events: run it again, or stand in GDB where it matters.

The first line of a replay file says which of the two it is.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from harness.booted import Booted, BootedMachine
from harness.debug import SETTINGS, find_gdb, quoted, run_gdb
from harness.errors import HarnessError
from harness.explore.beside import Beside, Difference, play
from harness.explore.case import FIRST_LINE, Case, Replay, read_replay, shown_line
from harness.explore.script import HEADER, Script, ScriptError, parse
from harness.explore.sweeper import Sweeper
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.rom import Rom


def read(file: Path) -> Replay | Script:
    """Read a replay file of either kind. Raises HarnessError for one that makes no sense."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise HarnessError(f"The replay file {file} cannot be read: {why}.") from None
    lines = [line for line in text.splitlines() if line.partition("#")[0].strip()]
    first = lines[0].split() if lines else []
    if first[:1] == [HEADER]:
        try:
            return parse(text)
        except ScriptError as error:
            raise HarnessError(f"{file}: {error}") from None
    if first != FIRST_LINE.split():
        raise HarnessError(
            f"{file} is no replay file: its first line is neither {FIRST_LINE!r} "
            f"nor '{HEADER} BACKEND BUILD'."
        )
    return read_replay(file)


def check_build(replay: Replay | Script, build_id: str, file: Path) -> None:
    """Raise HarnessError when a replay file is of another ROM build."""
    if replay.build_id and replay.build_id != build_id:
        raise HarnessError(
            f"{file} is of the ROM build {replay.build_id}, and this one is {build_id}: it need "
            "not show the same there. Check out that build, or explore this one."
        )


def replay_script(
    script: Script, rom: Rom, guest: GuestFile, config: MachineConfig
) -> Difference | None:
    """Play a script beside the model, up to the first difference. Raises HarnessError."""
    with closing(BootedMachine(config, rom, guest)) as machine:
        return play(machine.ready(), script.events)


def debug_replay(
    replay: Replay | Script,
    rom: Rom,
    guest: GuestFile,
    config: MachineConfig,
    commands: Path | None = None,
) -> int:
    """GDB where it matters; its exit status.

    Of a case that is the instruction at which the last interrupt is about to arrive; steps take
    interrupts there, so the next one goes into the handler, if nothing holds it off. Of a script it
    is the event that makes the first difference, which is about to happen; the last one if none
    does. commands: run this GDB script instead of a prompt. Raises HarnessError, MissingTool.
    """
    find_gdb()
    if isinstance(replay, Script):
        with closing(BootedMachine(config, rom, guest)) as machine:
            return run_gdb(_script(*_before_script(machine, replay), guest), commands)
    with closing(Sweeper(config, rom, guest)) as sweeper:
        return run_gdb(_script(*_before_case(sweeper, replay.case), guest), commands)


def _before_case(sweeper: Sweeper, case: Case) -> tuple[Booted, str]:
    stage = sweeper.stage
    point, lines = sweeper.find(case)
    stage.place(point, lines)
    place = stage.view.place_of(point.state["eip"])
    raised = shown_line(lines[0]) if lines else "nothing"
    stage.let_go()
    return stage.booted, f"{case}. At {place}; {raised} is about to arrive."


def _before_script(machine: BootedMachine, script: Script) -> tuple[Booted, str]:
    if not script.events:
        raise HarnessError("The script has no events, so there is nothing to go to.")
    difference = play(machine.ready(), script.events)
    *before, last = (difference.script if difference else script).events
    booted = machine.ready()
    both = Beside(booted)
    for event in before:
        both.happen(event)
    both.stand_before(last)
    machine.machine.wire().close()
    return booted, f"Event {len(before) + 1}, {last}, is about to happen."


def _script(booted: Booted, text: str, guest: GuestFile) -> Iterator[str]:
    yield from SETTINGS
    yield f"target remote {booted.machine.gdb_socket}"
    rom = booted.rom
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
