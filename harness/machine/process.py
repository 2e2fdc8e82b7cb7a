"""One running machine: the QEMU process, its folder, and what reaches into it."""

import os
import shlex
import subprocess
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from harness.errors import HarnessError, MachineDied, MachineError, WaitTimeout
from harness.machine import background, ending
from harness.machine.config import (
    DEBUG_LOG,
    EXECUTION_PIPE,
    FIRMWARE_LOG,
    GDB_SOCKET,
    QEMU_LOG,
    QMP_SOCKET,
    QTEST_SOCKET,
    SERIAL_LOG,
    SNAPSHOT_IMAGE,
    MachineConfig,
    command_line,
)
from harness.machine.ending import (
    EXIT_IS_A_SHUTDOWN,
    GUEST_SHUTDOWN,
    SHUTDOWN,
    Ending,
    ending_of_guest,
    ending_of_process,
    ending_of_quit,
)
from harness.machine.execution import ExecutionLog
from harness.machine.folder import OwnFolder, unusable
from harness.machine.injector import Injector
from harness.machine.journal import Journal
from harness.machine.logs import Logs
from harness.machine.monitor import Monitor
from harness.machine.names import reachable
from harness.machine.picture import general_registers, last_lines
from harness.machine.snapshot import empty_qcow2
from harness.machine.wire import Wire

STDERR_LOG = "stderr.log"
LOGS = (SERIAL_LOG, DEBUG_LOG, FIRMWARE_LOG, QEMU_LOG, STDERR_LOG)
START_LIMIT = 30.0  # seconds, for QEMU to connect to its monitor
QUIT_LIMIT = 10.0  # seconds
EXIT_LIMIT = 2.0  # seconds, for a QEMU that was told to end, or has let go of a connection
LOW_MEMORY_SIZE = 1 << 20  # bytes; a ROM and its block are below
DISCONNECTED = "QEMU closed the connection of its monitor and ran on, so that it was ended."
SOCKET_PATH_LIMIT = 107  # bytes; sockaddr_un, unix(7)

started: "weakref.WeakSet[Machine]" = weakref.WeakSet()
"""The machines of this process that were started, as far as somebody holds them yet."""


