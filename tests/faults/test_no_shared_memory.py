"""There is no /dev/shm, as in some containers: the kit and what it is built on do without."""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.commands.verbs import Inv, run

STAND_IN = """
import _multiprocessing

class SemLock(_multiprocessing.SemLock):
    def __new__(cls, *words):
        raise FileNotFoundError(2, "No such file or directory")

_multiprocessing.SemLock = SemLock
"""
"""What Python's semaphores do without the folder; it holds where no namespace may be made."""

HIDE = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o ro none /dev/shm && exec "$@"', "sh"]


def hidden(command: Sequence[str]) -> list[str]:
    """The command without the folder, where a mount namespace may be made."""
    allowed = subprocess.run([*HIDE, "true"], capture_output=True, timeout=20, check=False)
    return [*HIDE, *command] if allowed.returncode == 0 else list(command)


@pytest.fixture
def environment(inv: Inv) -> dict[str, str]:
    """An environment in which Python makes no semaphore."""
    (inv.folder / "sitecustomize.py").write_text(STAND_IN)
    return inv.environment(PYTHONPATH=str(inv.folder))


def test_python_can_make_no_semaphore_there(inv: Inv, environment: dict[str, str]) -> None:
    command = [sys.executable, "-c", "import multiprocessing; multiprocessing.Lock()"]
    assert run(command, inv.folder, environment).returncode == 1
    if hidden(command) != command:
        done = run(hidden(command), inv.folder, dict(os.environ))
        assert "Read-only file system" in done.stderr


def test_a_sweep_by_workers_holds_without_shared_memory(
    inv: Inv, environment: dict[str, str]
) -> None:
    words = ("explore", "--call", "GetTR", "--workers", "1", "--fresh")
    done = run(hidden(inv.command(*words)), inv.folder, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failures" in done.stdout
