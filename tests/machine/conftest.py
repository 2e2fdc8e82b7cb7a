from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.machine.config import MachineConfig
from harness.machine.control import Control
from harness.machine.debugger import Debugger
from harness.machine.process import Machine
from tests.machine import toys

Boot = Callable[..., Machine]
Attach = Callable[[Machine], Control]


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Boot]:
    """Starts a machine, stopped, with a toy guest; it is closed after the test."""
    with ExitStack() as machines:

        def start(code: bytes = toys.SPIN, **config: object) -> Machine:
            kernel = toys.multiboot(tmp_path, code)
            settings = {"kernel": kernel, **config}
            return machines.enter_context(Machine(MachineConfig(**settings)))  # type: ignore[arg-type]

        yield start


@pytest.fixture(params=["wire", "debugger"])
def attach(request: pytest.FixtureRequest) -> Iterator[Attach]:
    """Takes control of a machine, by the wire and by GDB in turn."""
    with ExitStack() as debuggers:

        def take(machine: Machine) -> Control:
            if request.param == "wire":
                return machine.wire()
            return debuggers.enter_context(Debugger(machine.gdb_socket))

        yield take
