"""How often the machine came to an address, counted from QEMU's execution log while it runs.

With `-d exec` QEMU writes a line for each translation block that it looks up. Blocks of one page
are chained and then looked up no more, but a CALL or JMP from another page is looked up each time:
so each entry of a stub by a guest is one line, and `-dfilter` keeps the rest of the guest out. A
block that was looked up and then left for an interrupt before its first instruction is told by a
line of its own.

The firmware of some versions has run at the very addresses that it then grants to a ROM. So the
count begins anew with each option ROM's init, which is entered before anything of it runs.
"""

import fcntl
import os
import re
import select
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from harness.errors import MachineError, WaitTimeout

PIPE_SIZE = 1 << 20
"""Bytes that QEMU may be ahead of us; the most that an ordinary user's pipe can hold."""

REST_LIMIT = 1 << 20
"""Bytes kept of an unfinished line; none of QEMU's is near."""

SYNC_LIMIT = 10.0
"""Seconds to read what is in the pipe."""

_ENTERED = re.compile(rb"^(?:Trace|Chain) \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/.*\n", re.M)
_NOT_ENTERED = re.compile(rb"^Stopped execution of TB chain before \S+ \[([0-9a-f]+)\].*\n", re.M)
_POST = re.compile(rb"^Trace \d+: \S+ \[0*(?P<base>[cd][0-9a-f][08])00/0*(?P=base)03/.*\n", re.M)
"""An option ROM's 16-bit init is entered: 3 bytes behind a multiple of 2 KiB, in real mode."""

_MARK = b"wedge: all before this was read\n"


class ExecutionLog:
    """A pipe that QEMU takes for its log file, and the thread that reads it.

    pipe: where to make the pipe. log: where to write the lines that tell of no execution. QEMU
    waits while the pipe is full; once nobody reads, its writes fail and it goes on without.
    """

    def __init__(self, pipe: Path, log: Path) -> None:
        self._pipe = pipe
        self._log = log
        self._counts: Counter[bytes] = Counter()
        self._marked = threading.Event()
        self._error: OSError | None = None
        os.mkfifo(pipe, 0o600)
        self._reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # does not wait for QEMU
        with suppress(OSError):  # a smaller pipe is slower, and does as well
            fcntl.fcntl(self._reader, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        self._thread = threading.Thread(target=self._read, name="wedge-execution", daemon=True)
        self._thread.start()

    def counts(self) -> Mapping[int, int]:
        """Entries by linear address, all up to now; exact when the machine is stopped.

        Raises MachineError when the log could not be read, WaitTimeout.
        """
        self.sync()
        if self._error is not None:
            raise MachineError(f"The execution log could not be kept: {self._error}.")
        return {int(place, 16): count for place, count in dict(self._counts).items() if count}

    def sync(self) -> None:
        """Wait until all that QEMU has written is read; raises WaitTimeout."""
        # A pipe keeps the order of its writes: when our mark comes out, what went in before did.
        self._marked.clear()
        try:
            writer = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return  # the reader has read all and closed its end
        try:
            os.set_blocking(writer, True)
            with suppress(BrokenPipeError):
                os.write(writer, _MARK)
        finally:
            os.close(writer)
        if not self._marked.wait(SYNC_LIMIT):
            raise WaitTimeout(f"The execution log was not read to its end in {SYNC_LIMIT:g} s.")

    def close(self) -> None:
        """Read what is left of a QEMU that has ended, or never came, and end the thread."""
        with suppress(WaitTimeout):
            self.sync()  # with no QEMU, our closing the pipe is what ends the reader
        self._thread.join(SYNC_LIMIT)

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        rest = b""
        try:
            with self._log.open("wb", buffering=0) as log:
                while True:
                    poll.poll()  # waits for a first writer; later, none left reads as an end
                    try:
                        data = os.read(self._reader, PIPE_SIZE)
                    except BlockingIOError:
                        continue  # none was left, and `sync` has opened the pipe since
                    if not data:
                        return
                    whole, _, rest = (rest + data).rpartition(b"\n")
                    rest = rest[:REST_LIMIT]
                    other = self._count(whole + b"\n" if whole else b"")
                    log.write(other.replace(_MARK, b""))
                    if _MARK in other:  # not before the log has what came in ahead of it
                        self._marked.set()
        except OSError as error:
            self._error = error
        finally:
            os.close(self._reader)
            self._marked.set()  # whoever put a mark in when this was ending waits no more

    def _count(self, lines: bytes) -> bytes:
        """Count what is in whole lines, and answer the lines that tell something else."""
        start = max((post.end() for post in _POST.finditer(lines)), default=0)
        if start:  # what ran until then at a place of the ROM's was the firmware's
            self._counts.clear()
        entered = _ENTERED.findall(lines, start)
        self._counts.update(entered)
        if len(entered) == lines.count(b"\n"):
            return b""
        self._counts.subtract(_NOT_ENTERED.findall(lines, start))
        return _NOT_ENTERED.sub(b"", _ENTERED.sub(b"", lines))
