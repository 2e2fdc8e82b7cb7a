"""Processes side by side, each with a machine of its own, that do the jobs of a sweep."""

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
    """A number of workers; a context, at whose end they have ended, however that comes."""

    def __init__(self, count: int, config: MachineConfig, rom: Rom, guest: GuestFile) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, config, rom, guest), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(GRACE)
            if process.is_alive():
                process.kill()
                process.join()

    def do(self, jobs: Sequence[Job], limit: int) -> Iterator[Report]:
        """Have the jobs done, the first first, and answer what the workers report.

        Raises HarnessError when a worker could not ask, or is gone.
        """
        waiting = list(jobs)
        busy: set[Connection] = set()
        for pipe in self._pipes:
            if waiting:
                pipe.send((waiting.pop(0), limit))
                busy.add(pipe)
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                try:
                    report: Report = ready.recv()
                except (EOFError, OSError):
                    raise HarnessError("A process of the sweep ended; run it again.") from None
                if isinstance(report, Trouble):
                    raise HarnessError(report.text)
                if isinstance(report, JobResult):
                    busy.discard(ready)
                    if waiting:
                        ready.send((waiting.pop(0), limit))
                        busy.add(ready)
                yield report


class _Ended(Exception):
    """The sweep has ended, and this worker with it."""


def _work(pipe: Connection, config: MachineConfig, rom: Rom, guest: GuestFile) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep's process hears it, and ends us
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
