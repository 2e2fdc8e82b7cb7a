"""GDB on a machine, for people and for tests that speak of symbols and source lines.

Slower than the wire, and it knows what the addresses mean. Spoken in GDB/MI ("Debugging with GDB",
chapter 27) through pygdbmi; each wait ends with the record waited for, never with a timer.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pygdbmi.IoManager import IoManager

from harness.errors import MachineError, MissingTool, WaitTimeout
from harness.machine import background
from harness.machine.control import GUEST_ENDED, REGISTERS, not_reached, stopped_elsewhere
from harness.machine.processor import PLACE, linear_eip

ANSWER_LIMIT = 20.0  # seconds; GDB starts within one, symbols take longer
READ_SLICE = 0.2  # seconds; how often a silent GDB is looked at

SETTINGS = (
    "set confirm off",
    "set pagination off",
    "set width 0",
    "set debuginfod enabled off",
    "set architecture i386",
    "set mi-async on",
    # The guest's memory changes under GDB: by the injector, by loadvm, by other processors.
    "set stack-cache off",
    "set code-cache off",
    "set mem inaccessible-by-default off",
)


@dataclass(frozen=True)
class Location:
    """What an address means: "" and 0 where the symbols do not tell."""

    function: str
    file: str
    line: int


class Debugger:
    """GDB attached to a machine; implements Control.

    gdb_socket: of a stopped machine with no wire open. source_root: where GDB looks for sources.
    Raises MissingTool without gdb, MachineError when nothing listens. `stop` holds what GDB said
    of the last stop (reason, signal-name, frame, ...).
    """

    def __init__(self, gdb_socket: Path, source_root: Path | None = None) -> None:
        gdb = shutil.which("gdb")
        if gdb is None:
            raise MissingTool("gdb", "gdb")
        self.stop: dict[str, Any] = {}
        self._running = False
        self._stopped = False  # a stop came that nobody has waited for yet
        self._token = 0
        self._written: dict[tuple[int, int], None] = {}  # address and length, since the last flush
        # English, whatever the user's language: some answers are prose that is read here.
        command = ["env", "LANGUAGE=", "LC_ALL=C.UTF-8", gdb, "-nx", "-q", "--interpreter=mi3"]
        pipe = subprocess.PIPE
        self._process = background.spawn(command, pipe, pipe, subprocess.STDOUT)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._io = IoManager(self._process.stdin, self._process.stdout, None, 0.001)
        try:
            for setting in SETTINGS:
                self.console(setting)
            if source_root is not None:
                self._ask(f"-environment-directory {_quote(str(source_root))}")
            self.console(f"target remote {gdb_socket}")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def registers(self) -> dict[str, int]:
        """All of REGISTERS by name, unsigned."""
        numbers = " ".join(str(number) for number in range(len(REGISTERS)))
        answer = self._ask(f"-data-list-register-values x {numbers}")
        values = {int(row["number"]): int(row["value"], 16) for row in answer["register-values"]}
        return {name: values[number] for number, name in enumerate(REGISTERS)}

    def set_registers(self, **values: int) -> None:
        """Write the registers named, and no others."""
        for name, value in values.items():
            if name not in REGISTERS:
                raise MachineError(f"i386 has no register {name!r}; it has {', '.join(REGISTERS)}.")
            self.console(f"set var ${name} = {value & 0xFFFFFFFF:#x}")

    def read(self, address: int, length: int) -> bytes:
        """Read memory through the page tables; raises MachineError where nothing is mapped."""
        if length == 0:
            return b""
        answer = self._ask(f"-data-read-memory-bytes {address:#x} {length}")
        data = b"".join(bytes.fromhex(block["contents"]) for block in answer["memory"])
        if len(data) < length:
            raise MachineError(f"No memory is mapped at {address + len(data):#x}.")
        return data

    def write(self, address: int, data: bytes) -> None:
        """Write memory through the page tables, write-protected ROM included."""
        if data:
            self._written[address, len(data)] = None
            self._ask(f"-data-write-memory-bytes {address:#x} {data.hex()}")

    def linear_eip(self) -> int:
        """The linear address of the next instruction: CS base plus EIP."""
        return linear_eip(self.monitor(PLACE))

    def run_to(self, *addresses: int, timeout: float = 10.0) -> int:
        """Continue until the next instruction is at one of the addresses; see Control."""
        # GDB would step off by itself, but in real mode it takes EIP for the linear address.
        if self.linear_eip() in addresses:
            self._resume("-exec-step-instruction")
            self._wait_stop(addresses, timeout)
            if (here := self.linear_eip()) in addresses:
                return here
            if self.stop.get("reason") != "end-stepping-range":
                raise MachineError(stopped_elsewhere(addresses, self._reason(), here))
        # Hardware breakpoints: under KVM the others would patch the memory of the guest.
        inserted = [self._ask(f"-break-insert -h *{address:#x}") for address in addresses]
        try:
            self._resume("-exec-continue")
            self._wait_stop(addresses, timeout)
        finally:
            if not self._running and self._process.poll() is None:
                numbers = " ".join(answer["bkpt"]["number"] for answer in inserted)
                self._ask(f"-break-delete {numbers}")
        if (here := self.linear_eip()) not in addresses:
            raise MachineError(stopped_elsewhere(addresses, self._reason(), here))
        return here

    def step(self, interrupts: bool = False) -> int:
        """Execute one instruction and return EIP; see Control."""
        if interrupts:
            self.console("maintenance packet Qqemu.sstep=1")
        try:
            self._resume("-exec-step-instruction")
            self._wait_stop((), ANSWER_LIMIT)
        finally:
            if interrupts and not self._running and self._process.poll() is None:
                self.console("maintenance packet Qqemu.sstep=7")
        if self.stop.get("signal-name") == "SIGQUIT":
            raise MachineError(stopped_elsewhere((), self._reason(), self.linear_eip()))
        return self.registers()["eip"]

    def cont(self) -> None:
        """Let the machine run, and return at once."""
        self._resume("-exec-continue")

    def interrupt(self) -> int:
        """Stop the machine, if it runs, and return EIP."""
        if self._running:
            self._ask("-exec-interrupt")
            deadline = time.monotonic() + ANSWER_LIMIT
            while self._running:
                self._read(deadline)
        return self.registers()["eip"]

    def flush(self) -> None:
        """Have GDB forget the registers, and QEMU the code that was written: see Wire.flush."""
        self.console("maintenance flush register-cache")
        written, self._written = self._written, {}
        for address, length in written:
            with suppress(MachineError):  # it is not mapped any more
                self.write(address, self.read(address, length))
        self._written.clear()

    def monitor(self, text: str) -> str:
        """Run a line of QEMU's human monitor and return what it printed."""
        return self.console(f"monitor {text}").replace("\r\n", "\n")

    def console(self, command: str) -> str:
        """Run a GDB command as one types it, and return what it printed.

        Raises MachineError with GDB's own words when it fails.
        """
        printed: list[str] = []
        self._ask(f"-interpreter-exec console {_quote(command)}", printed)
        return "".join(printed)

    def add_symbols(self, file: Path, sections: Mapping[str, int]) -> None:
        """Load the symbols of an ELF file whose sections lie at these linear addresses."""
        places = "".join(f" -s {name} {address:#x}" for name, address in sections.items())
        self.console(f"add-symbol-file {_quote(str(file))}{places}")

    def symbol(self, name: str) -> int:
        """The linear address of a symbol; raises MachineError when the files loaded have none."""
        answer = self._ask(f"-data-evaluate-expression {_quote(f'(unsigned int)&{name}')}")
        return int(answer["value"], 0)

    def location(self, address: int) -> Location:
        """The function and the source line at a linear address."""
        function = re.match(r"(\S+)(?: \+ \d+)? in section", self.console(f"info symbol {address}"))
        line = re.match(r'Line (\d+) of "(.*?)"', self.console(f"info line *{address:#x}"))
        return Location(
            function=function[1] if function else "",
            file=line[2] if line else "",
            line=int(line[1]) if line else 0,
        )

    def close(self) -> None:
        """End GDB and leave the machine as it is; safe to call twice."""
        # Asked to exit, GDB would detach, and QEMU then lets the machine run.
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _reason(self) -> str:
        if self.stop.get("signal-name") == "SIGQUIT":
            return GUEST_ENDED
        return str(self.stop.get("signal-name", self.stop.get("reason", "no reason given")))

    def _ask(self, command: str, printed: list[str] | None = None) -> dict[str, Any]:
        """Send an MI command and wait for its result record; collects what is printed meanwhile."""
        self._token += 1
        try:
            self._io.write(f"{self._token}{command}", read_response=False)
        except OSError as error:
            raise MachineError("GDB has ended; start a new debugger.") from error
        deadline = time.monotonic() + ANSWER_LIMIT
        result: dict[str, Any] | None = None
        while result is None:
            for record in self._read(deadline):
                if record["type"] == "result" and record["token"] == self._token:
                    result = record
                elif printed is not None and record["type"] in ("console", "target", "log"):
                    printed.append(record["payload"] or "")
        payload = result["payload"] or {}
        if result["message"] == "error":
            raise MachineError(f"GDB refused {command!r}: {payload.get('msg', 'no reason given')}")
        return dict(payload)

    def _resume(self, command: str) -> None:
        if self._running:
            raise MachineError("The machine is running; call interrupt() before asking it.")
        self._stopped = False
        self._ask(command)

    def _wait_stop(self, addresses: tuple[int, ...], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self._stopped:
            if time.monotonic() >= deadline:
                self.interrupt()
                raise WaitTimeout(not_reached(addresses, timeout, self.linear_eip()))
            self._read(deadline, quiet=True)

    def _read(self, deadline: float, quiet: bool = False) -> list[dict[str, Any]]:
        """The next records, noting on the way whether the machine runs.

        Past the deadline GDB is killed, unless `quiet`: then silence is no fault of its.
        """
        left = deadline - time.monotonic()
        records: list[dict[str, Any]] = self._io.get_gdb_response(
            max(min(left, READ_SLICE), 0.001), raise_error_on_timeout=False
        )
        for record in records:
            if record["type"] == "notify":
                self._note(record["message"], record["payload"] or {})
        if not records and self._process.poll() is not None:
            raise MachineError("GDB has ended; start a new debugger.")
        if not records and left <= 0 and not quiet:
            self._process.kill()
            raise WaitTimeout(f"GDB gave no answer in {ANSWER_LIMIT:g} s and was ended.")
        return records

    def _note(self, message: str, payload: dict[str, Any]) -> None:
        if message == "running":
            self._running = True
        elif message == "stopped":
            self._running, self._stopped, self.stop = False, True, dict(payload)
        elif message == "thread-group-exited":
            self._running = False
            raise MachineError("QEMU ended while the guest ran.")


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
