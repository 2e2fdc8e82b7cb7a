"""A GDB server that refuses a breakpoint, as KVM does where a processor has no more of them."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.machine.wire import Wire
from tests.machine import toys
from tests.machine.conftest import Boot


def refusing(listener: socket.socket, server: Path) -> None:
    """Relay a connection to QEMU's server; the answer to the first Z1 becomes an error."""
    with listener, socket.socket(socket.AF_UNIX) as qemu:
        qemu.connect(str(server))
        asked, refused = threading.Event(), threading.Event()

        def answer(ours: socket.socket) -> None:
            with suppress(OSError):
                while data := qemu.recv(4096):
                    if asked.is_set() and not refused.is_set() and b"$OK#9a" in data:
                        refused.set()
                        data = data.replace(b"$OK#9a", b"$E22#a9", 1)
                    ours.sendall(data)

        ours, _ = listener.accept()
        with ours:
            threading.Thread(target=answer, args=(ours,), daemon=True).start()
            while data := ours.recv(4096):
                if b"$Z1" in data:
                    asked.set()
                qemu.sendall(data)


def test_a_breakpoint_that_is_refused_is_told_and_the_machine_stands(
    boot: Boot, tmp_path: Path
) -> None:
    machine = boot(toys.SPIN)
    at = tmp_path / "relay"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(at))
    listener.listen()
    threading.Thread(target=refusing, args=(listener, machine.gdb_socket), daemon=True).start()
    wire = Wire(at)
    with pytest.raises(MachineError, match=r"would not set a breakpoint: to 'Z1,.* it said 'E22'"):
        wire.run_to(toys.ENTRY)
    assert machine.monitor.status() == "paused"
    assert wire.run_to(toys.ENTRY) == toys.ENTRY
    wire.close()
