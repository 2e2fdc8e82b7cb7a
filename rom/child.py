"""Run a function in a forked child, so that its crash or hang ends the child only."""

from __future__ import annotations

import faulthandler
import os
import pickle
import resource
import select
import signal
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from rom.errors import RomError

_Result = TypeVar("_Result")
Progress = Callable[[int], None]

_PROGRESS, _RESULT, _ERROR = b"P", b"R", b"E"
_HEAD = struct.Struct("=cI")
_MEMORY = 1 << 30


class ChildError(RomError):
    """The child crashed or ran out of time; `progress` is the last number it gave, or None."""

    def __init__(self, reason: str, progress: int | None):
        """`reason` completes a sentence such as 'keystone ...'."""
        self.reason, self.progress = reason, progress
        super().__init__(f"the child {reason}")


def run_in_child(function: Callable[[Progress], _Result], limit: float) -> _Result:
    """Call `function` in a forked child and return its (picklable) result within `limit` seconds.

    `function` gets a callable that records how far it is. An exception it raises is raised here.
    Raises ChildError when the child is killed by a signal or by the limit.
    """
    return run_in_children([function], limit)[0]


def run_in_children(
    functions: Sequence[Callable[[Progress], _Result]], limit: float
) -> list[_Result]:
    """Call each function in a child of its own, all at once; the results in their order.

    Raises what `run_in_child` does, for the first of them that went wrong.
    """
    running: list[tuple[int, int]] = []
    try:
        for function in functions:
            running.append(_start(function, limit))
        return [_result(pid, reading, limit) for pid, reading in running]
    finally:
        for pid, reading in running:
            os.close(reading)
            with suppress(ProcessLookupError, ChildProcessError):  # its result is here already
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _start(function: Callable[[Progress], object], limit: float) -> tuple[int, int]:
    """The process id of a new child, and the pipe that its answer comes by."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(function, writing, limit)
    os.close(writing)
    return pid, reading


def _result(pid: int, reading: int, limit: float) -> Any:
    received, timed_out = _receive(reading, limit)
    os.kill(pid, signal.SIGKILL)  # not reaped yet, so the id is still this child's
    _, status = os.waitpid(pid, 0)
    progress = None
    for kind, payload in _messages(received):
        if kind == _PROGRESS:
            progress = int.from_bytes(payload, "little")
        elif kind == _ERROR:
            raise pickle.loads(payload)
        else:
            return pickle.loads(payload)
    if timed_out:
        raise ChildError(f"did not finish within {limit:g} s", progress)
    raise ChildError(f"crashed (signal {status & 0x7F})", progress)


def _child(function: Callable[[Progress], object], writing: int, limit: float) -> NoReturn:
    """Never returns into the parent's code, whatever happens."""
    try:
        faulthandler.disable()  # a crash is reported by the parent, in one sentence
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(limit) + 2)  # ends the child also when the parent was killed
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)  # keystone prints its own messages there
        try:
            kind, payload = (
                _RESULT,
                pickle.dumps(
                    function(lambda n: _send(writing, _PROGRESS, n.to_bytes(4, "little")))
                ),
            )
        except Exception as error:
            kind, payload = _ERROR, pickle.dumps(error)
        _send(writing, kind, payload)
    finally:
        os._exit(0)


def _send(writing: int, kind: bytes, payload: bytes) -> None:
    left = memoryview(_HEAD.pack(kind, len(payload)) + payload)
    while left:
        left = left[os.write(writing, left) :]


def _receive(reading: int, limit: float) -> tuple[bytes, bool]:
    """All bytes up to the end of the pipe, and whether the limit came first."""
    received, end = bytearray(), time.monotonic() + limit
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return bytes(received), True
        block = os.read(reading, 1 << 20)
        if not block:
            return bytes(received), False
        received += block


def _messages(received: bytes) -> list[tuple[bytes, bytes]]:
    """Whole messages; a last one cut off by a crash is dropped."""
    found, at = [], 0
    while at + _HEAD.size <= len(received):
        kind, length = _HEAD.unpack_from(received, at)
        at += _HEAD.size
        if at + length <= len(received):
            found.append((kind, received[at : at + length]))
        at += length
    return found
