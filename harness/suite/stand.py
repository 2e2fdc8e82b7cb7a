"""GDB on the machine of a test that failed, standing where it failed."""

import sys
from collections.abc import Iterator, Sequence

from harness.booted import Booted
from harness.debug import SETTINGS, quoted, run_gdb
from harness.errors import HarnessError
from harness.guest import load_guest
from harness.machine.debugger import Debugger
from harness.rom import LocatedRom, load_rom, locate_rom
from harness.suite.look import Used

STEPS_TAKE_INTERRUPTS = "maintenance packet Qqemu.sstep=5"


def open_gdb(node: str, text: str, machines: Sequence[Used], attached: Sequence[Debugger]) -> None:
    """Hand the terminal to GDB on the first of a test's machines that is alive.

    Without a terminal, or a machine, it says so: what GDB would be given, or why there is nothing
    to stand on. text: what pytest says of the failure. attached: the test's own debuggers, which
    have to let go first.
    """
    print(f"\n{node} failed:\n{_cause(text)}\n")
    alive = [used for used in machines if used.machine.alive]
    if not alive:
        print("There is no machine to stand on: the test has none that runs.")
        return
    used = alive[0]
    if not sys.stdin.isatty():
        print(f"At a terminal, GDB would now open on the machine of {used.name}:")
        print("\n".join(f"  {line}" for line in _script(used)))
        return
    try:
        script = list(_script(used))
        _let_go(used, attached)
        run_gdb(script)
    except HarnessError as error:
        print(f"error: {error}")


def _cause(text: str) -> str:
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return "\n".join(lines) or text


def _let_go(used: Used, attached: Sequence[Debugger]) -> None:
    """Leave the machine's GDB server: it serves one at a time."""
    for debugger in attached:
        debugger.close()
    if used.booted is not None and isinstance(used.booted.control, Debugger):
        used.booted.control.close()
    used.machine.wire().close()


def _script(used: Used) -> Iterator[str]:
    """The session's GDB commands: the symbols, and where it stands."""
    yield from SETTINGS
    located = _located(used)
    yield f"target remote {used.machine.gdb_socket}"
    if located is not None and located.rom.symbol_file.exists():
        places = "".join(f" -s {name} {at:#x}" for name, at in located.sections.items())
        yield f"add-symbol-file {quoted(located.rom.symbol_file)}{places}"
    kernel = used.machine.config.kernel
    if kernel is not None and load_guest(kernel).labels:
        yield f"add-symbol-file {quoted(kernel)}"
    yield STEPS_TAKE_INTERRUPTS
    yield f"echo \\nThe machine of {used.name}, as the test left it.\\n"
    yield "echo stepi takes interrupts; x/8i $eip shows the code.\\n\\n"
    yield "frame"
    yield "x/4i $eip"


def _located(used: Used) -> LocatedRom | None:
    if isinstance(used.booted, Booted):
        return used.booted.rom
    path = used.machine.config.option_rom
    if path is None:
        return None
    try:
        return locate_rom(load_rom(path), used.machine.read_low)
    except HarnessError:
        return None
