"""8259s whose vectors begin elsewhere: a line is known by what is in service, not by its vector."""

import pytest

from harness.booted import Booted
from tests.interrupts.steps import arrive, in_service, mask_interrupts, release

MASTER, SLAVE = 0x58, 0x70
"""First vectors; the low five bits of neither are those of the usual ones."""


def program(booted: Booted) -> None:
    """Initialise both (Intel 8259A data sheet, ICW1 to ICW4)."""
    for port, first, wired in ((0x20, MASTER, 4), (0xA0, SLAVE, 2)):
        for at, value in ((port, 0x11), (port + 1, first), (port + 1, wired), (port + 1, 1)):
            booted.machine.injector.outb(at, value)
        booted.machine.injector.outb(port + 1, 0)


@pytest.mark.parametrize(("first", "second"), [(3, 1), (5, 12), (6, 13), (7, 4)])
def test_what_waits_is_held_back_until_the_eoi_of_what_came_before_it(
    bare: Booted, first: int, second: int
) -> None:
    program(bare)
    vector = {line: MASTER + line if line < 8 else SLAVE + line - 8 for line in (first, second)}
    mask_interrupts(bare)
    arrive(bare, first, second)
    bare.prepare("EnableInterrupts")
    bare.finish(bare.label(f"entry_{vector[second]:02x}"))
    place = bare.label("user_stack")
    esp = bare.control.registers()["esp"]
    bare.control.write(place, b"\x90\xeb\xfd")  # nop; jmp

    def enable() -> int:
        bare.prepare_at(bare.rom.stub("EnableInterrupts"), (place,), esp=esp)
        return bare.control.run_to(place, bare.label(f"entry_{vector[first]:02x}"))

    assert enable() == place, "it came before the EOI"
    if second >= 8:
        bare.machine.injector.outb(0xA0, 0x20)
    bare.machine.injector.outb(0x20, 0x20)
    assert enable() != place, "it did not come after the EOI"
    release(bare, first, second)
    assert in_service(bare) == ((1 << first, 0) if first < 8 else (4, 1 << first - 8))
