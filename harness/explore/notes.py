"""What a sweep has done so far, noted in a file, so that an interrupted one can go on there."""

import fcntl
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from harness.errors import HarnessError
from harness.explore.job import Job, JobResult
from rom.build import write_file


class Notes:
    """A line for each job that is done without a failure; what failed is swept again.

    A context. `stem` is the path without its ending; while another sweep holds it, it is the next
    one that nobody does. `results` are those of an interrupted sweep: a damaged file counts as far
    as it can be read. What is left at the end stays for the next sweep.
    """

    def __init__(self, folder: Path, name: str, fresh: bool = False) -> None:
        try:
            self._open(folder, name)
            self._file.seek(0)
            self.results = [] if fresh else list(_read(self._file.read()))
            self._write(self.results)
        except OSError as error:
            raise HarnessError(
                f"The notes of the sweep cannot be kept in {folder}: {error.strerror}; "
                "make room there, or remove what is in the way."
            ) from error

    def _open(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            self.stem = folder / (name if number == 1 else f"{name}-{number}")
            self._path = self.stem.with_name(f"{self.stem.name}.progress")
            self._file = self._path.open("a+b")
            with suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            self._file.close()

    def __enter__(self) -> "Notes":
        return self

    def __exit__(self, *_: object) -> None:
        if not self.results:
            self._path.unlink(missing_ok=True)
        self._file.close()

    def add(self, result: JobResult) -> None:
        """Note a job that is done."""
        if not result.failures:
            self.results.append(result)
            self._file.write(_line(result))
            self._file.flush()

    def forget(self, jobs: Sequence[Job]) -> None:
        """A sweep of these has come to its end: the next one begins anew."""
        self.results = [result for result in self.results if result.job not in jobs]
        self._write(self.results)

    def _write(self, results: Sequence[JobResult]) -> None:
        self._file.truncate(0)
        self._file.write(b"".join(map(_line, results)))
        self._file.flush()

    def write_beside(self, name: str, text: str) -> Path:
        """Write a file whose name begins as that of the notes."""
        path = self.stem.with_name(f"{self.stem.name}-{name}")
        write_file(path, text.encode())
        return path


def _line(result: JobResult) -> bytes:
    return f"{json.dumps(asdict(result))}\n".encode()


def _read(data: bytes) -> Iterator[JobResult]:
    with suppress(ValueError, KeyError, TypeError):
        for line in data.decode(errors="replace").splitlines():
            read = json.loads(line)
            job = Job(**read["job"])
            figures = (int(read["points"]), int(read["cases"]), float(read["seconds"]))
            yield JobResult(job, *figures, places=dict(read["places"]))
