"""A signal at a moment that does not bear it ends a verb all the same, with its own status."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import MachineError
from harness.machine import background, process
from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from harness.machine.wire import Wire
from tests.commands.verbs import LIMIT
from tests.faults.kit import Kit
from tests.machine import toys

LONG = 5.0  # seconds; a wait that a signal has to cut short

ROOT = Path(__file__).parents[2]

both = pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)


@pytest.fixture(autouse=True)
def ctrl_c_interrupts() -> Iterator[None]:
    """As it does unless a shell without job control runs the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def status_of(kit: Kit, verb: Callable[[], object]) -> int | str | None:
    """How a verb ends; SIGTERM and what it makes a verb raise are not for `Exit`."""
    try:
        return kit.ask(verb).status
    except SystemExit as end:
        return end.code


EARLY = """
from invoke.executor import Executor
from invoke.main import program

def interrupted(*words):
    raise KeyboardInterrupt

Executor.execute = interrupted
program.run(["inv", "--search-root", {root!r}, "doctor"])
"""


def test_ctrl_c_before_a_verb_has_begun_is_no_failed_check() -> None:
    code = EARLY.format(root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


@both
def test_what_fails_because_of_a_signal_does_not_hide_it(
    kit: Kit, number: signal.Signals, status: int
) -> None:
    def verb() -> None:
        try:
            signal.raise_signal(number)
        finally:
            raise MachineError("the answer to something else came")

    assert status_of(kit, verb) == status


@both
def test_a_signal_that_falls_into_a_destructor_is_not_lost(
    kit: Kit, number: signal.Signals, status: int
) -> None:
    class Ends:
        def __del__(self) -> None:
            signal.raise_signal(number)

    def verb() -> None:
        Ends()
        time.sleep(LIMIT)

    assert status_of(kit, verb) == status


@both
@pytest.mark.parametrize("waits", ["answer", "event"])
def test_a_signal_that_interrupts_no_wait_is_seen_all_the_same(
    kit: Kit, waits: str, number: signal.Signals, status: int
) -> None:
    over: list[str] = []
    late = threading.Timer(LONG / 2, over.append, ("the signal was not seen in time",))

    def taken_by_another_thread() -> None:
        signal.pthread_kill(threading.get_ident(), number)

    def verb() -> None:
        with Machine(MachineConfig()) as machine:
            late.start()
            threading.Timer(0.1, taken_by_another_thread).start()
            if waits == "answer":
                background.run(asyncio.sleep(LONG), LIMIT, "an answer")
            else:
                machine.monitor.wait_event({"SHUTDOWN"}, LONG)

    assert status_of(kit, verb) == status
    late.cancel()
    assert not over


def test_a_qemu_that_has_only_just_started_is_ended(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "weakref", SimpleNamespace(finalize=interrupted))
    assert status_of(kit, Machine(MachineConfig()).start) == 130


def test_a_child_that_nobody_waits_for_any_more_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.run_coroutine_threadsafe
    futures: list[Future[subprocess.Popen[bytes]]] = []

    def begin(coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> Future[Any]:
        future = begun(coroutine, loop)
        futures.append(future)
        answer = future.result

        def interrupted() -> None:
            monkeypatch.setattr(future, "result", answer)
            raise KeyboardInterrupt

        monkeypatch.setattr(future, "result", interrupted)
        return future

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", begin)
    nothing = subprocess.DEVNULL
    with pytest.raises(KeyboardInterrupt):
        background.spawn(["sleep", "600"], nothing, nothing, nothing)
    assert futures[0].result(LIMIT).wait(LIMIT) == -signal.SIGKILL


@pytest.mark.parametrize("doing", ["run_to", "step", "read_physical"])
def test_ctrl_c_between_two_answers_of_qemu_is_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doing: str
) -> None:
    words: dict[str, tuple[Any, ...]] = {
        "run_to": (toys.ENTRY + 2,),
        "step": (True,),
        "read_physical": (toys.ENTRY, 4096),
    }
    received, left = Wire._receive, 0

    def receive(wire: Wire, deadline: float) -> str:
        nonlocal left
        left -= 1
        if left == -1:  # just this once
            raise KeyboardInterrupt
        return received(wire, deadline)

    monkeypatch.setattr(Wire, "_receive", receive)
    for answers in range(50):
        with Machine(MachineConfig(kernel=toys.multiboot(tmp_path, toys.COUNT))) as machine:
            left = -2
            machine.wire().run_to(toys.ENTRY)
            left = answers
            try:
                getattr(machine.wire(), doing)(*words[doing])
            except KeyboardInterrupt:
                continue
            break
    assert 2 < answers < 49
