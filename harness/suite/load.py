"""Something that loads the machine: the same tests once more, beside those that count."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.machine import background
from harness.machine.folder import OwnFolder
from harness.suite.run import Selection


@contextmanager
def load(selection: Selection) -> Iterator[None]:
    """Another run of the same tests, and again when it has ended, for as long as the block lasts.

    What its tests find does not count. Its temporary files go with it. Raises what kept it from
    being started, at the end of the block.
    """
    stop = threading.Event()
    own = OwnFolder()
    folder = own.path / "wl"
    folder.mkdir()
    trouble: list[BaseException] = []

    def keep_running() -> None:
        try:
            _keep_running(selection, folder, stop)
        except BaseException as error:  # a thread of its own has nobody else to tell
            trouble.append(error)

    thread = threading.Thread(target=keep_running)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        for _ in range(50):  # a QEMU that is being killed may yet write
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)
        own.remove()
    if trouble:
        raise trouble[0]


def _keep_running(selection: Selection, folder: Path, stop: threading.Event) -> None:
    nowhere = subprocess.DEVNULL
    options = ("-p", "no:cacheprovider", "--basetemp", str(folder / "tests"))
    environment = {**os.environ, "TMPDIR": str(folder)}
    command = selection.command(*options)
    while not stop.is_set():
        process = background.spawn(command, nowhere, nowhere, nowhere, environment, selection.root)
        try:
            while process.poll() is None and not stop.wait(0.1):
                pass
        finally:  # its machines end with their processes, and nobody waits for what it found
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
