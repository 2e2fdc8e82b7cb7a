"""The sweep as a whole: its plan, its figures, and that it goes on where it was interrupted."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.explore.calls import INTERRUPT_CALLS, NOT_SWEPT
from harness.explore.start import STARTS
from harness.explore.sweep import SweepRequest, plan, sweep
from harness.guest import GuestFile
from harness.rom import Rom


@pytest.fixture
def request_(roms: Mapping[str, Rom], wedge_guest: GuestFile, tmp_path: Path) -> SweepRequest:
    """One call on `bare` with one worker."""
    return SweepRequest(
        roms["bare"].path, wedge_guest.path, tmp_path, calls=("GetInterruptMask",), workers=1
    )


def quiet(text: str) -> None:
    pass


def test_every_call_is_swept_or_says_why_not(
    roms: Mapping[str, Rom], wedge_guest: GuestFile, request_: SweepRequest
) -> None:
    rom = roms["bare"]
    jobs = plan(replace(request_, calls=()), rom, wedge_guest)
    swept = {job.variant.partition("(")[0] for job in jobs}
    provided = {row["name"] for row in rom.manifest["calls"] if row["offset"] is not None}
    assert swept | NOT_SWEPT.keys() == provided
    assert not swept & NOT_SWEPT.keys()


def test_two_arrivals_are_for_the_interrupt_calls(
    roms: Mapping[str, Rom], wedge_guest: GuestFile, request_: SweepRequest
) -> None:
    jobs = plan(replace(request_, calls=(), depth=2), roms["bare"], wedge_guest)
    assert {job.variant.partition("(")[0] for job in jobs} == set(INTERRUPT_CALLS)
    assert {job.start for job in jobs} == set(STARTS)


@pytest.mark.parametrize(
    ("calls", "said"), [(("Halt", "Hlt"), "no call 'Hlt'"), (("Reboot",), "it resets the machine")]
)
def test_a_call_that_is_not_swept_is_refused(
    roms: Mapping[str, Rom],
    wedge_guest: GuestFile,
    request_: SweepRequest,
    calls: tuple[str, ...],
    said: str,
) -> None:
    with pytest.raises(HarnessError, match=said):
        plan(replace(request_, calls=calls), roms["bare"], wedge_guest)


@pytest.mark.parametrize("wrong", [{"depth": 3}, {"workers": -1}, {"limit": 0}])
def test_numbers_that_make_no_sense_are_refused(
    request_: SweepRequest, wrong: dict[str, int]
) -> None:
    with pytest.raises(HarnessError):
        replace(request_, **wrong)  # type: ignore[arg-type]


def test_a_sweep_counts_what_it_did_and_leaves_nothing_behind(
    request_: SweepRequest, tmp_path: Path
) -> None:
    lines: list[str] = []
    data = sweep(request_, lines.append).as_data()
    assert (data["verdict"], data["failures"], data["points"], data["cases"]) == ("pass", 0, 21, 67)
    assert data["calls"]["GetInterruptMask"] == {"points": 21, "cases": 67, "failures": 0}
    assert data["cases_per_second"] > 0
    assert "7 of 7 parts" in lines[-1]
    assert not list(tmp_path.iterdir())


class _Stopped(Exception):
    pass


def test_an_interrupted_sweep_goes_on_where_it_was(request_: SweepRequest) -> None:
    def stop(text: str) -> None:
        if "2 of 7 parts" in text:
            raise _Stopped

    with pytest.raises(_Stopped):
        sweep(request_, stop)
    report = sweep(request_, quiet)
    assert (report.as_data()["cases"], report.cases_run) == (67, 47)


def test_an_interrupted_sweep_says_that_the_next_one_goes_on(request_: SweepRequest) -> None:
    def stop(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"0 of 7 parts are done, and the next run goes on"):
        sweep(request_, stop)


def test_a_fresh_sweep_forgets_the_interrupted_one(request_: SweepRequest) -> None:
    def stop(text: str) -> None:
        if "1 of 7 parts" in text:
            raise _Stopped

    with pytest.raises(_Stopped):
        sweep(request_, stop)
    assert sweep(replace(request_, fresh=True), quiet).cases_run == 67
