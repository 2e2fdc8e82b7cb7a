"""The guest hangs, with interrupts on or off, or takes the machine with it: a check that failed."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.booted import GuestFailed, boot_to_ready
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from harness.rom import Rom
from tests.commands.toys import HALT, say
from tests.faults.kit import Kit
from tests.machine import toys
from tests.machine.conftest import Boot

OFF_AND_ON = {
    "off": b"\xfa" + toys.SPIN,  # cli; jmp .
    "on": bytes.fromhex("b0ff e621 e6a1 fb") + toys.SPIN,  # both 8259s masked; sti; jmp .
    "asleep": HALT,
}


@pytest.mark.parametrize("code", OFF_AND_ON.values(), ids=OFF_AND_ON)
def test_a_guest_that_hangs_is_a_check_that_failed(kit: Kit, code: bytes) -> None:
    answer = kit.boot(code, timeout=0.2, machine="isapc")
    assert answer.status == 1
    assert "guest/ends it ran for the 0.2 s of the time limit" in answer.said
    for shown in ("QEMU is paused.", "EIP=", "command line: "):
        assert shown in answer.said


@pytest.mark.parametrize("code", OFF_AND_ON.values(), ids=OFF_AND_ON)
def test_the_picture_of_a_guest_that_hangs_shows_where_and_what_it_said(
    boot: Boot, code: bytes
) -> None:
    start = say("here I am\n")
    machine = boot(start + code)
    end = toys.ENTRY + len(start + code) - 2
    hlt = end - 1
    machine.wire().run_to(hlt if code == HALT else end)
    machine.wire().cont()
    ending = machine.wait_end(0.01)
    assert ending.kind == "timeout"
    assert re.search(f"EIP={end:08x}|EIP={hlt:08x}", ending.detail)
    assert ("EFL=000002" in ending.detail) == (code == OFF_AND_ON["on"])
    assert "last lines of the serial console:\n  here I am" in ending.detail


@pytest.mark.parametrize("real_if", [False, True], ids=["off", "on"])
def test_a_guest_that_never_comes_to_ready_has_failed(
    kit: Kit, roms: Mapping[str, Rom], wedge_guest: GuestFile, real_if: bool
) -> None:
    """It stands in a loop of its own: at `ready`, which is looked for elsewhere."""
    labels = {**wedge_guest.labels, "ready": 0x1234567}
    rom = roms["native"]
    config = MachineConfig(option_rom=rom.path, kernel=wedge_guest.path)
    with Machine(config) as machine:
        if real_if:
            machine.wire().run_to(wedge_guest.labels["ready"])
            eflags = machine.wire().registers()["eflags"]
            machine.wire().set_registers(eflags=eflags | 0x200)
        with pytest.raises(GuestFailed) as error:
            boot_to_ready(machine, rom, replace(wedge_guest, labels=labels), timeout=0.5)
        assert machine.alive
    said = str(error.value)
    assert said.startswith("The guest was not ready within 0.5 s.\nQEMU is ")
    assert "EFL=" in said


ENDS = {
    "triple fault": (toys.TRIPLE_FAULT, 1, "guest/does-not-triple-fault it ended by: triple fault"),
    "reset": (toys.RESET, 1, "guest/says-the-text"),
    "power off": (toys.POWER_OFF, 1, "guest/says-the-text"),
}


@pytest.mark.parametrize(("code", "status", "said"), ENDS.values(), ids=ENDS)
def test_a_guest_that_ends_the_machine_is_told_from_one_that_hangs(
    kit: Kit, code: bytes, status: int, said: str
) -> None:
    answer = kit.boot(say("hello\n") + code, until="good bye")
    assert answer.status == status
    assert said in answer.said
    assert "last lines of the serial console:\n  hello" in answer.said


@pytest.mark.parametrize("code", [toys.RESET, toys.TRIPLE_FAULT], ids=["reset", "triple fault"])
def test_a_guest_that_would_reset_for_ever_ends_with_its_first_reset(kit: Kit, code: bytes) -> None:
    config = MachineConfig(kernel=toys.multiboot(kit.folder, toys.debug_print("x") + code))
    with Machine(config) as machine:
        machine.monitor.cont()
        assert machine.wait_end(20).kind in ("reset", "triple fault")
        resets = [event for event in machine.monitor.events if event["event"] == "RESET"]
        assert (machine.debug_console(), len(resets)) == ("x", 0)
