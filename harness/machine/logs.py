"""The logs of a machine: what its guest, its firmware and QEMU write, bounded whatever they write.

QEMU appends to plain files. A guest gone wild writes gigabytes, so the kit takes what is old out of
them while QEMU writes: a hole in the file keeps every place where it was (fallocate(2)).
"""

import asyncio
import ctypes
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.errors import MachineError

KEPT = 1 << 20
"""Bytes of a log that can always be read, from its end."""

MOST = 1 << 24
"""Bytes of a log on disk at which the old ones are taken out, all but half of them."""

TRIM_EVERY = 0.2
"""Seconds between two looks; a guest writes a few megabytes a second."""

_PROBE = 1 << 16
"""Bytes: what is left in a file system's last blocks is no room."""

_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate64.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


class Logs:
    """The logs in a folder, by their names; what they hold stays known once the folder is gone."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder = folder
        self._names = names
        self._last: dict[str, str] = {}
        self._holes: dict[str, int] = {}

    def text(self, name: str) -> str:
        """A log, or the end of it when it is huge; "" for one that was never begun."""
        if name in self._last:
            return self._last[name]
        return self._end(name).decode(errors="replace")

    def part(self, name: str, start: int, most: int) -> bytes:
        """`most` bytes of a log from byte `start` on."""
        try:
            with (self._folder / name).open("rb") as log:
                log.seek(start)
                return log.read(most)
        except FileNotFoundError:
            return b""  # QEMU has not come to make it

    def trim(self) -> None:
        """Take out of each log what is old, once it takes more than MOST bytes of the disk."""
        for name in self._names:
            path = self._folder / name
            with suppress(OSError):  # not begun, or the folder is being removed
                end, hole = path.stat().st_size, self._holes.get(name, 0)
                if end - hole > MOST:
                    _punch(path, hole, end - MOST // 2)
                    self._holes[name] = end - MOST // 2

    async def trim_while(self, runs: Callable[[], bool]) -> None:
        """Trim from time to time, on the background loop."""
        while runs():
            await asyncio.sleep(TRIM_EVERY)
            self.trim()

    def check_room(self) -> None:
        """Raise MachineError where no log can grow."""
        try:
            with tempfile.TemporaryFile(dir=self._folder) as probe:
                probe.write(bytes(_PROBE))
                probe.flush()
        except OSError as error:
            raise MachineError(
                f"The temporary folder {self._folder} takes no more ({error.strerror}), so that "
                "what the guest wrote is lost; make room there, or set TMPDIR to another."
            ) from error

    def end(self, keep: Path | None) -> None:
        """Remember what the logs hold; keep: a folder to leave them in."""
        for name in self._names:
            self._last[name] = self.text(name)
            path = self._folder / name
            if keep is not None and path.exists():
                keep.mkdir(parents=True, exist_ok=True)
                (keep / name).write_bytes(self._kept(path))

    def _kept(self, path: Path) -> bytes:
        hole = self._holes.get(path.name, 0)
        with path.open("rb") as log:
            log.seek(hole)
            left = log.read(2 * MOST)
        return f"[{hole} bytes are left out here]\n".encode() * bool(hole) + left

    def _end(self, name: str) -> bytes:
        try:
            with (self._folder / name).open("rb") as log:
                log.seek(max(log.seek(0, os.SEEK_END) - KEPT, 0))
                return log.read(KEPT)
        except FileNotFoundError:
            return b""


def _punch(path: Path, start: int, end: int) -> None:
    """Give the room of these bytes back to the disk. Raises OSError where that cannot be done."""
    log = os.open(path, os.O_WRONLY)
    try:
        if _libc.fallocate64(log, _KEEP_SIZE | _PUNCH_HOLE, start, end - start):
            raise OSError(ctypes.get_errno(), "the file system makes no holes in files")
    finally:
        os.close(log)
