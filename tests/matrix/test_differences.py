"""What is known to differ between QEMU versions is as the matrix's data file says."""

from harness.booted import RESUME, Booted
from harness.machine.control import read_u32
from tests.interrupts.steps import arrive, enable


def test_from_qemu_10_on_an_external_interrupt_pushes_rf(booted: Booted) -> None:
    enable(booted)
    booted.clear_log()
    arrive(booted, 5)
    [entry] = booted.log()
    pushed = read_u32(booted.control, entry.frame + 8)
    assert bool(pushed & RESUME) == (booted.machine.monitor.version() >= (10, 0, 0))
    assert entry.eflags == pushed & ~RESUME
