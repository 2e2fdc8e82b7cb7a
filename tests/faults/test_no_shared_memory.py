"""There is no /dev/shm, as in some containers: the kit and what it is built on do without."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.explore.job import Beat
from harness.explore.worker import Workers
from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from tests.commands.verbs import CHECKOUT, Inv, run
from tests.faults.mounts import with_tmpfs

STAND_IN = """
import _multiprocessing

class SemLock(_multiprocessing.SemLock):
    def __new__(cls, *words):
        raise FileNotFoundError(2, "No such file or directory")

_multiprocessing.SemLock = SemLock
"""
"""What Python's semaphores do without the folder; it holds where no namespace may be made."""


def hidden(command: Sequence[str]) -> list[str]:
    """The command without the folder, where a mount namespace may be made."""
    return with_tmpfs(Path("/dev/shm"), "ro", command) or list(command)


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


class Starter:
    """What a worker of a sweep has: it starts a machine."""

    def do(self, task: str, beat: Beat) -> str:
        """The state of a machine that was just started."""
        with Machine(MachineConfig(machine=task)) as machine:
            return machine.monitor.status()

    def close(self) -> None:
        """Nothing is left to end."""


def start_in_a_worker() -> None:
    """Have a worker start a machine, and say what it reports."""
    workers: Workers[str, str]
    with Workers(1, Starter) as workers:
        print([said for said in workers.do(["isapc"]) if isinstance(said, str)])


def test_machines_and_workers_do_without_shared_memory(
    inv: Inv, environment: dict[str, str]
) -> None:
    name = "tests.faults.test_no_shared_memory"
    command = [sys.executable, "-c", f"from {name} import *; start_in_a_worker()"]
    environment["PYTHONPATH"] += f"{os.pathsep}{CHECKOUT}"
    done = run(hidden(command), inv.folder, environment)
    assert (done.stdout, done.stderr) == ("['prelaunch']\n", "")
