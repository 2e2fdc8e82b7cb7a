"""GDB is killed, or says nothing; the machine under it stays as it is."""

import os
import signal

import pytest

from harness.errors import MachineError, WaitTimeout
from harness.machine import debugger
from harness.machine.config import MachineConfig
from harness.machine.debugger import Debugger
from harness.machine.process import Machine
from tests.commands.verbs import program
from tests.faults.kit import Kit
from tests.machine import toys
from tests.machine.conftest import Boot


def gdb_of(attached: Debugger) -> int:
    """The process id of its GDB."""
    return attached._process.pid


def test_a_gdb_that_is_killed_is_told_and_the_machine_goes_on(boot: Boot) -> None:
    machine = boot(toys.COUNT)
    with Debugger(machine.gdb_socket) as attached:
        attached.run_to(toys.ENTRY)
        os.kill(gdb_of(attached), signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(MachineError, match="GDB has ended; start a new debugger"):
                attached.registers()
    with Debugger(machine.gdb_socket) as again:
        assert again.run_to(toys.ENTRY + 2) == toys.ENTRY + 2


def test_a_gdb_that_is_killed_while_the_guest_runs_is_told(boot: Boot) -> None:
    machine = boot(toys.SPIN)
    with Debugger(machine.gdb_socket) as attached:
        attached.cont()
        os.kill(gdb_of(attached), signal.SIGKILL)
        with pytest.raises(MachineError, match="GDB has ended"):
            attached.interrupt()
    assert machine.wire().linear_eip() > 0


def test_a_gdb_that_stops_answering_is_ended(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = boot(toys.COUNT)
    with Debugger(machine.gdb_socket) as attached:
        monkeypatch.setattr(debugger, "ANSWER_LIMIT", 0.2)
        os.kill(gdb_of(attached), signal.SIGSTOP)
        with pytest.raises(WaitTimeout, match=r"GDB gave no answer in 0\.2 s and was ended"):
            attached.registers()
    assert machine.wire().run_to(toys.ENTRY) == toys.ENTRY


def test_a_gdb_that_ends_at_once_is_told(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    program(kit.folder / "gdb", "echo no; exit 1")
    monkeypatch.setenv("PATH", str(kit.folder), prepend=os.pathsep)

    def verb() -> None:
        with Machine(MachineConfig()) as machine:
            Debugger(machine.gdb_socket)

    answer = kit.ask(verb)
    assert answer.status == 2
    assert answer.said == "error: GDB has ended; start a new debugger."
