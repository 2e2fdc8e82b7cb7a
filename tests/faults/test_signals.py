"""A verb is ended by SIGTERM or SIGKILL: no process of it is left, and soon no file either."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from harness.machine import background, folder
from harness.machine.folder import OwnFolder
from harness.machine.process import START_LIMIT
from tests.commands.test_signals import told, wait
from tests.commands.verbs import LIMIT, Inv, copy_of_checkout, program
from tests.faults.kit import Kit

SUITE = """
import time
from harness.machine.config import MachineConfig
from harness.machine.process import Machine

def test_that_takes_its_time():
    with Machine(MachineConfig()):
        with open({fifo!r}, "w") as told:
            told.write("x")
        time.sleep({seconds})
"""

SIGNALS = {"TERM": signal.SIGTERM, "KILL": signal.SIGKILL}


def processes_under(temporary: Path) -> list[int]:
    """The processes whose folder for temporary files is this or below."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):  # it may have ended meanwhile
            if (
                entry.name.isdigit()
                and f"TMPDIR={temporary}".encode() in (entry / "environ").read_bytes()
            ):
                found.append(int(entry.name))
    return found


def all_end(temporary: Path) -> bool:
    """Whether all those have ended, or do so before long: much sooner than a wait gives up."""
    deadline = time.monotonic() + START_LIMIT / 2
    while left := processes_under(temporary):
        if time.monotonic() > deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return False
        time.sleep(0.01)
    return True


Begin = Callable[[Inv, Path, signal.Signals], tuple[list[str | Path], Inv]]


def a_boot(inv: Inv, fifo: Path, number: signal.Signals) -> tuple[list[str | Path], Inv]:
    """A boot whose QEMU says that it was started, and does no more."""
    return ["boot", "--qemu", qemu(inv, fifo, "sleep 600")], inv


def a_test(inv: Inv, fifo: Path, number: signal.Signals) -> tuple[list[str | Path], Inv]:
    """A suite on a worker of xdist, with a machine. SIGTERM lets a test come to its end."""
    root = copy_of_checkout(inv.folder)
    (root / "tests").mkdir()
    seconds = 1 if number == signal.SIGTERM else 600
    (root / "tests/test_it.py").write_text(SUITE.format(fifo=str(fifo), seconds=seconds))
    return ["test", "--workers", "1"], inv.of(root)


def an_explore(inv: Inv, fifo: Path, number: signal.Signals) -> tuple[list[str | Path], Inv]:
    """A sweep whose worker has a QEMU; one that it would wait for, unless SIGTERM is to come."""
    real = f"'{shutil.which('qemu-system-i386')}' \"$@\""
    qemu(inv, fifo, real if number == signal.SIGTERM else "sleep 600")
    words: list[str | Path] = ["explore", "--call", "interrupts", "--workers", "1"]
    return words, inv.of(copy_of_checkout(inv.folder))


def a_matrix(inv: Inv, fifo: Path, number: signal.Signals) -> tuple[list[str | Path], Inv]:
    """A cell, in whose boot a QEMU says that it was started."""
    words: list[str | Path] = ["--machine", "pc", "--backend", "native", "--workers", "1"]
    words = ["matrix", "--qemu", qemu(inv, fifo, "sleep 600"), *words]
    return words, inv.of(copy_of_checkout(inv.folder))


def qemu(inv: Inv, fifo: Path, then: str) -> Path:
    return program(inv.folder / "qemu-system-i386", f"echo >'{fifo}'; exec {then}")


ENDED: tuple[tuple[Begin, str], ...] = (
    (a_boot, "KILL"),  # SIGTERM: tests/commands/test_signals.py
    (a_matrix, "KILL"),
    *((begin, how) for begin in (a_test, an_explore) for how in SIGNALS),
)


@pytest.mark.parametrize(
    ("begin", "how"), ENDED, ids=lambda value: getattr(value, "__name__", value)
)
def test_a_verb_that_is_ended_takes_all_with_it(
    inv: Inv, monkeypatch: pytest.MonkeyPatch, begin: Begin, how: str
) -> None:
    fifo, number = inv.folder / "fifo", SIGNALS[how]
    words, mine = begin(inv, fifo, number)
    path = f"{inv.folder}{os.pathsep}{os.environ['PATH']}"
    with told(fifo) as reader, mine.started(*words, PATH=path) as started:
        wait(reader)
        started.process.send_signal(number)
        assert started.process.wait(LIMIT) == (143 if number == signal.SIGTERM else -number)
        assert all_end(inv.temporary)
        assert "Traceback" not in started.said
    for own in inv.temporary.glob("pytest-of-*"):
        shutil.rmtree(own)
    left = list(inv.temporary.iterdir())
    assert len(left) == (0 if number == signal.SIGTERM else 1)
    monkeypatch.setattr(tempfile, "tempdir", str(inv.temporary))
    deadline = time.monotonic() + LIMIT
    while list(inv.temporary.iterdir()):  # a process that ends gives up its locks last of all
        assert time.monotonic() < deadline
        start_anew()


def start_anew() -> None:
    """Make and remove a folder of the kit's, as the next process would."""
    folder._remove_abandoned.cache_clear()
    OwnFolder().remove()


def test_below_a_shell_that_ignores_ctrl_c_what_was_started_still_ends_by_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        nothing = subprocess.DEVNULL
        process = background.spawn(["sleep", "600"], nothing, nothing, nothing)
    finally:
        signal.signal(signal.SIGINT, before)
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(START_LIMIT) == -signal.SIGINT
    finally:
        process.kill()


def test_a_folder_that_somebody_holds_is_not_removed(kit: Kit) -> None:
    with OwnFolder() as held:
        start_anew()
        assert held.path.is_dir()


def test_where_there_are_no_locks_folders_are_made_and_left_to_their_owners(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with OwnFolder() as own:
        start_anew()
        assert own.path.is_dir()


def test_what_only_looks_like_a_folder_of_the_kits_is_left(kit: Kit) -> None:
    others = [
        kit.temporary / name for name in ("wedge-abcdefgh", "wedge-12345678", "wedge-gdb-123456")
    ]
    for other in others:
        other.mkdir()
    file = kit.temporary / "wedge-1-2"
    file.write_text("")
    start_anew()
    assert all(other.is_dir() for other in others)
    assert file.is_file()
    shutil.rmtree(kit.temporary)
    kit.temporary.mkdir()


def test_a_terminal_that_is_closed_ends_a_verb_as_sigterm_does(kit: Kit) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a suite below nohup ignores it
    try:
        with pytest.raises(SystemExit) as end:
            kit.ask(lambda: signal.raise_signal(signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert end.value.code == 129


def test_a_debug_that_is_killed_takes_gdb_with_it(
    inv: Inv, monkeypatch: pytest.MonkeyPatch
) -> None:
    with inv.started("debug") as verb:
        verb.read_until(r"\(gdb\) ")
        verb.process.kill()
        assert verb.process.wait(LIMIT) == -signal.SIGKILL
        assert all_end(inv.temporary)
    monkeypatch.setattr(tempfile, "tempdir", str(inv.temporary))
    start_anew()
