"""What these tests do to a second processor: call, send it interrupts, start it anew."""

import re
from typing import Self

from harness.booted import Booted

IPI = 0x50
"""The vector of the guest's IPIs (`guests/two/interrupts.s`)."""

STARTUP = 0x4608
"""ICR: start up at the guest's trampoline, page 8."""

OWN = {"returned": "second_returned", "kernel_stack_top": "second_stack_top"}
"""Labels of the second processor for what the first one has."""


class Second(Booted):
    """The second processor as `Booted` has the first: it runs alone while this is in use."""

    @classmethod
    def of(cls, booted: Booted) -> Self:
        """The second processor at `second_returned`, its count of IPIs cleared."""
        booted.machine.wire().attend(1)
        second = cls(booted.machine, booted.rom.of_processor(1), booted.guest, booted.control)
        second.control.set_registers(
            eip=second.label("returned"), esp=second.label("kernel_stack_top")
        )
        second.clear()
        return second

    def label(self, name: str) -> int:
        """The linear address of a label, its own `returned` and stack among them."""
        return super().label(OWN.get(name, name))

    def clear(self) -> None:
        """Forget what handlers noted."""
        self.clear_log()
        self.control.write(self.label("ipis"), bytes(8))

    @property
    def arrivals(self) -> int:
        """IPIs that this processor's handler was entered for."""
        return self.word_at("ipis", 1)

    def word_at(self, name: str, index: int) -> int:
        """The dword of one processor at a label of the guest."""
        data = self.control.read(self.label(name) + 4 * index, 4)
        return int.from_bytes(data, "little")

    def send(self, vector: int = IPI) -> None:
        """What another processor's IPI does to this one's local APIC."""
        self.machine.injector.message(1, vector)

    def under_way(self) -> list[int]:
        """Vectors requested or in service at its local APIC."""
        return lapic(self, "IRR") + lapic(self, "ISR")


def lapic(booted: Booted, register: str) -> list[int]:
    """The vectors in a register of the second processor's local APIC: IRR or ISR."""
    found = re.search(rf"^{register}\t (.*)$", booted.machine.monitor.hmp("info lapic 1"), re.M)
    assert found is not None
    return [int(number) for number in re.findall(r"\d+", found[1])]


def lingers(second: Second) -> None:
    """Let the processor run a little at `returned`, so that what can arrive arrives."""
    for _ in range(3):
        second.finish()


def start_natively(booted: Booted, apic: int = 1, with_idt: bool = True) -> None:
    """INIT and STARTUP by the guest: that processor comes to a loop, with the guest's IDT or none.

    All processors run meanwhile; then that one is the one attended.
    """
    wire = booted.machine.wire()
    wire.attend(None)
    booted.set_word("native_begins", booted.label("second_returned"))
    booted.set_word("native_idt", int(with_idt))
    for command in (0x4500, STARTUP):
        send_command(booted, command, apic)
    wire.attend(apic)
    wire.run_to(booted.label("second_returned"))


def send_command(booted: Booted, command: int, apic: int) -> None:
    """Have the first processor write its ICR."""
    returned = booted.guest.labels["returned"]
    esp = booted.guest.labels["kernel_stack_top"] - 4
    control = booted.control
    booted.machine.wire().attend(0)
    control.write(esp, returned.to_bytes(4, "little"))
    control.set_registers(eip=booted.guest.labels["send"], esp=esp, eax=command, edx=apic)
    control.run_to(returned)
