"""Programs for which the modes of files hold, be it that the suite runs as root."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.commands.verbs import CHECKOUT, Done, run

OVERRIDES = "--bounding-set=-dac_override,-dac_read_search"
"""The capabilities that let root read and write whatever the modes say (capabilities(7))."""


def plain(command: Sequence[str]) -> list[str]:
    """The command for a process that the modes of files hold for."""
    return ["setpriv", OVERRIDES, *command] if os.geteuid() == 0 else list(command)


@contextmanager
def closed(folder: Path, mode: int) -> Iterator[None]:
    """A folder and all folders below with this mode, for a while."""
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in reversed(folders):
        path.chmod(mode)
    try:
        yield
    finally:
        for path in folders:
            path.chmod(0o755)


def as_owner_alone(unreadable: Sequence[Path], code: str) -> Done:
    """Run Python code in a process that cannot use these folders."""
    command = plain([sys.executable, "-c", code])
    for path in unreadable:
        path.chmod(0)
    try:
        return run(command, CHECKOUT, {**os.environ, "PYTHONPATH": str(CHECKOUT)})
    finally:
        for path in unreadable:
            path.chmod(0o755)
