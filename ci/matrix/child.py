"""Runs a program to its end, for as long as nobody has called a stop."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.machine import background

POLL = 0.1
"""Seconds between two looks at whether the stop was called."""

GRACE = 5.0
"""Seconds that a program has to clean up after SIGINT; then it is killed, with all of its group."""

TAIL = 1 << 14
"""Bytes kept of what a program says, from its end."""


class Stopped(HarnessError):
    """The stop was called while a program ran; it has ended."""


@dataclass(frozen=True)
class Done:
    """How a program ended: its exit status, None past its time, and the end of what it said."""

    status: int | None
    said: str

    @property
    def last_line(self) -> str:
        """The last line that is not empty: where programs say why they gave up."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"


def run(
    command: Sequence[str],
    log: Path,
    limit: float,
    stop: threading.Event,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Done:
    """Run a program with no input, its output in the file `log`, for `limit` seconds at most.

    environment: variables beside those of this process. folder: where it runs. Raises Stopped when
    the stop was called, HarnessError when there is no such program. It ends with this process.
    """
    whole = {**os.environ, **(environment or {})}
    with log.open("wb") as output:
        try:
            process = background.spawn(command, subprocess.DEVNULL, output, output, whole, folder)
        except OSError as error:
            raise HarnessError(f"{command[0]} cannot be run: {error.strerror}.") from error
        try:
            in_time = _wait(process, limit, stop)
        finally:
            end(process)
    said = _tail(log)
    return Done(process.returncode if in_time else None, said)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a program that runs yet, and what it started: as by Ctrl-C, then for good."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)


def _wait(process: "subprocess.Popen[bytes]", limit: float, stop: threading.Event) -> bool:
    deadline = time.monotonic() + limit
    while process.poll() is None:
        if stop.is_set():
            raise Stopped("The run was stopped.")
        if time.monotonic() >= deadline:
            return False
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL)
    return True


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - TAIL, 0))
        return file.read().decode(errors="replace")
