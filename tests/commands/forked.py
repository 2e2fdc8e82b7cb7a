"""`inv` in a process of its own that has its imports already: a child of a server that made them.

Each start of Python with all that the verbs import takes half a second of processor time, and the
tests start some two hundred. What runs is the same from the first line of `tasks.py` on.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from invoke.main import program

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        *(__name__, "tasks", "harness.bench.run", "harness.bench.table", "harness.doctor.examine"),
        *("harness.explore.proof", "harness.explore.picture", "harness.suite.runs"),
        *("ci.matrix.run", "ci.matrix.table"),
    ]
)


def run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], limit: float
) -> subprocess.CompletedProcess[str]:
    """Run `inv` with these arguments to its end, with no input; kill it at the limit, in seconds.

    Raises subprocess.TimeoutExpired.
    """
    with tempfile.TemporaryDirectory() as written:
        files = Path(written) / "stdout", Path(written) / "stderr"
        child = _CONTEXT.Process(target=_inv, args=(arguments, folder, environment, files))
        child.start()
        child.join(limit)
        if child.exitcode is None:
            child.kill()
            child.join()
            raise subprocess.TimeoutExpired(["inv", *arguments], limit)
        texts = (file.read_text(encoding="utf-8") for file in files)
        return subprocess.CompletedProcess(["inv", *arguments], child.exitcode, *texts)


def _inv(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], files: Sequence[Path]
) -> NoReturn:
    """The child: be as a process that was started for it."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    for number, file in enumerate(files, 1):
        opened = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    sys.argv = ["inv", *arguments]
    del sys.modules["tasks"]  # invoke loads it from its search root
    program.run()
    raise SystemExit
