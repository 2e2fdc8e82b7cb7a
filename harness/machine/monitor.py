"""The machine's monitor (QMP), as plain functions that wait, over qemu.qmp's async client."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from qemu.qmp import (
    EventListener,
    ExecInterruptedError,
    ExecuteError,
    Message,
    QMPClient,
    QMPError,
    Runstate,
)

from harness.errors import MachineError, WaitTimeout
from harness.machine import background
from harness.machine.processor import ProcessorState, parse_registers

T = TypeVar("T")

SET_ACTION = (6, 0, 0)
"""The first QEMU with the QMP command set-action."""


class _Client(QMPClient):
    """QMPClient that writes messages out for its log only where somebody keeps that.

    A machine that is stepped sends two events a step; writing them out took a sixth of the
    processor time of who stepped it.
    """

    def _cb_inbound(self, msg: Message) -> Message:
        return super()._cb_inbound(msg) if self.logger.isEnabledFor(logging.DEBUG) else msg

    def _cb_outbound(self, msg: Message) -> Message:
        return super()._cb_outbound(msg) if self.logger.isEnabledFor(logging.DEBUG) else msg


class Monitor:
    """QMP of one machine. We listen and QEMU connects: no polling, no stale socket.

    lost: makes the error to raise when QEMU is gone, from a sentence that says what was asked.
    """

    def __init__(self, lost: Callable[[str], MachineError] = MachineError) -> None:
        self._client = _Client("wedge")
        self._listener = EventListener()
        self._client.register_listener(self._listener)
        self._lost = lost
        self._events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._disconnecting = asyncio.Lock()
        self.connected = False

    def listen(self, socket: Path) -> None:
        """Open the socket that QEMU will connect to."""
        try:
            background.run(self._client.start_server(str(socket)), 10.0, "the monitor's socket")
        except (QMPError, OSError) as error:
            raise MachineError(f"The monitor's socket {socket} cannot be made: {error}.") from error

    def accept(self, alive: Callable[[], bool], timeout: float = 30.0) -> None:
        """Wait until QEMU has connected; raises the `lost` error as soon as it is not alive."""
        try:
            connected = background.run(
                self._accept(alive), timeout, "QEMU did not connect to its monitor"
            )
        except (QMPError, OSError, EOFError) as error:
            raise self._lost("QEMU ended before it greeted its monitor") from error
        if not connected:
            raise self._lost("QEMU ended before it connected to its monitor")
        self.connected = True
        background.start(self._watch())

    def execute(self, command: str, timeout: float = 10.0, **arguments: Any) -> Any:
        """Run a QMP command and return its value.

        Underscores in argument names become dashes. Raises MachineError when QEMU refuses,
        WaitTimeout after `timeout` seconds.
        """
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        return self._ask(self._client.execute(command, named or None), timeout, command)

    def hmp(self, text: str, timeout: float = 30.0, cpu: int | None = None) -> str:
        """Run a line of QEMU's human monitor and return what it printed, errors included.

        cpu: the processor it is about, 0 unless told.
        """
        arguments: dict[str, Any] = {"command-line": text}
        if cpu is not None:
            arguments["cpu-index"] = cpu
        return str(self.execute("human-monitor-command", timeout, **arguments))

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """All events so far, oldest first, as QMP sent them."""
        with self._changed:
            return tuple(self._events)

    def wait_event(
        self, names: Collection[str], timeout: float = 10.0, after: int = 0
    ) -> dict[str, Any]:
        """The first event with one of the names, past the first `after` events recorded.

        To wait for what an action causes, take `len(monitor.events)` before it. Raises WaitTimeout,
        or the `lost` error when QEMU ends first.
        """

        def found() -> dict[str, Any] | None:
            return next((e for e in self._events[after:] if e["event"] in names), None)

        wanted = " or ".join(names)
        deadline = time.monotonic() + timeout
        with self._changed:
            while (event := found()) is None:
                left = deadline - time.monotonic()
                if not self.connected:
                    raise self._lost(f"QEMU ended before the event {wanted}")
                if left <= 0:
                    raise WaitTimeout(f"The event {wanted} did not come within {timeout:g} s.")
                self._changed.wait(min(left, background.SLICE))
            return event

    def status(self) -> str:
        """QEMU's run state: prelaunch, running, paused, debug, shutdown, ..."""
        return str(self.execute("query-status")["status"])

    def version(self) -> tuple[int, int, int]:
        """QEMU's version: major, minor, micro."""
        numbers = self.execute("query-version")["qemu"]
        return numbers["major"], numbers["minor"], numbers["micro"]

    def stop(self) -> None:
        """Stop the processors."""
        self.execute("stop")

    def cont(self) -> None:
        """Let the processors run."""
        self.execute("cont")

    def quit(self) -> None:
        """Ask QEMU to end; it may do so before it has answered, or be past answering."""
        with suppress(MachineError, WaitTimeout):
            self.execute("quit", timeout=2.0)

    def system_reset(self) -> None:
        """Reset the machine, whatever state it is in. Raises MachineError before QEMU 6.0.

        The machine runs with -no-reboot, under which a reset ends the guest: that is lifted for
        the moment.
        """
        if self.version() < SET_ACTION:
            raise MachineError("A machine whose guest has ended goes on with QEMU 6.0 or newer.")
        before = len(self.events)
        self.execute("set-action", reboot="reset")
        try:
            self.execute("system_reset")
            self.wait_event({"RESET"}, after=before)
        finally:
            self.execute("set-action", reboot="shutdown")

    def inject_nmi(self) -> None:
        """Raise the non-maskable interrupt on the boot processor's NMI pin."""
        self.execute("inject-nmi")

    def processor(self, cpu: int = 0) -> ProcessorState:
        """The state of one processor, descriptor tables and hidden segment parts included."""
        return parse_registers(self.hmp("info registers", cpu=cpu))

    def close(self) -> None:
        """Give up the connection; safe when there is none."""
        with suppress(WaitTimeout):
            background.run(self._disconnect(), 5.0, "the end of the monitor's connection")

    def _ask(self, coroutine: Coroutine[Any, Any, T], timeout: float, command: str) -> T:
        try:
            return background.run(coroutine, timeout, f"QMP command {command}")
        except WaitTimeout:
            raise WaitTimeout(
                f"QEMU did not answer the QMP command {command} within {timeout:g} s: "
                "it hangs, or this machine is too busy to run it."
            ) from None
        except ExecuteError as error:
            raise MachineError(f"QEMU refused the QMP command {command}: {error}") from error
        except (ExecInterruptedError, QMPError, OSError, EOFError) as error:
            self._set_disconnected()  # whoever makes the error must not ask us again
            raise self._lost(f"QEMU did not answer the QMP command {command}") from error

    async def _accept(self, alive: Callable[[], bool]) -> bool:
        accepted = asyncio.ensure_future(self._client.accept())
        try:
            while not (await asyncio.wait({accepted}, timeout=0.02))[0]:
                if not alive():
                    return False
            await accepted
            return True
        finally:
            async with self._disconnecting:  # it disconnects as well when it is cancelled
                accepted.cancel()
                await asyncio.wait({accepted})

    async def _watch(self) -> None:
        """Record the events until the connection ends."""
        recorder = asyncio.ensure_future(self._record_events())
        while self._client.runstate is Runstate.RUNNING:
            await self._client.runstate_changed()
        await self._disconnect()
        recorder.cancel()
        for event in self._listener.clear():
            self._note(dict(event))
        self._set_disconnected()

    def _set_disconnected(self) -> None:
        with self._changed:
            self.connected = False
            self._changed.notify_all()

    async def _record_events(self) -> None:
        async for event in self._listener:
            self._note(dict(event))

    async def _disconnect(self) -> None:
        # The client reports here why the connection ended; QEMU's end is told by its exit status.
        # The lock: the client does not bear being disconnected twice at the same time.
        async with self._disconnecting:
            if self._client.runstate is not Runstate.IDLE:
                with suppress(QMPError, OSError, EOFError):
                    await self._client.disconnect()

    def _note(self, event: dict[str, Any]) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()
