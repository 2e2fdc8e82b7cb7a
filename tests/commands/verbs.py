"""The verbs run as a user runs them: `inv` in a process of its own, in a folder of its own."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.commands import forked

CHECKOUT = Path(__file__).parent.parent.parent
LIMIT = 60.0
"""Seconds for one verb; each takes about one, unless the machine is very busy."""

Done = subprocess.CompletedProcess[str]


def run(command: list[str], folder: Path, environment: dict[str, str]) -> Done:
    """Run a command to its end, with no input; kill it at the limit."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT,
        start_new_session=True,
        check=False,
    )


class Inv:
    """`inv` on a checkout. `temporary` is the TMPDIR of its verbs: short, for it holds sockets."""

    def __init__(self, folder: Path, temporary: Path, root: Path = CHECKOUT) -> None:
        self.folder = folder
        self.temporary = temporary
        self.root = root

    def of(self, root: Path) -> Self:
        """The same with another checkout."""
        return type(self)(self.folder, self.temporary, root)

    def command(self, *words: str | Path) -> list[str]:
        return [sys.executable, "-m", "invoke", *self._arguments(*words)]

    def _arguments(self, *words: str | Path) -> list[str]:
        return ["--search-root", str(self.root), *map(str, words)]

    def environment(self, **more: str) -> dict[str, str]:
        dropped = ("PYTHONPATH", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE")
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        fixed = {"TMPDIR": str(self.temporary), "TERM": "xterm", "PYTHONUTF8": "1"}
        return kept | fixed | more

    def __call__(self, *words: str | Path, **environment: str) -> Done:
        """Run a verb to its end; further names are variables of its environment."""
        variables = self.environment(**environment)
        if self.root == CHECKOUT:
            return forked.run(self._arguments(*words), self.folder, variables, LIMIT)
        return run(self.command(*words), self.folder, variables)

    @contextmanager
    def started(self, *words: str | Path, **environment: str) -> Iterator["Started"]:
        """A verb that runs on a terminal of its own; it is killed at the end of the block."""
        master, slave = pty.openpty()
        # A suite that a shell runs in the background ignores SIGINT, and so would the verb.
        process = subprocess.Popen(
            ["env", "--default-signal=INT", *self.command(*words)],
            cwd=self.folder,
            env=self.environment(**environment),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        try:
            yield Started(process, master, self.temporary)
        finally:
            process.kill()
            process.wait(LIMIT)
            os.close(master)


class Started:
    """A running verb; `said` is what it wrote to its terminal so far."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int, temporary: Path) -> None:
        self.process = process
        self.said = ""
        self._terminal = terminal
        self._temporary = temporary

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read its terminal until the pattern is there; fail when it ends or the limit is past."""
        deadline = time.monotonic() + LIMIT
        while (found := re.search(pattern, self.said)) is None:
            assert self._read(deadline), f"{pattern!r} is not in {self.said!r}"
        return found

    def status(self) -> int:
        """Read all that it says until it ends, and answer its exit status."""
        deadline = time.monotonic() + LIMIT
        while self._read(deadline):
            pass
        return self.process.wait(LIMIT)

    def write(self, text: str) -> None:
        """Type the text on its terminal."""
        os.write(self._terminal, text.encode())

    def qemu(self) -> int:
        """The process id of its QEMU, which must run."""
        [found] = processes_that_name(f"{self._temporary}/")
        return found

    def _read(self, deadline: float) -> bool:
        readable, _, _ = select.select([self._terminal], [], [], deadline - time.monotonic())
        assert readable, f"the verb says nothing more after {self.said!r}"
        with suppress(OSError):  # Linux gives EIO once nobody holds the other end
            if data := os.read(self._terminal, 65536):
                self.said += data.decode(errors="replace")
                return True
        return False


def processes_that_name(text: str) -> list[int]:
    """The processes whose command line holds the text."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):  # it may have ended meanwhile
            if entry.name.isdigit() and text.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


@contextmanager
def clean_inv(folder: Path) -> Iterator[Inv]:
    """`inv` in a folder; afterwards nothing that its verbs started or wrote may be left."""
    temporary = Path(tempfile.mkdtemp(prefix="w"))
    try:
        yield Inv(folder, temporary)
        assert list(temporary.iterdir()) == [], "a verb left temporary files"
        assert processes_that_name(f"{temporary}/") == [], "a verb left a process"
    finally:
        shutil.rmtree(temporary)


def program(path: Path, text: str) -> Path:
    """Write a program for /bin/sh."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def copy_of_checkout(folder: Path) -> Path:
    """A copy of the sources that a test may break, in a folder with a name of the awkward kind."""
    root = folder / "a cöpy, with spaces"
    for name in ("rom", "guests", "harness", "ci"):
        shutil.copytree(CHECKOUT / name, root / name)
    shutil.copy2(CHECKOUT / "tasks.py", root)
    return root


def replace_line(path: Path, old: str, new: str) -> int:
    """Replace the first line that reads `old`, but for indentation; answer its number."""
    lines = path.read_text().splitlines()
    number = [line.strip() for line in lines].index(old)
    lines[number] = new
    path.write_text("\n".join(lines) + "\n")
    return number + 1
