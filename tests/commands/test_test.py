"""`inv test`: the suite of the checkout, and a status that tells failure from misuse."""

from pathlib import Path

import pytest

from tests.commands.verbs import Inv

SUITE = """
def test_good(): pass
def test_bad(): assert False
"""


@pytest.mark.parametrize(
    ("selected", "status", "said"),
    [("good", 0, "1 passed"), ("bad", 1, "1 failed"), ("neither", 2, "2 deselected")],
)
def test_the_status_tells_what_became_of_the_tests_selected(
    inv: Inv, copy: Path, selected: str, status: int, said: str
) -> None:
    (copy / "tests").mkdir()
    (copy / "tests/test_it.py").write_text(SUITE)
    done = inv.of(copy)("test", "--k", selected, "--workers", "0")
    assert done.returncode == status, done.stderr
    assert said in done.stdout
