"""The monitor's socket: removed, in the way, closed by QEMU, or with nobody who answers."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from harness.errors import MachineDied, MachineError, WaitTimeout
from harness.machine import process, wire
from harness.machine.config import QMP_SOCKET, MachineConfig
from harness.machine.monitor import Monitor
from harness.machine.process import Machine
from tests.faults.kit import Kit
from tests.machine import toys
from tests.machine.conftest import Boot

RELAY = """
import os, select, shutil, socket, sys

[at] = [number for number, word in enumerate(sys.argv) if word.endswith("/qmp.sock")]
kit = sys.argv[at].removeprefix("unix:")
own = os.path.dirname(kit) + "/own"
with socket.socket(socket.AF_UNIX) as server:
    server.bind(own)
    server.listen()
    if os.fork():
        sys.argv[at] = "unix:" + own
        program = shutil.which("qemu-system-i386")
        os.execv(program, [program, *sys.argv[1:]])
    ends = [socket.socket(socket.AF_UNIX), server.accept()[0]]
ends[0].connect(kit)
while True:
    for end in select.select(ends, [], [])[0]:
        data = end.recv(1 << 16)
        if not data or b'"%s"' % CLOSE_AT in data:
            os._exit(0)
        ends[1 - ends.index(end)].sendall(data)
"""
"""A QEMU behind a relay, which closes the monitor's connection when it sees a command."""


def relay(kit: Kit, close_at: str) -> str:
    """That program: QEMU's own process id and command line, and the relay as its child."""
    script = kit.folder / "relay.py"
    script.write_text(f"CLOSE_AT = {close_at.encode()!r}\n{RELAY}")
    return kit.fake(f'exec "{sys.executable}" -ISE "{script}" "$@"')


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short limits for a QEMU that does not do what it is told to."""
    monkeypatch.setattr(process, "EXIT_LIMIT", 0.1)


@pytest.mark.usefixtures("impatient")
def test_a_monitor_that_qemu_closes_ends_a_boot_without_a_verdict(kit: Kit) -> None:
    answer = kit.boot(toys.SPIN, qemu=relay(kit, "stop"), timeout=0.1)
    assert answer.status == 2
    assert "error: QEMU ended while the guest ran. " in answer.said
    assert "QEMU closed the connection of its monitor and ran on, so that it was" in answer.said
    assert "command line: " in answer.said


@pytest.mark.usefixtures("impatient")
def test_a_wait_for_the_end_ends_when_qemu_closes_its_monitor(kit: Kit) -> None:
    config = MachineConfig(kernel=toys.multiboot(kit.folder, toys.SPIN), qemu=relay(kit, "cont"))
    with Machine(config) as machine:
        with pytest.raises(MachineDied, match="closed the connection of its monitor"):
            machine.monitor.cont()
        ending = machine.wait_end(20)
        assert (ending.kind, machine.alive) == ("died", False)
        with pytest.raises(MachineDied, match="closed the connection of its monitor"):
            machine.monitor.status()


def test_a_socket_that_is_removed_before_qemu_connects_is_told(kit: Kit) -> None:
    answer = kit.boot(qemu=kit.fake('rm "$folder/qmp.sock"; exec qemu-system-i386 "$@"'))
    assert answer.status == 2
    assert f"{QMP_SOCKET}: No such file or directory" in answer.said.replace("'", "")


def test_a_socket_that_is_removed_later_does_no_harm(boot: Boot, kit: Kit) -> None:
    machine = boot(toys.EXIT_42)
    (machine.gdb_socket.parent / QMP_SOCKET).unlink()
    machine.monitor.cont()
    assert machine.wait_end(20).value == 42


def test_a_stale_socket_is_no_obstacle(kit: Kit) -> None:
    stale = '"$folder/gdb.sock" "$folder/qtest.sock"'
    left = "import socket, sys; [socket.socket(1).bind(name) for name in sys.argv[1:]]"
    qemu = kit.fake(f'"{sys.executable}" -ISEc "{left}" {stale}; exec qemu-system-i386 "$@"')
    config = MachineConfig(kernel=toys.multiboot(kit.folder, toys.COUNT), qemu=qemu)
    with Machine(config) as machine:
        assert machine.wire().run_to(toys.ENTRY) == toys.ENTRY
        assert machine.injector.inb(0x21) == 0xB8  # what SeaBIOS leaves masked


def test_the_monitor_takes_the_place_of_a_stale_socket(kit: Kit) -> None:
    path = kit.folder / "qmp.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    monitor = Monitor()
    monitor.listen(path)
    monitor.close()


def test_a_file_in_the_way_of_the_socket_is_named(kit: Kit) -> None:
    path = kit.folder / "qmp.sock"
    path.write_text("")
    with pytest.raises(MachineError, match=r"socket .*qmp\.sock cannot be made: .* in use"):
        Monitor().listen(path)


def test_a_qemu_that_hangs_is_given_up_and_ended(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "EXIT_LIMIT", 0.1)
    with Machine(MachineConfig(kernel=toys.multiboot(kit.folder, toys.SPIN))) as machine:
        control = machine.wire()
        monkeypatch.setattr(wire, "ANSWER_LIMIT", 0.2)
        os.kill(machine.pid, signal.SIGSTOP)
        with pytest.raises(WaitTimeout, match=r"GDB server gave no answer in 0\.2 s"):
            control.registers()
        with pytest.raises(WaitTimeout, match=r"command query-status within 0\.2 s: it hangs"):
            machine.monitor.execute("query-status", timeout=0.2)
    assert not machine.alive
    assert not Path(f"/proc/{machine.pid}").exists()
