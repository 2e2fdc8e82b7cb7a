"""Processes side by side, each with a machine of its own, that do the jobs of a sweep."""

import multiprocessing
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from harness.errors import HarnessError
from harness.explore.job import Job, JobResult, Sweeper
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.rom import Rom

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


Report = Heartbeat | JobResult | Trouble


class Workers:
    """A number of workers; a context, at whose end they have ended, however that comes.

    Their temporary files are in a folder of the context's own: one that was killed leaves none.
    """

    def __init__(self, count: int, config: MachineConfig, rom: Rom, guest: GuestFile) -> None:
        self._count = count
        self._parts = (config, rom, guest)
        self._context = multiprocessing.get_context("spawn")
        self._processes: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> "Workers":
        self._folder = tempfile.TemporaryDirectory(prefix="wedge-sweep-")
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
            self._folder.cleanup()

    def _start(self) -> Connection:
        # A worker must not hear Ctrl-C, from its first instruction on: the sweep's process does.
        with _no_interrupt():
            ours, theirs = self._context.Pipe()
            process = self._context.Process(
                target=_work, args=(theirs, self._folder.name, *self._parts), daemon=True
            )
            process.start()
            theirs.close()
            self._processes[ours] = process
        return ours

    def do(self, jobs: Sequence[Job], limit: int) -> Iterator[Report]:
        """Have the jobs done, the first first, and answer what the workers report.

        A worker that is gone is replaced, and its job begun anew. Raises HarnessError when a worker
        could not ask, or when a job loses its worker twice.
        """
        waiting = list(jobs)
        busy: dict[Connection, Job] = {}
        lost: set[Job] = set()

        def give(pipe: Connection) -> None:
            if waiting:
                busy[pipe] = waiting.pop(0)
                with suppress(OSError):  # a worker that is gone shows when it is listened to
                    pipe.send((busy[pipe], limit))

        for pipe in list(self._processes):
            give(pipe)
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                try:
                    report: Report = ready.recv()
                except (EOFError, OSError):
                    job = busy.pop(ready)
                    if job in lost:
                        raise HarnessError(
                            f"The process that swept {job.variant} from {job.start} ended, and so "
                            "did the one that tried again."
                        ) from None
                    lost.add(job)
                    self._processes.pop(ready).join()
                    ready.close()
                    waiting.insert(0, job)
                    give(self._start())
                    continue
                if isinstance(report, Trouble):
                    raise HarnessError(report.text)
                if isinstance(report, JobResult):
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


class _Ended(Exception):
    """The sweep has ended, and this worker with it."""


def _work(pipe: Connection, folder: str, config: MachineConfig, rom: Rom, guest: GuestFile) -> None:
    tempfile.tempdir = folder
    sweeper = Sweeper(config, rom, guest)
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
                job, limit = pipe.recv()
                result = sweeper.sweep(job, limit, beat)
                pipe.send(Heartbeat(points, cases))
                points = cases = 0
                pipe.send(result)
        except HarnessError as error:
            pipe.send(Trouble(str(error)))
        finally:
            sweeper.close()
