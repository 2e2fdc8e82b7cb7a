"""A debug session: GDB on a booted ROM, stopped where the ROM begins, in either mode."""

import shutil
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness.boot import BootRequest
from harness.booted import SOURCE_ROOT
from harness.errors import HarnessError, MachineError, MissingTool, WaitTimeout
from harness.front import run_in_front
from harness.guest import GuestFile, load_guest
from harness.machine.config import LINEAR_BASES
from harness.machine.ending import DIED
from harness.machine.folder import OwnFolder, unusable
from harness.machine.process import Machine
from harness.rom import OPTION_ROM_AREA, LocatedRom, Rom, load_rom, locate_rom

INIT_OFFSET = 0x80
"""Where the guest enters VMI_Init (VMI ABI, section 1.1)."""

POST_OFFSET = 3
"""Where the BIOS enters the 16-bit init of any option ROM (PCI Firmware Specification)."""

SETTINGS = (
    "set confirm off",
    "set pagination off",
    "set debuginfod enabled off",
    "set osabi none",
    "set architecture i386",
    f'directory "{SOURCE_ROOT}"',
)
"""GDB commands that every session begins with."""

UNPLACED = 0xFFFF0000
"""A linear address for symbols of what is not in memory yet: behind the BIOS's own copy."""

STOPS = ("init", "post", "ready")


def debug_session(request: BootRequest, at: str = "init", commands: Path | None = None) -> int:
    """Boot, stop, and hand the terminal to GDB; answer GDB's exit status.

    at: `init`, `post` or `ready` (a guest of ours). commands: run this GDB script instead of a
    prompt. Raises HarnessError when the machine does not come there in time or GDB crashes,
    MissingTool.
    """
    find_gdb()
    if at not in STOPS:
        raise HarnessError(f"There is no stop {at!r}; choose from {', '.join(STOPS)}.")
    if commands is not None and not commands.is_file():
        raise HarnessError(f"The GDB script {commands} is not a file.")
    rom, guest = load_rom(request.rom), load_guest(request.guest)
    config = replace(request.config, option_rom=request.rom, kernel=request.guest)
    with Machine(config) as machine:
        located, linear = _run_to(machine, rom, guest, at, request.timeout)
        machine.wire().close()
        return run_gdb(_script(machine, located, guest, at, linear), commands)


def find_gdb() -> str:
    """The path of GDB; raises MissingTool."""
    gdb = shutil.which("gdb")
    if gdb is None:
        raise MissingTool("gdb", "gdb")
    return gdb


def run_gdb(script: Iterable[str], commands: Path | None = None) -> int:
    """Hand the terminal to GDB after these commands of its own; answer its exit status.

    commands: run this GDB script instead of a prompt. Raises MissingTool, and HarnessError when
    GDB crashes or its commands find no room.
    """
    with OwnFolder() as folder:
        file = folder.path / "session.gdb"
        try:
            file.write_text("\n".join(script) + "\n")
        except OSError as error:
            raise unusable(folder.path, error) from error
        command = [find_gdb(), "-nx", "-q", "-x", str(file)]
        command += ["-batch", "-x", str(commands)] if commands else []
        with _interrupts_left_to_gdb():
            status = run_in_front(command, signal.SIGTERM)
    if status < 0:
        raise HarnessError(f"GDB was ended by the signal {signal.Signals(-status).name}.")
    return status


def _run_to(
    machine: Machine, rom: Rom, guest: GuestFile, at: str, timeout: float
) -> tuple[LocatedRom, int]:
    """Run to the stop, and answer where the ROM is, and the guest's linear minus its physical.

    No BIOS tells beforehand where it will put the ROM, so every place where it may be is watched.
    """
    wire = machine.wire()
    if at == "ready":
        if not guest.is_ours:
            raise HarnessError("Only a guest of ours has a `ready`; stop at init or post.")
        places = {guest.labels["ready"]: 0}
    else:
        bases = LINEAR_BASES if at == "init" else (0,)
        offset = INIT_OFFSET if at == "init" else POST_OFFSET
        places = {base + rom + offset: base for base in bases for rom in OPTION_ROM_AREA}
    while True:
        try:
            here = wire.run_to(*places, timeout=timeout)
        except WaitTimeout as error:
            text = f"The guest did not come to {at} within {timeout:g} s: it may not know VMI."
            raise HarnessError(f"{text}\n{machine.picture()}") from error
        except MachineError as error:
            ending = machine.ending()
            if ending is not None and ending.kind == DIED:
                raise
            how = ending.detail if ending else f"The machine stopped.\n{machine.picture()}"
            raise HarnessError(f"The guest did not come to {at}. {how}") from error
        located = locate_rom(rom, wire.read_physical)
        linear = places[here]
        entries = {"init": INIT_OFFSET, "post": POST_OFFSET}
        if located and (at == "ready" or here == linear + located.base + entries[at]):
            return located, linear


def _script(
    machine: Machine, located: LocatedRom, guest: GuestFile, at: str, linear: int
) -> Iterator[str]:
    """The session's GDB commands: how to see both modes, the symbols, and where we stand."""
    yield from SETTINGS
    yield from (
        "define real",
        "  monitor x /8i $cs*16+$eip",  # GDB cannot decode 16-bit code of a 32-bit target
        "end",
        "document real",
        "Show the next instructions of real-mode code, at CS:EIP.",
        "end",
        "define protected",
        "  x/8i $eip",
        "end",
        "document protected",
        "Show the next instructions of protected-mode code, at EIP.",
        "end",
        f"target remote {machine.gdb_socket}",
    )
    if located.rom.symbol_file.exists():
        # In real mode GDB sees EIP alone, which is the offset in the image: so the symbols stand
        # at 0 as well. Before POST is over the wedge has no place; it gets one out of the way.
        offsets = [0, located.base] if at == "post" else [located.base + linear]
        wedge = located.block + linear if located.block else UNPLACED
        for offset in offsets:
            symbols = quoted(located.rom.symbol_file)
            yield f"add-symbol-file {symbols} -s .rom {offset} -s .wedge {wedge}"
    if guest.labels:
        yield f"add-symbol-file {quoted(guest.path)}"
    yield f"echo \\n{located.rom.path.name} is at {located.base:#x}"
    yield f"echo , its RAM block at {located.block:#x}.\\n" if located.block else "echo .\\n"
    yield "echo Commands of the kit: `real` and `protected` show the code of either mode.\\n\\n"
    yield "frame" if at == "ready" else "stepi"  # past the jump in the header; shows the source
    yield "real" if at == "post" else "protected"


def quoted(path: Path) -> str:
    """A path as one word of a GDB command."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


@contextmanager
def _interrupts_left_to_gdb() -> Iterator[None]:
    """Ctrl-C in a session stops the guest, which is GDB's business and not ours."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
