"""QEMU ends when nobody expects it: at its start, before its guest is ready, and after."""

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from threading import Thread

import pytest

from harness.booted import BootedMachine, boot_to_ready
from harness.errors import MachineDied
from harness.guest import GuestFile
from harness.machine import process
from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from harness.plugin import MachinePool
from harness.rom import Rom
from tests.faults.kit import Kit


def kill_while_it_runs(machine: Machine) -> None:
    """Kill its QEMU as soon as its guest has been set going."""

    def kill() -> None:
        machine.monitor.wait_event({"RESUME"})
        os.kill(machine.pid, signal.SIGKILL)

    Thread(target=kill).start()


def test_a_qemu_that_is_killed_before_it_connects_is_told_at_once(kit: Kit) -> None:
    answer = kit.boot(qemu=kit.fake("kill -KILL $$"))
    assert answer.status == 2
    assert "QEMU ended before it connected to its monitor" in answer.said
    assert "QEMU was ended by the signal SIGKILL." in answer.said
    assert f"command line: {kit.folder}/fake " in answer.said


def test_a_qemu_that_never_connects_is_given_up_and_quoted(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "START_LIMIT", 0.3)
    answer = kit.boot(qemu=kit.fake("echo thinking >&2; exec sleep 600"))
    assert answer.status == 2
    assert "did not connect to its monitor in 0.3 s; is it a QEMU?" in answer.said
    assert "thinking" in answer.said


def test_a_file_that_is_no_program_is_no_qemu(kit: Kit) -> None:
    (kit.folder / "data").write_bytes(b"\x7fELF")
    (kit.folder / "data").chmod(0o755)
    answer = kit.boot(qemu=str(kit.folder / "data"))
    assert answer.status == 2
    assert answer.said.endswith("data cannot be started: Exec format error; name another QEMU.")


def test_a_qemu_that_is_killed_before_its_guest_is_ready_is_no_verdict(
    kit: Kit, roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> None:
    rom = roms["native"]
    nowhere = replace(wedge_guest, labels={**wedge_guest.labels, "ready": 0x1234567})
    config = MachineConfig(option_rom=rom.path, kernel=wedge_guest.path)

    def verb() -> None:
        with Machine(config) as machine:
            kill_while_it_runs(machine)
            boot_to_ready(machine, rom, nowhere)

    answer = kit.ask(verb)
    assert answer.status == 2
    assert "QEMU was ended by the signal SIGKILL." in answer.said
    assert "command line: " in answer.said


def test_a_qemu_that_is_killed_after_its_guest_is_ready_is_replaced(
    kit: Kit, roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> None:
    pool = MachinePool()
    try:
        parts = (MachineConfig(), roms["native"], wedge_guest)
        booted = pool.ready(*parts)
        os.kill(booted.machine.pid, signal.SIGKILL)
        with pytest.raises(MachineDied, match="QEMU was ended by the signal SIGKILL"):
            booted.call("GetCR0")
        again = pool.ready(*parts)
        assert again.machine.pid != booted.machine.pid
        assert again.call("GetCR0")["eax"] & 1
    finally:
        pool.close()


def test_a_machine_whose_qemu_was_killed_can_be_closed(
    kit: Kit, roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> None:
    machine = BootedMachine(MachineConfig(), roms["native"], wedge_guest, with_gdb=True)
    booted = machine.ready()
    os.kill(booted.machine.pid, signal.SIGKILL)
    machine.close()
    assert not booted.machine.alive
