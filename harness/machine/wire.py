"""A client of GDB's remote protocol, for loops over thousands of boundaries.

The protocol is described in "Debugging with GDB", appendix E. QEMU's stub wants an acknowledgement
for each packet, and takes any byte it gets from us while the machine runs as "stop".
"""

import re
import socket
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import MachineError, WaitTimeout
from harness.machine.control import GUEST_ENDED, REGISTERS, not_reached, stopped_elsewhere
from harness.machine.journal import OTHER, REGISTERS_SET, RUN, STEP, WRITE, Journal
from harness.machine.processor import PLACE, linear_eip

ANSWER_LIMIT = 10.0  # seconds, for an answer that needs no guest to run
BLOCK = 1024  # bytes of memory a packet; QEMU takes packets of 4096 characters

_PACKET = re.compile(rb"\$([^#]*)#[0-9a-fA-F]{2}", re.S)
_SIGNALS = {2: "it was stopped by the monitor", 3: GUEST_ENDED}


class Wire:
    """The machine by GDB's remote protocol; implements Control.

    lost: makes the error to raise when QEMU is gone, from a sentence that says what was asked.
    journal: where it notes what it does to the machine.
    """

    def __init__(
        self,
        socket_path: Path,
        lost: Callable[[str], MachineError] = MachineError,
        journal: Journal | None = None,
    ) -> None:
        self._lost = lost
        self._journal = journal or Journal()
        self._buffer = b""
        self._running = False
        self._written: dict[tuple[int, int], None] = {}  # address and length, since the last flush
        self._processor: int | None = None
        self.closed = False
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_LIMIT)
        try:
            self._socket.connect(str(socket_path))
        except OSError as error:
            self._socket.close()
            raise lost(f"No GDB server listens at {socket_path}") from error
        # QEMU up to 7.2 announces the stop that attaching causes; it precedes this answer.
        self._ask("qSupported")

    def attend(self, processor: int | None) -> None:
        """Go on with one processor alone, 0 the first: the others stand until told otherwise.

        Registers, steps and places are that processor's. With None, as at first, all run: the first
        one is looked at until one stops, and then that one. Raises MachineError for a processor
        that the machine does not have.
        """
        self._journal.note(OTHER)
        self._processor = processor or 0
        self._look()
        self._processor = processor

    def registers(self) -> dict[str, int]:
        """All of REGISTERS by name, unsigned."""
        return _registers(self._ask("g"))

    def set_registers(self, **values: int) -> None:
        """Write the registers named, and no others."""
        for name in values:
            if name not in REGISTERS:
                raise MachineError(f"i386 has no register {name!r}; it has {', '.join(REGISTERS)}.")
        self._journal.note(REGISTERS_SET, (item for pair in values.items() for item in pair))
        # All of them in one packet: QEMU takes single ones only after a talk about its layout.
        words = {**self.registers(), **values}.values()
        data = struct.pack("<16I", *(word & 0xFFFFFFFF for word in words))
        self._order(f"G{data.hex()}", "write the registers")

    def read(self, address: int, length: int) -> bytes:
        """Read memory through the page tables; raises MachineError where nothing is mapped."""
        data = b""
        while len(data) < length:
            block = min(BLOCK, length - len(data))
            answer = self._ask(f"m{address + len(data):x},{block:x}")
            if answer.startswith("E"):
                raise MachineError(f"No memory is mapped at {address + len(data):#x}.")
            data += bytes.fromhex(answer)
        return data

    def read_physical(self, address: int, length: int) -> bytes:
        """Read guest-physical memory, whatever the page tables say."""
        self._order("Qqemu.PhyMemMode:1", "address physical memory")
        try:
            return self.read(address, length)
        finally:
            if not self.closed:
                self._order("Qqemu.PhyMemMode:0", "address linear memory")

    def write(self, address: int, data: bytes) -> None:
        """Write memory through the page tables, write-protected ROM included."""
        self._journal.note(WRITE, (address, data))
        for offset in range(0, len(data), BLOCK):
            block = data[offset : offset + BLOCK]
            where = address + offset
            self._written[where, len(block)] = None
            self._order(f"M{where:x},{len(block):x}:{block.hex()}", f"write memory at {where:#x}")

    def linear_eip(self) -> int:
        """The linear address of the next instruction: CS base plus EIP."""
        return linear_eip(self.monitor(PLACE))

    def run_to(self, *addresses: int, timeout: float = 10.0) -> int:
        """Continue until the next instruction is at one of the addresses; see Control."""
        self._journal.note(RUN, addresses)
        if _here(self._ask_all(_WHERE), addresses) in addresses:
            self._resume("s")
            signal, said = self._wait_stop(addresses, timeout, *_WHERE)
            if (here := _here(said, addresses)) in addresses:
                return here
            if signal != 5:
                raise MachineError(stopped_elsewhere(addresses, _reason(signal), here))
        # Z1, not Z0: under KVM the latter would patch the memory of the guest.
        points = [f"Z1,{address:x},1" for address in addresses]
        removals = [point.lower() for point in points]
        self._resume("c", *points)
        try:
            answers = [self._answer() for _ in points]
            if any(answer != "OK" for answer in answers):
                self.interrupt()
                _check(points, answers, "set a breakpoint")
            signal, said = self._wait_stop(addresses, timeout, *_WHERE, *removals)
        except BaseException:
            if not (self._running or self.closed):
                self._orders(removals, "remove a breakpoint")
            raise
        _check(removals, said[len(_WHERE) :], "remove a breakpoint")
        if (here := _here(said, addresses)) not in addresses:
            raise MachineError(stopped_elsewhere(addresses, _reason(signal), here))
        return here

    def step(self, interrupts: bool = False) -> int:
        """Execute one instruction and return EIP; see Control."""
        self._journal.note(STEP, (interrupts,))
        if interrupts:
            self._order("Qqemu.sstep=1", "let interrupts in while stepping")
        try:
            self._resume("s")
            signal, [said] = self._wait_stop((), ANSWER_LIMIT, "g")
        finally:
            if interrupts and not (self._running or self.closed):
                self._order("Qqemu.sstep=7", "hold interrupts off while stepping")
        if signal != 5:
            raise MachineError(stopped_elsewhere((), _reason(signal), self.linear_eip()))
        return _registers(said)["eip"]

    def cont(self) -> None:
        """Let the machine run, and return at once."""
        self._journal.note(OTHER)
        self._resume("c")

    def interrupt(self) -> int:
        """Stop the machine, if it runs, and return EIP."""
        # A stop that came by itself and the one asked for here look alike: ask something else
        # behind it, and drop all stops before its answer.
        if self._running:
            self._running = False
            self._send(b"\x03")
        self._ask("qC")
        self._look()
        return self.registers()["eip"]

    def flush(self) -> None:
        """Have QEMU forget what it made of code that was written since the last time.

        QEMU 11.1 runs on with its translation of code that loadvm has changed. A write of what is
        there makes it look again; where nothing is mapped any more there is nothing to look at.
        """
        places = [f"{address:x},{length:x}" for address, length in self._written]
        self._written.clear()
        found = self._ask_all([f"m{place}" for place in places])
        there = [
            f"M{place}:{data}"
            for place, data in zip(places, found, strict=True)
            if not data.startswith("E")
        ]
        _check(there, self._ask_all(there), "write what is there")

    def monitor(self, text: str) -> str:
        """Run a line of QEMU's human monitor and return what it printed."""
        return self._ask(_command(text))

    def exchange(self, *packets: str) -> list[str]:
        """Send packets in one go and return their answers, in order: one round trip for all.

        No packet may set the machine going, and each must have one answer, so `qRcmd` is none of
        these. An answer of E and two digits is QEMU's refusal; the caller looks at it.
        """
        self._journal.note(OTHER)
        self._post(packets)
        return [self._answer() for _ in packets]

    def go(self, *packets: str, timeout: float) -> int:
        """Send packets in one go, the last of which sets the machine going; returns the signal.

        Breakpoints are the caller's. Raises MachineError when one of the others is refused, and
        WaitTimeout, with the machine stopped, when it has not stopped by itself in `timeout`
        seconds.
        """
        self._journal.note(OTHER)
        self._post(packets)
        for packet in packets[:-1]:
            if (answer := self._answer()).startswith("E"):
                raise MachineError(f"QEMU's GDB server refused {packet[:40]!r}: {answer!r}.")
        self._running = True
        signal, _ = self._wait_stop((), timeout)
        return signal

    def close(self) -> None:
        """Close the connection; the machine stays as it is, so that GDB can take over."""
        self.closed = True
        self._socket.close()

    def _ask(self, packet: str) -> str:
        [answer] = self._ask_all([packet])
        return answer

    def _ask_all(self, packets: Sequence[str]) -> list[str]:
        """Send packets in one go, commands of the monitor among them; their answers, in order."""
        self._post(packets)
        try:
            return [self._printed(p) if p[:6] == "qRcmd," else self._answer() for p in packets]
        except (KeyboardInterrupt, SystemExit):
            self.close()  # nobody can tell any more which answer is whose
            raise

    def _printed(self, packet: str) -> str:
        printed = b""
        while (answer := self._answer()) != "OK":
            if not answer.startswith("O"):
                text = bytes.fromhex(packet[6:]).decode()
                raise MachineError(f"QEMU refused the monitor command {text!r}: {answer}.")
            printed += bytes.fromhex(answer[1:])
        return printed.decode(errors="replace").replace("\r\n", "\n")

    def _order(self, packet: str, what: str) -> None:
        self._orders([packet], what)

    def _orders(self, packets: Sequence[str], what: str) -> None:
        _check(packets, self._ask_all(packets), what)

    def _look(self, *then: str) -> list[str]:
        """Turn to the processor attended, since QEMU has turned to the one that stopped, and ask
        something; its answers.
        """
        if (number := self._processor) is None:
            return self._ask_all(then)
        turn = f"Hg{number + 1:x}"
        turned, _, *answers = self._ask_all([turn, _command(f"cpu {number}"), *then])
        _check([turn], [turned], f"look at processor {number}")
        return answers

    def _resume(self, action: str, *before: str) -> None:
        """Set the machine going, behind packets whose answers come before its stop."""
        if self._processor is not None:
            action = f"vCont;{action}:{self._processor + 1:x}"
        self._post([*before, action])
        self._running = True

    def _wait_stop(
        self, addresses: tuple[int, ...], timeout: float, *then: str
    ) -> tuple[int, list[str]]:
        """Wait for a stop, and ask something then. Answers the stop's signal, and the answers.

        Stops the machine and raises WaitTimeout when none comes.
        """
        deadline = time.monotonic() + timeout
        try:
            stop = self._receive(deadline)
            while stop[:1] not in "TSW":
                stop = self._receive(deadline)
        except TimeoutError:
            self.interrupt()
            raise WaitTimeout(not_reached(addresses, timeout, self.linear_eip())) from None
        self._running = False
        if stop.startswith("W"):
            self.close()
            raise self._lost("QEMU ended while the guest ran")
        return int(stop[1:3], 16), self._look(*then)

    def _answer(self) -> str:
        """The next packet that does not announce a stop."""
        deadline = time.monotonic() + ANSWER_LIMIT
        try:
            while (packet := self._receive(deadline)).startswith("T"):
                pass
        except TimeoutError:
            raise WaitTimeout(f"QEMU's GDB server gave no answer in {ANSWER_LIMIT:g} s.") from None
        return packet

    def _post(self, packets: Sequence[str]) -> None:
        if self._running:
            raise MachineError("The machine is running; call interrupt() before asking it.")
        bodies = (packet.encode() for packet in packets)
        self._send(b"".join(b"$%s#%02x" % (body, sum(body) & 0xFF) for body in bodies))

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(ANSWER_LIMIT)
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise WaitTimeout(f"QEMU's GDB server took nothing for {ANSWER_LIMIT:g} s.") from None
        except OSError as error:
            self.close()
            raise self._lost("QEMU closed the GDB connection") from error

    def _receive(self, deadline: float) -> str:
        while (match := _PACKET.search(self._buffer)) is None:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.0001))
            try:
                data = self._socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                self.close()
                raise self._lost("QEMU closed the GDB connection")
            self._buffer += data
        # No acknowledgement: to QEMU the start of our next packet is as good.
        self._buffer = self._buffer[match.end() :]
        return match[1].decode("ascii")


def _reason(signal: int) -> str:
    return _SIGNALS.get(signal, f"signal {signal}")


def _registers(answer: str) -> dict[str, int]:
    words = struct.unpack("<16I", bytes.fromhex(answer[: 8 * len(REGISTERS)]))
    return dict(zip(REGISTERS, words, strict=True))


def _command(text: str) -> str:
    """A line of QEMU's human monitor as a packet."""
    return "qRcmd," + text.encode().hex()


_WHERE = ("g", _command(PLACE))
"""Asks where the machine stands, for _here."""


def _here(said: Sequence[str], addresses: Sequence[int]) -> int:
    # With flat segments EIP alone tells, and it is that of the processor that stopped.
    eip = _registers(said[0])["eip"]
    return eip if eip in addresses else linear_eip(said[1])


def _check(packets: Sequence[str], answers: Sequence[str], what: str) -> None:
    for packet, answer in zip(packets, answers, strict=True):
        if answer != "OK":
            raise MachineError(
                f"QEMU's GDB server would not {what}: to {packet[:40]!r} it said {answer!r}."
            )
