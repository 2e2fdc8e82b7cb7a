"""The one thread of this process that runs the event loop and starts the children.

All machines share it. The children are started on it because the kernel's parent-death signal
follows the thread that forked, not the process: this thread lives until the process ends.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import cache
from pathlib import Path
from typing import IO, Any, TypeVar

from harness.errors import WaitTimeout

T = TypeVar("T")

SLICE = 0.25
"""Seconds of one wait. A signal that comes while Python's lock changes hands, or to another thread,
is not seen by a wait that is about to begin: no wait is longer than Ctrl-C may take."""

PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl
"""Found once, here: a forked child is to look for nothing."""

_making = threading.Lock()


def run(coroutine: Coroutine[Any, Any, T], timeout: float, what: str) -> T:
    """Run a coroutine on the background loop and wait for its result.

    timeout: seconds. what: for the sentence of WaitTimeout, raised when they have passed.
    """
    return _result(asyncio.run_coroutine_threadsafe(coroutine, _loop()), timeout, what)


def _result(future: Future[T], timeout: float, what: str) -> T:
    deadline = time.monotonic() + timeout
    while not future.done():
        if (left := deadline - time.monotonic()) <= 0:
            future.cancel()
            raise WaitTimeout(f"No answer within {timeout:g} s: {what}.")
        wait([future], min(left, SLICE))
    return future.result()


def start(coroutine: Coroutine[Any, Any, None]) -> None:
    """Let a coroutine run on the background loop, with nobody waiting for it."""
    asyncio.run_coroutine_threadsafe(coroutine, _loop())


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends; parent: its pid."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the request above was made
        os._exit(1)


def spawn(
    command: Sequence[str],
    stdin: int | IO[bytes] | None,
    stdout: int | IO[bytes] | None,
    stderr: int | IO[bytes] | None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    own_session: bool = True,
) -> subprocess.Popen[bytes]:
    """Start a child that the kernel kills when this process ends, however it ends.

    environment: its whole environment, this process's unless told. folder: where it runs.

    With a session of its own Ctrl-C reaches us first, and we can still ask the child how it
    stands; SIGINT is for us to send then, so it is not ignored, as it is below a shell that runs us
    in the background. Raises OSError like subprocess.Popen.
    """
    parent = os.getpid()

    def begin() -> None:
        die_with(parent)
        if own_session:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    async def child() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            cwd=folder,
            bufsize=0,
            start_new_session=own_session,
            preexec_fn=begin,
        )

    future = asyncio.run_coroutine_threadsafe(child(), _loop())
    try:
        return _result(future, 30.0, "the start of a child process")
    except BaseException:
        future.add_done_callback(_kill_lost)  # Ctrl-C came first, and nobody has it
        raise


def _kill_lost(future: Future[subprocess.Popen[bytes]]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().kill()


def _loop() -> asyncio.AbstractEventLoop:
    with _making:  # the first to ask may be several threads at once
        return _made_loop()


@cache
def _made_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="wedge-background", daemon=True).start()
    return loop
