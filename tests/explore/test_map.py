"""The map of a sweep: what is noted of each place, and the rows that are made from it."""

from collections.abc import Mapping
from pathlib import Path

from harness.explore.case import RETURNED, Arrival, Case, Outcome
from harness.explore.job import Job, JobResult
from harness.explore.sweep import SweepReport
from harness.explore.sweep_map import sweep_map
from harness.explore.sweeper import Sweeper
from harness.guest import GuestFile
from harness.report.grid import AT_ONCE, LATER, RECORDED, REQUESTED, WRONG
from harness.rom import Rom
from tests.explore.conftest import Fault


def places(sweeper: Sweeper, variant: str, start: str) -> dict[str, dict[str, str]]:
    return sweeper.sweep(Job(variant, start)).places


def test_what_became_of_an_arrival_is_noted_by_its_place(
    sweepers: Mapping[str, Sweeper],
) -> None:
    bare = sweepers["bare"]
    enabling = places(bare, "EnableInterrupts", "clear")
    assert enabling["EnableInterrupts"] == {"line 4": LATER, "line 9": LATER, "nmi": AT_ONCE}
    assert enabling["EnableInterrupts+0xb"]["line 4"] == AT_ONCE
    masked = places(bare, "GetInterruptMask", "clear, 5 pending")
    assert masked["GetInterruptMask"] == {"line 4": REQUESTED, "line 6": REQUESTED, "nmi": AT_ONCE}
    assert places(bare, "GetInterruptMask", "clear")["GetInterruptMask"]["line 4"] == RECORDED


def test_of_several_ways_to_a_place_the_worst_outcome_is_noted() -> None:
    result = JobResult(Job("Halt", "set"))
    for became in (AT_ONCE, RECORDED, LATER):
        case = Case("Halt", "set", (Arrival(0, 4),))
        result.note(Outcome(case, RETURNED, "Halt", became=became))
    assert result.places == {"Halt": {"line 4": RECORDED}}


def test_hlt_and_waiting_in_it_are_two_places(sweepers: Mapping[str, Sweeper]) -> None:
    found = places(sweepers["bare"], "Halt", "clear")
    assert found["halt_sleep+0x1"]["line 4"] == LATER  # in the shadow of the STI before it
    assert found["halt_sleep+0x1, asleep"]["line 4"] == AT_ONCE


def test_a_row_is_an_instruction_in_the_order_of_the_listing(
    sweepers: Mapping[str, Sweeper], roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> None:
    rom = roms["bare"]
    jobs = [Job("GetInterruptMask", start) for start in ("clear", "set")]
    results = [sweepers["bare"].sweep(job) for job in jobs]
    report = SweepReport("bare", 1, rom.manifest["build_id"], results)
    [call] = sweep_map(report, rom, wedge_guest).calls
    assert call.columns == tuple(
        (start, line) for start in ("clear", "set") for line in ("line 4", "line 9", "nmi")
    )
    masked, enabled = (RECORDED, RECORDED, AT_ONCE), (AT_ONCE,) * 3
    assert [(row.label, row.distance, row.text, row.cells) for row in call.rows] == [
        ("GetInterruptMask", "", "movl %ss:virtual_if, %eax", masked + enabled),
        ("GetInterruptMask", "+0x6", "ret", masked + enabled),
        ("returned", "", "", masked + enabled),
    ]
    assert (call.points, call.failures) == (6, 0)
    assert call.cases == sum(result.cases for result in results) > len(call.columns)


def test_what_is_wrong_leads_to_its_timeline(
    fault: Fault, roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> None:
    sweeper = fault("bare", "record", b"\x59\x58", b"\x58\x59")
    result = sweeper.sweep(Job("GetInterruptMask", "clear"), limit=1)
    report = SweepReport("bare", 1, roms["bare"].manifest["build_id"], [result])
    found = sweep_map(report, roms["bare"], wedge_guest, [Path("folder/failure.html")])
    [row] = found.calls[0].rows
    assert row.cells == (WRONG,)
    assert row.links == {0: "failure.html"}
    assert (found.verdict, found.failures[0][2]) == ("fail", "failure.html")
