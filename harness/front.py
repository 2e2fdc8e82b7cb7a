"""A program in front: it has our terminal, and ends at the latest with us."""

import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harness.machine import background

GRACE = 15.0
"""Seconds that it has to clean up; then it is killed. pytest gives its own workers 10."""


def run_in_front(command: Sequence[str], stop: signal.Signals, folder: Path | None = None) -> int:
    """Run a program to its end with our terminal; answer its exit status, negative for a signal.

    stop: the signal at which it cleans up and ends; it gets that when we are ended meanwhile, and
    is waited for. folder: where it runs. Raises OSError when it cannot be started.
    """
    process = background.spawn(command, None, None, None, folder=folder, own_session=False)
    try:
        return process.wait()
    except KeyboardInterrupt:  # which a terminal sends to it as well: a second one is no help
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(GRACE)
        raise
    finally:
        _end(process, stop)


def _end(process: "subprocess.Popen[bytes]", stop: signal.Signals) -> None:
    for number in (stop, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
