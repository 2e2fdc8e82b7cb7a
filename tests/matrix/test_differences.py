"""What is known to differ between QEMU versions is as the matrix's data file says."""

import pytest

from harness.booted import RESUME, Booted
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.control import read_u32
from harness.plugin import MachinePool
from harness.rom import Rom
from tests.interrupts.steps import arrive, enable

MOVE_5_TO_EAX = b"\xb8\x05\0\0\0\xc3"  # movl $5, %eax; ret


def test_from_qemu_10_on_an_external_interrupt_pushes_rf(booted: Booted) -> None:
    enable(booted)
    booted.clear_log()
    arrive(booted, 5)
    [entry] = booted.log()
    pushed = read_u32(booted.control, entry.frame + 8)
    assert bool(pushed & RESUME) == (booted.machine.monitor.version() >= (10, 0, 0))
    assert entry.eflags == pushed & ~RESUME


@pytest.mark.parametrize("with_gdb", [False, True], ids=["wire", "gdb"])
def test_code_that_was_changed_from_outside_is_the_roms_again_for_the_next_who_has_the_machine(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    wedge_rom: Rom,
    wedge_guest: GuestFile,
    with_gdb: bool,
) -> None:
    # QEMU 11.1 goes on with its translation of code that loadvm has changed.
    for _ in range(2):
        booted = machine_pool.ready(machine_config, wedge_rom, wedge_guest, with_gdb)
        mask = booted.call("GetInterruptMask")["eax"]
        booted.control.write(booted.rom.stub("GetInterruptMask"), MOVE_5_TO_EAX)
        assert booted.call("GetInterruptMask")["eax"] == 5
        booted = machine_pool.ready(machine_config, wedge_rom, wedge_guest, with_gdb)
        assert booted.call("GetInterruptMask")["eax"] == mask
