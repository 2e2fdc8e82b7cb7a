"""Raises interrupts from outside, while the machine is stopped: exact to the instruction.

Lines of the two 8259s, port accesses and messages to a local APIC go by QEMU's qtest protocol, the
NMI of all processors by QMP.
"""

import socket
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from harness.errors import MachineError
from harness.machine.journal import ASK, NMI, Journal
from harness.machine.monitor import Monitor

ANSWER_LIMIT = 10.0  # seconds

MASTER_PORT = 0x20
SLAVE_PORT = 0xA0
KEYBOARD_DATA = 0x60
KEYBOARD_COMMAND = 0x64
MESSAGES = 0xFEE00000
DELIVER_NMI = 0x400  # delivery mode, in a message's data
WRITE_OUTPUT_BUFFER = 0xD2  # the 8042 then takes a byte as if the keyboard had sent it


class Injector:
    """What reaches a machine's interrupt pins and ports.

    lost: makes the error to raise when QEMU is gone, from a sentence that says what was asked.
    journal: where it notes what it does to the machine.
    """

    def __init__(
        self,
        qtest_socket: Path,
        monitor: Monitor,
        lost: Callable[[str], MachineError] = MachineError,
        journal: Journal | None = None,
    ) -> None:
        self._journal = journal or Journal()
        self._monitor = monitor
        self._lost = lost
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_LIMIT)
        try:
            self._socket.connect(str(qtest_socket))
        except OSError as error:
            self._socket.close()
            raise lost(f"No qtest server listens at {qtest_socket}") from error
        self._answers = self._socket.makefile("r", encoding="ascii")

    def raise_irq(self, line: int) -> None:
        """Raise an input of the 8259s: 0 to 7 of the master, 8 to 15 of the slave.

        The device that is wired to the line may move it too; choose one whose device is quiet.
        """
        self._set_irq(line, 1)

    def lower_irq(self, line: int) -> None:
        """Lower an input of the 8259s."""
        self._set_irq(line, 0)

    def pulse(self, line: int) -> None:
        """Raise and lower an input: an edge, which the 8259 latches where it is edge-triggered.

        QEMU keeps the request when the line falls; a real 8259A that is acknowledged only then
        reports a spurious IRQ 7 (Intel 8259A data sheet, "edge and level triggered modes").
        """
        self._set_irq(line, 1)
        self._set_irq(line, 0)

    def keyboard_byte(self, value: int) -> None:
        """Let the keyboard controller hold a byte, and raise IRQ 1 if the guest enabled it."""
        self.outb(KEYBOARD_COMMAND, WRITE_OUTPUT_BUFFER)
        self.outb(KEYBOARD_DATA, value)

    def inb(self, port: int) -> int:
        """Read a byte from an I/O port, with the effects that reading has."""
        return int(self.ask(f"inb {port:#x}")[0], 16)

    def outb(self, port: int, value: int) -> None:
        """Write a byte to an I/O port."""
        self.ask(f"outb {port:#x} {value:#x}")

    def line_request(self, line: int, level: int) -> str:
        """The request for `ask` that sets an input of the 8259s to 0 or 1."""
        if not 0 <= line <= 15:
            raise MachineError(f"The 8259s have no line {line}; give 0 to 15.")
        pic = self._pics[SLAVE_PORT if line >= 8 else MASTER_PORT]
        return f"set_irq_in {pic} unnamed-gpio-in {line % 8} {level}"

    def ask(self, *requests: str) -> list[str]:
        """Send qtest requests in one go and return their answers: one round trip for all.

        QEMU's docs/devel/qtest.rst says what it understands; ports are `inb PORT` and
        `outb PORT VALUE`. Raises MachineError for a request that it refuses.
        """
        self._journal.note(ASK, requests)
        try:
            self._socket.sendall("".join(f"{request}\n" for request in requests).encode())
            answers = [self._answers.readline() for _ in requests]
        except OSError as error:
            raise self._lost(f"QEMU did not answer the qtest request {requests[0]!r}") from error
        values = []
        for request, answer in zip(requests, answers, strict=True):
            if not answer:
                raise self._lost(f"QEMU did not answer the qtest request {request!r}")
            word, _, value = answer.strip().partition(" ")
            if word != "OK":
                raise MachineError(f"QEMU refused the qtest request {request!r}: {answer.strip()}.")
            values.append(value)
        return values

    def nmi(self) -> None:
        """Raise the non-maskable interrupt."""
        self._journal.note(NMI)
        self._monitor.inject_nmi()

    def message(self, processor: int, vector: int) -> None:
        """Send an edge-triggered interrupt to one local APIC: to it, an IPI looks the same.

        processor: its APIC ID (Intel SDM 3A, 10.11, message signalled interrupts).
        """
        self.ask(f"writel {MESSAGES | processor << 12:#x} {vector:#x}")

    def nmi_message(self, processor: int) -> None:
        """Send a non-maskable interrupt to one local APIC."""
        self.ask(f"writel {MESSAGES | processor << 12:#x} {DELIVER_NMI:#x}")

    def close(self) -> None:
        """Close the connection; lines that are raised stay so."""
        self._answers.close()
        self._socket.close()

    @cached_property
    def _pics(self) -> dict[int, str]:
        """The QOM paths of the two 8259s by their first port; the paths differ by version."""
        pics = {}
        for child in self._monitor.execute("qom-list", path="/machine/unattached"):
            if child["type"] == "child<isa-i8259>":
                path = f"/machine/unattached/{child['name']}"
                pics[self._monitor.execute("qom-get", path=path, property="iobase")] = path
        if pics.keys() != {MASTER_PORT, SLAVE_PORT}:
            raise MachineError("QEMU emulates no pair of 8259s here; run with the accelerator tcg.")
        return pics

    def _set_irq(self, line: int, level: int) -> None:
        self.ask(self.line_request(line, level))
