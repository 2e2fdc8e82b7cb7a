from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.verbs import Inv, clean_inv, copy_of_checkout


@pytest.fixture
def inv(tmp_path: Path) -> Iterator[Inv]:
    """`inv` as a user has it; a test fails when a verb leaves a process or a file behind."""
    with clean_inv(tmp_path) as command:
        yield command


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout of the test's own, to be broken."""
    return copy_of_checkout(tmp_path)
