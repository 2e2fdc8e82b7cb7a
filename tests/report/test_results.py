"""A run of tests as data and as a page: complete, by itself, and for whoever was not there."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

from harness.report.results import (
    MachineSeen,
    RunResults,
    TestResult,
    counted,
    run_of_data,
)
from harness.report.results_html import MOST_TEXT, results_page
from harness.report.steps import CaseTimeline, Step

STEPS = (
    Step("EnableInterrupts", "movl $IF, %ss:virtual_if", False, True, (0x21,), (3,), (1,)),
    Step("returned", "nop", True, True, marks=("line 1 arrives",), of_rom=False),
)
MACHINE = MachineSeen(
    "booted",
    (("ROM", "bare-3.0.rom, build 0123456789ab"), ("virtual IF", "set")),
    "qemu-system-i386 -machine pc",
    "EIP=0010004c",
    {"the serial console's end": "kernel <panic>"},
    ("calls DisableInterrupts", "line 1 arrives"),
    CaseTimeline("", (), STEPS, "The test ended here.", (1,)),
    ("the serial console's end",),
)
BAD = TestResult(
    "tests/interrupts/test_x.py::test_bad[a-<b>]",
    "fail",
    1.25,
    "    assert f() == 1\nE   assert 2 == 1 & more\nE    +  where 2 = f()",
    (("Captured stdout call", "\x1b[31mred\x1b[0m said\x00 it"),),
    (MACHINE,),
    "failures/interrupts.test_x.test_bad-a",
    "inv test 'tests/interrupts/test_x.py::test_bad[a-<b>]' --gdb",
)
RUN = RunResults(
    "4 tests of wedge",
    "fail",
    9.0,
    (
        BAD,
        TestResult("tests/interrupts/test_x.py::test_good", "pass", 0.5),
        TestResult("tests/machine/test_y.py::test_other", "pass", 0.25),
        TestResult("tests/machine/test_y.py::test_left", "skip", text="gdb is not there"),
    ),
    (("seed", "77"),),
    "2 of 6 tests did not run.",
    6,
)


def test_a_run_comes_back_from_json_as_it_was() -> None:
    data = json.loads(json.dumps(RUN.as_data()))
    assert data["counts"] == {"fail": 1, "error": 0, "skip": 1, "pass": 2}
    assert run_of_data(data) == RUN


def test_counts_in_words_name_what_there_is() -> None:
    assert counted(RUN.counts) == "2 passed, 1 failed, 1 skipped"
    assert counted(dict.fromkeys(RUN.counts, 0)) == "0 passed"


def texts(page: ET.Element, path: str) -> list[str]:
    """The texts of the elements on a path."""
    return ["".join(found.itertext()) for found in page.iterfind(path)]


def test_a_page_needs_nothing_but_itself() -> None:
    text = results_page(RUN)
    ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    for outside in ("http:", "https:", "<script", "src=", "@import", "url(", "<link"):
        assert outside not in text
    assert "prefers-color-scheme: dark" in text


def test_a_failure_is_told_in_full_and_open() -> None:
    page = ET.fromstring(results_page(RUN).removeprefix("<!DOCTYPE html>\n"))
    [test] = page.iterfind(".//details[@class='test'][@open]")
    text = "".join(test.itertext())
    for part in (
        BAD.node,
        "1.25 s",
        "assert 2 == 1 & more\n+  where 2 = f()",
        BAD.command,
        "The machine of booted",
        "bare-3.0.rom, build 0123456789ab",
        "EIP=0010004c",
        "kernel <panic>",
        "calls DisableInterrupts",
        "movl $IF, %ss:virtual_if",
        "The test ended here.",
        "qemu-system-i386 -machine pc",
        "red said it",
    ):
        assert part in text
    assert test.find(".//svg") is not None
    assert [link.get("href") for link in test.iterfind(".//a")] == [f"{BAD.folder}/"]


def test_the_counts_stand_by_folder_and_the_rest_is_folded() -> None:
    page = ET.fromstring(results_page(RUN).removeprefix("<!DOCTYPE html>\n"))
    rows = [
        [cell.text or "" for cell in row] for row in page.iterfind(".//table[@class='list']//tr")
    ]
    assert ["folder", "passed", "failed", "skipped", "seconds"] in rows
    assert ["tests/interrupts", "1", "1", "", "1.8"] in rows
    assert ["tests/machine", "1", "", "1", "0.2"] in rows
    assert ["tests/machine/test_y.py::test_left", "gdb is not there"] in rows
    folded = page.findall(".//details[@class='many']")
    shown = [("".join(part[0].itertext()), part.get("open")) for part in folded]
    assert shown == [
        ("Failed: 1", "open"),
        ("Skipped: 1", None),
        ("Passed: 2", None),
        ("The slowest 4", None),
    ]
    assert texts(page, ".//p[@class='note']") == ["2 of 6 tests did not run."]


def test_of_a_text_without_end_the_page_has_the_end() -> None:
    flood = replace(BAD, sections=(("Captured stdout call", "x" * MOST_TEXT + "the end"),))
    text = results_page(replace(RUN, tests=(flood,)))
    assert "... 7 characters before this" in text
    assert "the end" in text
