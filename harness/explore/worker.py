"""Processes side by side, each with machines of its own, that do the parts of a sweep."""

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, Protocol, TypeVar

from harness.errors import HarnessError
from harness.explore.job import Beat
from harness.machine import background
from harness.machine.folder import OwnFolder

GRACE = 5.0
"""Seconds that a worker has to end its machine; then it is killed, and QEMU with it."""

BEAT = 50
"""Cases between two reports of a worker."""


@dataclass(frozen=True)
class Heartbeat:
    """What a worker did since its last report."""

    points: int
    cases: int


@dataclass(frozen=True)
class Trouble:
    """A worker could not ask: the sentence of a HarnessError."""

    text: str


Task = TypeVar("Task")
Result = TypeVar("Result")
GivenTask = TypeVar("GivenTask", contravariant=True)
MadeResult = TypeVar("MadeResult", covariant=True)


class Doer(Protocol[GivenTask, MadeResult]):
    """What a worker has: it does tasks, one after another, on machines that `close` ends."""

    def do(self, task: GivenTask, beat: Beat) -> MadeResult:
        """Do one. What `beat` raises ends it: nobody waits for it any more."""

    def close(self) -> None:
        """End the machines."""


class Workers(Generic[Task, Result]):
    """A number of workers; a context, at whose end they have ended, however that comes.

    doer: makes what does the tasks, in each worker's own process; it, tasks and results can be
    pickled. Temporary files are in a folder of the context's own: a worker that was killed leaves
    none.
    """

    def __init__(self, count: int, doer: Callable[[], Doer[Task, Result]]) -> None:
        self._count = count
        self._doer = doer
        self._context = multiprocessing.get_context("spawn")
        self._processes: dict[Connection, BaseProcess] = {}
        self._places: dict[Connection, int] = {}

    def __enter__(self) -> "Workers[Task, Result]":
        self._folder = OwnFolder()
        resource_tracker.ensure_running()  # the first start would do it, and let Ctrl-C in
        try:
            for _ in range(self._count):
                self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with _no_interrupt():
            for pipe in self._processes:
                pipe.close()
            for process in self._processes.values():
                process.join(GRACE)
                if process.is_alive():
                    process.kill()
                    process.join()
            self._folder.remove()

    def _start(self) -> Connection:
        # A worker must not hear Ctrl-C, from its first instruction on: the sweep's process does.
        with _no_interrupt():
            ours, theirs = self._context.Pipe()
            place = min({*range(self._count)}.difference(self._places.values()))
            among = (place, self._count)
            process = self._context.Process(
                target=_work, args=(theirs, str(self._folder.path), among, self._doer), daemon=True
            )
            process.start()
            theirs.close()
            self._processes[ours], self._places[ours] = process, place
        return ours

    def do(self, tasks: Sequence[Task]) -> Iterator[Heartbeat | Result]:
        """Have the tasks done, the first first, and answer what the workers report.

        A worker that is gone is replaced, and its task begun anew. Raises HarnessError when a
        worker could not ask, or when a task loses its worker twice.
        """
        waiting = list(tasks)
        busy: dict[Connection, Task] = {}
        lost: list[Task] = []

        def give(pipe: Connection) -> None:
            if waiting:
                busy[pipe] = waiting.pop(0)
                with suppress(OSError):  # a worker that is gone shows when it is listened to
                    pipe.send(busy[pipe])

        for pipe in list(self._processes):
            give(pipe)
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                try:
                    report: Heartbeat | Trouble | Result = ready.recv()
                except (EOFError, OSError):
                    task = busy.pop(ready)
                    if task in lost:
                        raise HarnessError(
                            f"The process that had to do {task} ended, and so did the one that "
                            "tried again."
                        ) from None
                    lost.append(task)
                    self._processes.pop(ready).join()
                    del self._places[ready]
                    ready.close()
                    waiting.insert(0, task)
                    give(self._start())
                    continue
                if isinstance(report, Trouble):
                    raise HarnessError(report.text)
                if not isinstance(report, Heartbeat):
                    del busy[ready]
                    give(ready)
                yield report


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back meanwhile; a process that is started here never hears it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _keep_to(place: int, count: int) -> None:
    """Keep this worker, at its place among them all, and its machine to one processor of the host,
    if there is one for each. The two take turns: on one they wake each other sooner, and a sweep
    takes a sixth less of time.
    """
    usable = sorted(os.sched_getaffinity(0))
    if count == len(usable):
        os.sched_setaffinity(0, {usable[place]})


class _Ended(Exception):
    """The sweep has ended, and this worker with it."""


def _work(
    pipe: Connection,
    folder: str,
    among: tuple[int, int],
    make: Callable[[], Doer[Task, Result]],
) -> None:
    if parent := multiprocessing.parent_process():
        background.die_with(parent.pid or 0)
    _keep_to(*among)
    tempfile.tempdir = os.environ["TMPDIR"] = folder  # a worker's children are to use it as well
    doer = make()
    points = cases = 0

    def beat(more_points: int, more_cases: int) -> None:
        nonlocal points, cases
        points += more_points
        cases += more_cases
        if cases >= BEAT:
            if pipe.poll():  # no job comes before this one is done: the other end has gone
                raise _Ended
            pipe.send(Heartbeat(points, cases))
            points = cases = 0

    with suppress(EOFError, OSError, _Ended):
        try:
            while True:
                result = doer.do(pipe.recv(), beat)
                pipe.send(Heartbeat(points, cases))
                points = cases = 0
                pipe.send(result)
        except HarnessError as error:
            pipe.send(Trouble(str(error)))
        finally:
            doer.close()
