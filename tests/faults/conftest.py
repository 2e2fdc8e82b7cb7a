from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from tests.commands.verbs import Inv, clean_inv
from tests.faults.kit import Kit, clean_kit
from tests.machine import toys
from tests.machine.conftest import Boot


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    """The kit in this process; a test fails when it leaves a process or a file behind."""
    with clean_kit(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def inv(tmp_path: Path) -> Iterator[Inv]:
    """`inv` in a process of its own; the same holds for it."""
    with clean_inv(tmp_path) as command:
        yield command


@pytest.fixture
def boot(kit: Kit) -> Iterator[Boot]:
    """Starts a machine, stopped, with a toy guest; it is closed after the test."""
    with ExitStack() as machines:

        def start(code: bytes = toys.SPIN, **config: object) -> Machine:
            settings = {"kernel": toys.multiboot(kit.folder, code), **config}
            return machines.enter_context(Machine(MachineConfig(**settings)))  # type: ignore[arg-type]

        yield start
