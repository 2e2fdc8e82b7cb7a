"""What the matrix leaves: one page and one JUnit file, made of what its cells have left."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from ci.matrix.cell import Result
from ci.matrix.page import write_report
from ci.matrix.plan import read_plan
from ci.matrix.report import MatrixReport
from harness.report.results import RunResults, TestResult

CELLS = [
    Result("5.2", "pc", "native", "pass", 12.0, 2, report="one"),
    Result("5.2", "pc", "bare", "fail", 20.0, 9, ("boot: a/b", "tests.x::test_bad"), "no", "two"),
    Result("11.1", "pc", "bare", "error", detail="not to be had <here>"),
]
BAD = TestResult("tests/x.py::test_bad", "fail", text="E   assert 1 == 2", folder="failures/bad")


def written(tmp_path: Path) -> tuple[str, ET.Element]:
    """The page, and the root of the JUnit file, of these cells."""
    run = RunResults("2 tests", "fail", tests=(BAD,))
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "test.json").write_text(json.dumps(run.as_data()))
    (tmp_path / "two" / "test.html").touch()
    suite = '<testsuite name="5.2 pc bare" tests="1"><testcase name="test_bad"/></testsuite>'
    (tmp_path / "two.xml").write_text(f"<testsuites>{suite}</testsuites>")
    report = MatrixReport(
        read_plan(), CELLS, {"5.2": "qemu 5.2 of Debian"}, 61.0, "It was stopped."
    )
    write_report(report, tmp_path)
    page = (tmp_path / "matrix.html").read_text()
    return page, ET.parse(tmp_path / "matrix.xml").getroot()


def test_the_page_has_the_cells_and_the_failures_of_each(tmp_path: Path) -> None:
    text, _ = written(tmp_path)
    page = ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    [table] = page.iterfind(".//table[@class='matrix']")
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    assert rows == [
        ["QEMU", "machine", "native", "bare"],
        ["5.2", "pc", "pass 2 tests, 12 s", "fail 2 of 9 tests, 20 s"],
        ["11.1", "pc", "did not run", "error -"],
    ]
    said = "".join(page.itertext())
    for part in (
        "3 cells, 2 not passed, 11 tests, 61 s",
        "It was stopped.",
        "not to be had <here>",
        "boot: a/b",
        "assert 1 == 2",
        "qemu 5.2 of Debian",
        *(difference.test for difference in read_plan().differences),
    ):
        assert part in said
    links = [link.get("href") for link in page.iter("a")]
    assert links == ["two/test.html", "two/failures/bad/"]


def test_the_junit_file_has_a_suite_of_each_cell_and_those_of_pytest(tmp_path: Path) -> None:
    _, root = written(tmp_path)
    suites = [(suite.get("name"), suite.get("tests")) for suite in root]
    assert suites == [
        ("5.2 pc native: boot", "1"),
        ("5.2 pc bare: boot", "1"),
        ("5.2 pc bare", "1"),
        ("11.1 pc bare: boot", "1"),
    ]
    assert [failure.get("message") for failure in root.iter("failure")] == ["boot: a/b"]
    assert [error.get("message") for error in root.iter("error")] == ["not to be had <here>"]
