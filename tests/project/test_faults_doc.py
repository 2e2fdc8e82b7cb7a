"""The page on faults names tests that there are, and all files of tests on faults."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text()
ROWS = re.findall(r"^\| (?!fault |---)(.*?) \| .* \| `(\S+)::(\S+)` \|$", PAGE, re.M)


@pytest.mark.parametrize(("fault", "file", "test"), ROWS, ids=[fault for fault, _, _ in ROWS])
def test_the_test_of_each_fault_is_there(fault: str, file: str, test: str) -> None:
    assert f"\ndef {test}(" in (ROOT / file).read_text(), f"{fault}: {file}::{test}"


def test_each_row_of_the_table_is_read() -> None:
    assert len(ROWS) == len(re.findall(r"^\| ", PAGE, re.M)) - 1


def test_each_file_of_tests_on_faults_is_in_the_table() -> None:
    files = {f"tests/faults/{path.name}" for path in (ROOT / "tests/faults").glob("test_*.py")}
    assert files <= {file for _, file, _ in ROWS}
