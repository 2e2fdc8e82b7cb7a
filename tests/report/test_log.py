"""The log: what a run found, and the verdict on the whole."""

import pytest

from harness.report.log import ERROR, FAIL, PASS, Check, Event, Log, verdict_of


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        ([PASS, PASS], PASS),
        ([PASS, FAIL, PASS], FAIL),
        ([FAIL, ERROR, PASS], ERROR),
        ([], ERROR),
    ],
    ids=["all-pass", "one-fails", "one-error", "none"],
)
def test_the_verdict_of_several_is_the_worst(verdicts: list[str], whole: str) -> None:
    assert verdict_of(verdicts) == whole
    assert Log([Check("x", verdict) for verdict in verdicts]).verdict == whole


def test_a_check_answers_whether_it_held_and_is_noted_in_order() -> None:
    log = Log()
    assert log.check("first", True, "seen") is True
    assert log.check("second", False) is False
    assert log.checks == [Check("first", PASS, "seen"), Check("second", FAIL, "")]


def test_the_data_for_a_file_hold_verdict_checks_and_events() -> None:
    log = Log()
    log.check("a/check", True, "detail")
    log.events.append(Event("arrives", "returned", False, True, (0x21,), None, "line 1"))
    assert log.as_data() == {
        "verdict": "pass",
        "checks": [{"id": "a/check", "verdict": "pass", "detail": "detail"}],
        "events": [
            {
                "what": "arrives",
                "where": "returned",
                "virtual_if": False,
                "real_if": True,
                "pending": (0x21,),
                "handler": None,
                "detail": "line 1",
            }
        ],
    }
