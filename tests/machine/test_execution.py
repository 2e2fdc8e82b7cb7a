"""The execution log: lines in by a pipe, counts out, and nothing that waits for ever."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError, MachineError
from harness.machine.config import MachineConfig, command_line
from harness.machine.execution import ExecutionLog
from harness.machine.process import Machine

ENTERED = b"Trace 0: 0x7fce18000240 [%08x/%08x/00000040/ff000000] \n"
ENTERED_IN_QEMU_5 = b"Chain 1: 0x7fce18000240 [%08x/%08x/0x40b3] \n"
NOT_ENTERED = b"Stopped execution of TB chain before 0x7fce18000240 [%08x] \n"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ExecutionLog]:
    found = ExecutionLog(tmp_path / "pipe", tmp_path / "log")
    yield found
    found.close()


@pytest.fixture
def writer(log: ExecutionLog, tmp_path: Path) -> Iterator[int]:
    """The end of the pipe that QEMU has."""
    end = os.open(tmp_path / "pipe", os.O_WRONLY)
    yield end
    os.close(end)


def test_each_line_of_an_address_counts_one(log: ExecutionLog, writer: int) -> None:
    for line in (ENTERED, ENTERED_IN_QEMU_5, ENTERED):
        os.write(writer, line % (0, 0xC00E7000))
    os.write(writer, ENTERED % (0xF0000, 0xE7004))
    assert log.counts() == {0xC00E7000: 3, 0xE7004: 1}


def test_what_was_left_before_its_first_instruction_does_not_count(
    log: ExecutionLog, writer: int
) -> None:
    os.write(writer, ENTERED % (0, 0x1000) + ENTERED % (0, 0x2000) + NOT_ENTERED % 0x2000)
    assert log.counts() == {0x1000: 1}


def test_what_the_firmware_ran_before_an_option_roms_init_does_not_count(
    log: ExecutionLog, writer: int
) -> None:
    firmware = ENTERED % (0, 0xE91A5) + NOT_ENTERED % 0x2000
    os.write(writer, firmware + ENTERED % (0xC0800, 0xC0803) + ENTERED % (0, 0xE9004))
    assert log.counts() == {0xE9004: 1}
    os.write(writer, ENTERED % (0, 0xC0803))  # in protected mode it is none
    assert log.counts() == {0xE9004: 1, 0xC0803: 1}


def test_other_lines_go_to_the_log_file(log: ExecutionLog, writer: int, tmp_path: Path) -> None:
    os.write(writer, b"CPU Reset (CPU 0)\n" + ENTERED % (0, 0x1000) + b"Triple fault\n")
    log.sync()
    assert (tmp_path / "log").read_bytes() == b"CPU Reset (CPU 0)\nTriple fault\n"


def test_much_is_read_while_it_is_written(log: ExecutionLog, writer: int) -> None:
    lines = ENTERED % (0, 0x1000) * 10_000
    for _ in range(10):  # many times what a pipe holds
        os.write(writer, lines)
    assert log.counts() == {0x1000: 100_000}


def test_counts_stay_when_the_writer_has_gone(log: ExecutionLog, tmp_path: Path) -> None:
    with (tmp_path / "pipe").open("wb") as end:
        end.write(ENTERED % (0, 0x1000))
    log.close()
    assert log.counts() == {0x1000: 1}


def test_an_end_that_is_none_any_more_when_it_is_read_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pipe had no writer when it was looked at, and `sync` became one."""
    read, tries = os.read, iter([BlockingIOError(11, "Resource temporarily unavailable")])

    def late(descriptor: int, size: int) -> bytes:
        for error in tries:
            raise error
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", late)
    log = ExecutionLog(tmp_path / "pipe", tmp_path / "log")
    with (tmp_path / "pipe").open("wb") as end:
        end.write(ENTERED % (0, 0x1000))
    log.close()
    assert log.counts() == {0x1000: 1}


def test_a_pipe_that_nobody_ever_wrote_to_closes(log: ExecutionLog) -> None:
    log.close()
    assert log.counts() == {}


def test_a_log_that_cannot_be_kept_blocks_nobody_and_is_no_count(tmp_path: Path) -> None:
    log = ExecutionLog(tmp_path / "pipe", tmp_path / "no such folder" / "log")
    log.close()
    with pytest.raises(OSError, match="No such device"):  # what QEMU's next write would be told
        os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(MachineError, match=r"could not be kept: .*No such file"):
        log.counts()


def test_a_machine_that_logs_no_execution_has_no_entries(machine_config: MachineConfig) -> None:
    with pytest.raises(MachineError, match="set execution in its configuration"):
        Machine(machine_config).entries()


def test_only_tcg_logs_execution(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="Only the accelerator tcg counts calls"):
        command_line(MachineConfig(accel="kvm", execution=True), tmp_path)
