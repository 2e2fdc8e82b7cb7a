"""Temporary folders that do not outlive their process for long, however it ends.

Each is locked by its owner (flock(2)), and the kernel drops that lock with the process. So a
folder of the name that nobody holds was left by a process that was killed; the next one to make a
folder removes it.
"""

import fcntl
import itertools
import os
import re
import shutil
import tempfile
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import MachineError

_NAME = re.compile(r"wedge-\d+-\d+")
"""The process and a number of its own: short, for the folder's path is that of sockets, too."""


class OwnFolder:
    """A temporary folder of this process; `path` is where. A context, removed at its end.

    What nobody removed goes with the object, or with Python. Raises MachineError when none can be
    made.
    """

    def __init__(self) -> None:
        try:
            temporary = Path(tempfile.gettempdir())
        except FileNotFoundError as error:
            raise MachineError(f"{error.strerror}; set TMPDIR to one with room.") from error
        _remove_abandoned(temporary)
        self.path, lock = _make(temporary)
        self._finalizer = weakref.finalize(self, _remove, self.path, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    @property
    def exists(self) -> bool:
        """Whether nobody has removed it."""
        return self._finalizer.alive

    def remove(self) -> None:
        """Remove it with all that is in it; safe to call twice."""
        self._finalizer()


def unusable(folder: Path, error: OSError) -> MachineError:
    """The error for a temporary folder that a file could not be written to."""
    return MachineError(
        f"The temporary folder {folder} cannot be used: {error.strerror or error}; "
        "make room there, or set TMPDIR to another."
    )


def _make(temporary: Path) -> tuple[Path, int]:
    """A new folder, and the descriptor that holds its lock."""
    for number in itertools.count():
        path = temporary / f"wedge-{os.getpid()}-{number}"
        try:
            path.mkdir(0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise MachineError(
                f"The temporary folder {error.filename} cannot be made: {error.strerror}; "
                "set TMPDIR to a folder with room that you may write."
            ) from error
        with suppress(FileNotFoundError):  # another process took it for abandoned already
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            if _lock(lock, without=True) and os.fstat(lock).st_nlink:
                return path, lock
            os.close(lock)
    raise AssertionError("count() has no end")


def _lock(folder: int, without: bool) -> bool:
    """Lock a folder; answer whether nobody else holds it, or `without` where there are no locks."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems; nobody removes a folder of another's there
        return without
    return True


@cache
def _remove_abandoned(temporary: Path) -> None:
    """Remove the folders that nobody holds; once in a process is enough."""
    with suppress(OSError):
        for path in temporary.iterdir():
            if _NAME.fullmatch(path.name):
                _remove_if_abandoned(path)


def _remove_if_abandoned(path: Path) -> None:
    with suppress(OSError):  # another user's, or removed meanwhile
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(lock).st_uid == os.geteuid() and _lock(lock, without=False):
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(lock)


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)
