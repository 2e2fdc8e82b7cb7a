"""A verb that is interrupted, ended or robbed of its QEMU cleans up and says so.

That no process and no temporary file is left is what the fixture `inv` checks after each test.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands.toys import guest
from tests.commands.verbs import LIMIT, Inv, Started, program
from tests.machine.toys import SPIN

RUNS = "bytes on the serial console"
"""What the progress line says once the guest runs."""

TELL = bytes.fromhex("b021 e6e8")  # mov $'!', %al; out %al, $0xe8


@contextmanager
def told(fifo: Path) -> Iterator[int]:
    """A FIFO that somebody is going to write to, opened so that they do not wait."""
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield reader
    finally:
        os.close(reader)


def wait(reader: int) -> None:
    """Wait until the FIFO was written to."""
    readable, _, _ = select.select([reader], [], [], LIMIT)
    assert readable
    assert os.read(reader, 1)


@contextmanager
def hanging_boot(inv: Inv, *more: str) -> Iterator[Started]:
    """A boot whose guest runs, and does not end."""
    toy = guest(inv.folder, SPIN)
    with inv.started("boot", "--guest", toy, "--timeout", "600", *more) as verb:
        verb.read_until(RUNS)
        yield verb


@pytest.mark.parametrize("more", [(), ("--count",)], ids=["plain", "count"])
def test_ctrl_c_ends_a_boot_with_130(inv: Inv, more: tuple[str, ...]) -> None:
    with hanging_boot(inv, *more) as verb:
        verb.process.send_signal(signal.SIGINT)
        assert verb.status() == 130
        assert verb.said.rstrip().endswith("interrupted")
        assert "Traceback" not in verb.said


def test_sigterm_ends_a_boot_with_143(inv: Inv) -> None:
    with hanging_boot(inv) as verb:
        verb.process.terminate()
        assert verb.status() == 143
        assert "Traceback" not in verb.said


@pytest.mark.parametrize("more", [(), ("--count",)], ids=["plain", "count"])
def test_a_qemu_that_is_killed_while_it_runs_is_told(inv: Inv, more: tuple[str, ...]) -> None:
    with hanging_boot(inv, *more) as verb:
        os.kill(verb.qemu(), signal.SIGKILL)
        assert verb.status() == 2
        assert "QEMU was ended by the signal SIGKILL" in verb.said
        assert "command line: " in verb.said


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_boot_can_be_ended_while_it_waits_for_qemu(
    inv: Inv, number: signal.Signals, status: int
) -> None:
    fifo = inv.folder / "fifo"
    fake = program(inv.folder / "fake", f"echo >'{fifo}'; exec sleep 600")
    with told(fifo) as reader, inv.started("boot", "--qemu", fake) as verb:
        wait(reader)
        verb.process.send_signal(number)
        assert verb.status() == status, verb.said
        assert "Traceback" not in verb.said


def test_ctrl_c_ends_a_debug_that_waits_for_its_guest(inv: Inv) -> None:
    fifo = inv.folder / "fifo"
    device = f"-chardev file,id=fifo,path='{fifo}' -device isa-debugcon,iobase=0xe8,chardev=fifo"
    qemu = program(inv.folder / "qemu", f'exec qemu-system-i386 "$@" {device}')
    toy = guest(inv.folder, TELL + SPIN)
    words = ("debug", "--guest", toy, "--timeout", "600", "--qemu", qemu)
    with told(fifo) as reader, inv.started(*words) as verb:
        wait(reader)
        verb.process.send_signal(signal.SIGINT)
        assert verb.status() == 130
        assert "Traceback" not in verb.said


def test_ctrl_c_at_the_prompt_is_gdbs_business(inv: Inv) -> None:
    with inv.started("debug") as verb:
        verb.read_until(r"\(gdb\) ")
        os.killpg(verb.process.pid, signal.SIGINT)  # as a terminal does
        verb.read_until("Quit")
        verb.write("quit\n")
        assert verb.status() == 0