class Machine:
    """A machine, from `start` (or `with`) to `close`. It starts stopped.

    config: what to boot. folder: where to leave the logs at the end; None to drop them. Sockets and
    logs live in a folder of the machine's own meanwhile. QEMU ends with this object, and with this
    process however that ends.
    """

    def __init__(self, config: MachineConfig, folder: Path | None = None) -> None:
        self.config = config
        self.command_line: list[str] = []
        self.monitor = Monitor(self.died)
        self.journal = Journal()
        self._keep = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: OwnFolder | None = None
        self._wire: Wire | None = None
        self._injector: Injector | None = None
        self._execution: ExecutionLog | None = None
        self._logs: Logs | None = None
        self._ended: Ending | None = None  # how it ended, where QEMU's exit status does not tell
        self._low_memory = b""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start QEMU, stopped before its first instruction.

        Raises MissingTool without QEMU, HarnessError for a configuration that makes no sense,
        MachineError for a temporary folder that cannot be used, MachineDied, with what QEMU said,
        when it ends at once, and WaitTimeout when it does not come to its monitor.
        """
        if self._folder is not None:
            raise MachineError("This machine was started before; make a new one.")
        self._folder = OwnFolder()
        self._logs = Logs(self._folder.path, LOGS)
        try:
            self._start(self._folder.path, self._logs)
        except OSError as error:
            folder = self._folder.path
            self.close()
            raise unusable(folder, error) from error
        except BaseException:
            self.close()
            raise

    def _start(self, folder: Path, logs: Logs) -> None:
        if len(os.fsencode(folder / QTEST_SOCKET)) > SOCKET_PATH_LIMIT:
            raise MachineError(
                f"The path of the temporary folder {folder} is too long for a socket; "
                "set TMPDIR to a shorter one."
            )
        self.command_line = command_line(reachable(self.config, folder), folder)
        if self.config.snapshot:
            empty_qcow2(folder / SNAPSHOT_IMAGE)
        if self.config.execution:
            self._execution = ExecutionLog(folder / EXECUTION_PIPE, folder / QEMU_LOG)
        self.monitor.listen(folder / QMP_SOCKET)
        with (folder / STDERR_LOG).open("wb") as log:
            self._process = _spawn(self.command_line, log)
        weakref.finalize(self, _end, self._process)
        started.add(self)
        process = self._process  # the loop must not keep this object alive
        background.start(logs.trim_while(lambda: process.poll() is None))
        try:
            self.monitor.accept(lambda: self.alive, START_LIMIT)
        except WaitTimeout:
            text = f"{self.command_line[0]} did not connect to its monitor in {START_LIMIT:g} s"
            raise WaitTimeout(f"{text}; is it a QEMU? {self.picture()}") from None

    @property
    def pid(self) -> int:
        """QEMU's process id."""
        return self._started().pid

    @property
    def alive(self) -> bool:
        """Whether QEMU runs; its guest may have ended all the same."""
        return self._process is not None and self._process.poll() is None

    @property
    def gdb_socket(self) -> Path:
        """Where GDB, or a wire, connects; one at a time."""
        return self._in_folder(GDB_SOCKET)

    def wire(self) -> Wire:
        """The machine by GDB's remote protocol, opened once. Close it before GDB takes over."""
        if self._wire is None or self._wire.closed:
            self._wire = Wire(self.gdb_socket, self.died, self.journal)
        return self._wire

    @property
    def injector(self) -> Injector:
        """What raises interrupts from outside."""
        if self._injector is None:
            socket = self._in_folder(QTEST_SOCKET)
            self._injector = Injector(socket, self.monitor, self.died, self.journal)
        return self._injector

    def console(self) -> str:
        """What the guest wrote to its serial console; the end of it when that is huge."""
        return self._log(SERIAL_LOG)

    def console_from(self, start: int, most: int) -> bytes:
        """What the guest wrote to its serial console from byte `start` on, `most` bytes of it."""
        self._started()
        assert self._logs is not None
        return self._logs.part(SERIAL_LOG, start, most)

    def debug_console(self) -> str:
        """What the guest reported by port 0xe9; the end of it when that is huge."""
        return self._log(DEBUG_LOG)

    def firmware_log(self) -> str:
        """What SeaBIOS logged by port 0x402."""
        return self._log(FIRMWARE_LOG)

    def logs(self) -> dict[str, str]:
        """What all logs hold by the names of their files; of a huge one the end."""
        return {name: self._log(name) for name in LOGS}

    def check_logs(self) -> None:
        """Raise MachineError when the disk is full, and the logs do not hold what was written."""
        if self._logs is not None:
            self._logs.check_room()

    def entries(self) -> Mapping[int, int]:
        """How often the machine came to each linear address of ROM code from another page.

        Exact when the machine is stopped. Raises MachineError for a machine whose configuration
        does not say `execution`.
        """
        if self._execution is None:
            raise MachineError(
                "This machine logs no execution; set execution in its configuration."
            )
        return self._execution.counts()

    def ending(self) -> Ending | None:
        """How the guest ended, or None while it has not."""
        if self._ended is not None:
            return self._ended
        process = self._started()
        if not self.monitor.connected:
            self._wait_exit()  # QEMU lets go of its monitor a moment before it ends
        status = process.poll()
        if status is not None:
            return ending_of_process(status, self._log(STDERR_LOG))
        if not self.monitor.connected:
            _end(process)  # there is no way left to steer it
            self._ended = Ending(ending.DIED, DISCONNECTED, process.returncode)
            return self._ended
        if (reason := self._reason_it_stands()) is None:
            return None
        if reason == GUEST_SHUTDOWN and self.monitor.version() >= EXIT_IS_A_SHUTDOWN:
            self._ended = self._quit()
            return self._ended
        try:
            registers = general_registers(self.monitor.hmp)
        except HarnessError as error:
            registers = f"not to be had: {error}"
        if self._execution is not None:
            self._execution.sync()
        return ending_of_guest(reason, self._log(QEMU_LOG), registers)

    def read_low(self, address: int, length: int) -> bytes:
        """Guest-physical memory below 1 MiB; of a guest that powered off, as it was then.

        Raises MachineDied when QEMU has ended otherwise.
        """
        if self._low_memory:
            return self._low_memory[address : address + length]
        if not self.alive:
            raise self.died("QEMU ended, and the guest's memory with it")
        return self.wire().read_physical(address, length)

    @property
    def has_memory(self) -> bool:
        """Whether `read_low` has something to read."""
        return self.alive or bool(self._low_memory)

    def _quit(self) -> Ending:
        """End a QEMU whose guest powered off or wrote the debug-exit port: its status tells which.

        What may be asked of a guest that powered off is kept.
        """
        path = self._in_folder("memory")
        self.monitor.execute("pmemsave", val=0, size=LOW_MEMORY_SIZE, filename=str(path))
        self.monitor.quit()
        try:
            status = self._started().wait(QUIT_LIMIT)
        except subprocess.TimeoutExpired:
            raise WaitTimeout(f"QEMU did not quit in {QUIT_LIMIT:g} s.") from None
        found = ending_of_quit(status, self._log(STDERR_LOG))
        if found.kind == SHUTDOWN:
            self._low_memory = path.read_bytes()
        return found

    def wait_end(self, timeout: float) -> Ending:
        """Wait, `timeout` seconds at most, for the guest to end; does not set it going.

        A guest that has not ended then gives the kind timeout, with the picture, and goes on.
        """
        deadline = time.monotonic() + timeout
        while (found := self.ending()) is None:
            before = len(self.monitor.events)
            if self._shutdown_reason() is not None:
                continue
            try:
                left = max(deadline - time.monotonic(), 0)
                self.monitor.wait_event({"SHUTDOWN"}, left, before)
            except WaitTimeout:
                return Ending(
                    ending.TIMEOUT, f"The guest did not end in {timeout:g} s.\n{self.picture()}"
                )
            except MachineDied:
                self._wait_exit()
        return found

    def picture(self) -> str:
        """Where the machine stands: what to print when something nobody expected happened."""
        if self.alive and not self.monitor.connected:
            state, registers = "QEMU runs, and nothing connects to its monitor.", ""
        elif self.alive:
            try:
                state = f"QEMU is {self.monitor.status()}."
                registers = general_registers(self.monitor.hmp)
            except HarnessError as error:
                state, registers = f"QEMU does not answer: {error}", ""
        else:
            found = self.ending() if self._process else None
            state, registers = found.detail if found else "QEMU did not start.", ""
        parts = [
            *(state, registers),
            last_lines("serial console", self.console()),
            last_lines("debug console", self.debug_console()),
            last_lines("QEMU's standard error", self._log(STDERR_LOG)),
            f"command line: {shlex.join(self.command_line)}",
        ]
        return "\n".join(part for part in parts if part)

    def died(self, what: str) -> MachineDied:
        """The error for a machine that is gone; what: what was going on, without a full stop."""
        self._wait_exit()
        if not self.monitor.connected:
            self.ending()  # ends a QEMU that let go of us and runs on
        return MachineDied(f"{what}. {self.picture()}")

    def close(self) -> None:
        """End QEMU and remove the folder; safe to call twice."""
        if self._folder is None or not self._folder.exists:
            return
        try:
            if self._wire is not None:
                self._wire.close()
            if self._injector is not None:
                self._injector.close()
            if self.monitor.connected:
                self.monitor.quit()
                self._wait_exit()
            self.monitor.close()
        finally:
            self._end_process_and_folder(self._folder)

    def _end_process_and_folder(self, folder: OwnFolder) -> None:
        if self._process is not None:
            _end(self._process)
        if self._execution is not None:
            self._execution.close()
        try:
            if self._logs is not None:
                self._logs.end(self._keep)
        finally:
            folder.remove()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise MachineError("The machine was not started; call start() or use `with`.")
        return self._process

    def _in_folder(self, name: str) -> Path:
        self._started()
        assert self._folder is not None
        return self._folder.path / name

    def _wait_exit(self) -> None:
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(EXIT_LIMIT)

    def _shutdown_reason(self) -> str | None:
        for event in reversed(self.monitor.events):
            if event["event"] == "RESUME":
                return None
            if event["event"] == "SHUTDOWN" and event["data"].get("guest"):
                return str(event["data"].get("reason"))
        return None

    def _reason_it_stands(self) -> str | None:
        """Why the guest ended, unless it goes on; either's event may be yet to come."""
        before, reason = len(self.monitor.events), self._shutdown_reason()
        with suppress(HarnessError):
            if self.monitor.status() not in ("shutdown", "internal-error"):
                return None
            if reason is None:
                self.monitor.wait_event({"SHUTDOWN"}, EXIT_LIMIT, before)
        return reason or self._shutdown_reason()

    def _log(self, name: str) -> str:
        return self._logs.text(name) if self._logs is not None else ""


def _spawn(command: list[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        return background.spawn(command, subprocess.DEVNULL, log, log)
    except OSError as error:
        text = f"{command[0]} cannot be started: {error.strerror}; name another QEMU."
        raise MachineError(text) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    for ask in (process.terminate, process.kill):
        if process.poll() is None:
            ask()
            with suppress(subprocess.TimeoutExpired):
                process.wait(EXIT_LIMIT)
