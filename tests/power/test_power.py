"""Reboot and Shutdown: neither returns, and each does what it says to the machine."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from harness.booted import IF, Booted, boot_to_ready
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.ending import RESET
from harness.machine.process import Machine
from harness.rom import Rom

SOFT, HARD = 0, 1


@pytest.fixture(params=["pc", "isapc", "q35"])
def ready(
    request: pytest.FixtureRequest,
    machine_config: MachineConfig,
    wedge_rom: Rom,
    wedge_guest: GuestFile,
) -> Iterator[Booted]:
    """A guest at `ready` on a machine of its own, since the test ends it."""
    config = replace(
        machine_config,
        machine=request.param,
        option_rom=wedge_rom.path,
        kernel=wedge_guest.path,
    )
    with Machine(config) as machine:
        yield boot_to_ready(machine, wedge_rom, wedge_guest)


@pytest.mark.parametrize("how", [SOFT, HARD], ids=["soft", "hard"])
def test_reboot_resets_the_machine(ready: Booted, how: int) -> None:
    ready.prepare("Reboot", eax=how)
    ready.control.cont()
    assert ready.machine.wait_end(10.0).kind == RESET


def test_shutdown_halts_with_interrupts_off_and_nothing_wakes_it(bare: Booted) -> None:
    _check_shutdown(bare)


def test_shutdown_halts_on_native_too(
    roms: Mapping[str, Rom], wedge_guest: GuestFile, machine_config: MachineConfig
) -> None:
    rom = roms["native"]
    config = replace(machine_config, option_rom=rom.path, kernel=wedge_guest.path)
    with Machine(config) as machine:
        _check_shutdown(boot_to_ready(machine, rom, wedge_guest))


def _check_shutdown(booted: Booted) -> None:
    halt = booted.rom.symbol("shutdown_halt")
    booted.call("EnableInterrupts")
    booted.clear_log()
    booted.prepare("Shutdown")
    assert booted.finish(halt)["eflags"] & IF == 0
    booted.machine.injector.keyboard_byte(0x1C)
    booted.machine.injector.nmi()  # wakes a HLT; Shutdown goes back to it
    assert booted.control.run_to(booted.label("handler_logged")) != halt
    assert booted.control.run_to(halt) == halt
    assert [entry.vector for entry in booted.log()] == [2]
    assert not booted.real_if()
