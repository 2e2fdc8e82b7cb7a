"""The timeline of a case: each boundary in its order, and what happened there."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.explore.case import DIED, HANGS, NMI, RETURNED, Arrival, Case, Outcome
from harness.explore.code import Instruction, read_listing
from harness.explore.sweeper import Sweeper
from harness.explore.trace import trace
from harness.report.steps import CaseTimeline
from harness.report.steps_html import timeline_page
from harness.report.steps_text import timeline_text
from harness.rom import Rom
from tests.explore.conftest import Fault

ONE = Case("EnableInterrupts", "clear, 5 pending", (Arrival(2, 4),))
MASKED = Case("GetInterruptMask", "clear", (Arrival(1, 4),))
WAITS = 9
"""The point of Halt with nothing pending that is in its HLT."""


@pytest.fixture(scope="session")
def listing(roms: Mapping[str, Rom]) -> Mapping[int, Instruction]:
    """The listing of the backend `bare`."""
    return read_listing(roms["bare"])


@pytest.fixture(scope="session")
def one(sweepers: Mapping[str, Sweeper], listing: Mapping[int, Instruction]) -> CaseTimeline:
    """The timeline of a case with one arrival and one vector that waits before."""
    return timeline(sweepers["bare"], ONE, listing)


def timeline(sweeper: Sweeper, case: Case, listing: Mapping[int, Instruction]) -> CaseTimeline:
    return trace(sweeper, sweeper.run_case(case), listing)


def marks(found: CaseTimeline) -> list[str]:
    return [mark for step in found.steps for mark in step.marks]


def test_a_timeline_has_each_boundary_in_its_order(one: CaseTimeline) -> None:
    assert [(step.where, step.text) for step in one.steps[:4]] == [
        ("EnableInterrupts", "movl $IF, %ss:virtual_if"),
        ("EnableInterrupts+0xb", "cmpl $0, %ss:pending"),
        ("EnableInterrupts+0x13", "jne enable_left"),
        ("enable_left", "andl $~LEFT, %ss:pending"),
    ]
    assert marks(one) == [
        *("line 4 arrives", "vector 24 is accepted", "vector 24 is recorded"),
        *("vector 24 is delivered", "EOI of line 4", "the handler of 24 has ended"),
        *("vector 25 is delivered", "EOI of line 5", "the handler of 25 has ended", "returned"),
    ]
    assert (one.arrivals, one.complaints, one.ending) == ((2,), (), "It returned.")


def test_a_step_has_the_state_before_its_instruction(one: CaseTimeline) -> None:
    steps = one.steps
    assert [step.virtual_if for step in steps[:3]] == [False, True, True]
    assert [step.requested for step in steps[:4]] == [(), (), (4,), (4,)]
    assert (steps[0].pending, steps[0].in_service, steps[0].real_if) == ((0x25,), (5,), False)
    [delivered] = [step for step in steps if "vector 24 is delivered" in step.marks]
    assert (delivered.where, delivered.of_rom) == ("entry_24", False)
    assert (delivered.pending, delivered.handlers) == ((0x25,), (0x24,))
    assert (steps[-1].where, steps[-1].handlers, steps[-1].real_if) == ("returned", (), True)


def test_on_native_what_is_accepted_is_delivered(
    sweepers: Mapping[str, Sweeper], roms: Mapping[str, Rom]
) -> None:
    case = Case("GetInterruptMask", "set", (Arrival(0, 4),))
    found = timeline(sweepers["native"], case, read_listing(roms["native"]))
    assert marks(found)[:3] == ["line 4 arrives", "vector 24 is delivered", "EOI of line 4"]


def test_a_handler_that_is_interrupted_at_once_is_entered_once(
    sweepers: Mapping[str, Sweeper], roms: Mapping[str, Rom]
) -> None:
    case = Case("GetInterruptMask", "set", (Arrival(0, 4), Arrival(1, NMI)))
    found = timeline(sweepers["native"], case, read_listing(roms["native"]))
    assert [mark for mark in marks(found) if "deliver" in mark or "ended" in mark] == [
        *("vector 24 is delivered", "vector 2 is delivered"),
        *("the handler of 2 has ended", "the handler of 24 has ended"),
    ]


def test_what_is_accepted_where_the_call_leads_is_followed(
    sweepers: Mapping[str, Sweeper], listing: Mapping[int, Instruction]
) -> None:
    case = Case("EnableInterrupts", "clear, by SYSENTER", (Arrival(5, 4),))
    found = trace(sweepers["bare"], Outcome(case, RETURNED, ""), listing)
    assert marks(found)[1:4] == ["returned", "vector 24 is accepted", "vector 24 is delivered"]
    assert "another way than at full speed" in found.facts[1]  # which was made up


def test_an_arrival_in_hlt_stands_there(
    sweepers: Mapping[str, Sweeper], listing: Mapping[int, Instruction]
) -> None:
    found = timeline(sweepers["bare"], Case("Halt", "clear", (Arrival(WAITS, 4),)), listing)
    arrives, accepted = found.steps[WAITS : WAITS + 2]
    assert (arrives.text, arrives.marks) == ("hlt", ("it sleeps", "line 4 arrives"))
    assert accepted.marks == ("vector 24 is accepted",)


def test_two_arrivals_stand_where_they_came(
    sweepers: Mapping[str, Sweeper], listing: Mapping[int, Instruction]
) -> None:
    case = Case("GetInterruptMask", "clear", (Arrival(1, 4), Arrival(3, NMI)))
    found = timeline(sweepers["bare"], case, listing)
    assert found.arrivals == (1, 4)
    assert [found.steps[n].marks[-1] for n in (1, 4)] == ["line 4 arrives", "NMI arrives"]
    assert marks(found).count("vector 2 is delivered") == 1


def test_what_waits_at_the_end_is_followed_to_its_delivery(
    sweepers: Mapping[str, Sweeper], listing: Mapping[int, Instruction]
) -> None:
    said = marks(timeline(sweepers["bare"], MASKED, listing))
    drain = said.index("EnableInterrupts is called, for what waits")
    assert said[:drain][-2:] == ["vector 24 is recorded", "returned"]
    assert "vector 24 is delivered" in said[drain:]


def test_what_a_case_before_has_written_is_no_part_of_a_timeline(
    sweepers: Mapping[str, Sweeper], listing: Mapping[int, Instruction]
) -> None:
    bare = sweepers["bare"]
    bare.run_case(Case("UpdateKernelStack", "set", (Arrival(0, NMI),)))  # moves the TSS's ESP0
    case = Case("SYSEXIT", "set", (Arrival(0, NMI),))
    trace(bare, Outcome(case, RETURNED, ""), listing)
    assert bare.run_case(replace(case, arrivals=(Arrival(8, 4),))).complaints == ()


def test_a_case_that_sleeps_ends_asleep(
    sweepers: Mapping[str, Sweeper], listing: Mapping[int, Instruction]
) -> None:
    found = timeline(sweepers["bare"], Case("Halt", "set", (Arrival(0, 4),)), listing)
    assert (marks(found)[-1], found.ending) == ("it sleeps", "It sleeps in HLT.")


def test_a_case_that_hangs_is_followed_to_where_it_does(
    fault: Fault, sweepers: Mapping[str, Sweeper], listing: Mapping[int, Instruction]
) -> None:
    stage = sweepers["bare"].stage
    old = stage.booted.control.read(stage.booted.rom.symbol("record"), 2)
    sweeper = fault("bare", "record", old, b"\xeb\xfe")
    found = trace(sweeper, Outcome(MASKED, HANGS, "", complaints=("it hangs",)), listing)
    assert found.ending == "record is executed again and again."
    assert (found.steps[-1].where, found.steps[-1].text) == ("record", "jmp record")


def test_a_case_that_ends_qemu_is_followed_up_to_there(
    fault: Fault, sweepers: Mapping[str, Sweeper], listing: Mapping[int, Instruction]
) -> None:
    stage = sweepers["bare"].stage
    code = b"\x66\xba\xf4\x00\xee"
    old = stage.booted.control.read(stage.booted.rom.symbol("record"), len(code))
    sweeper = fault("bare", "record", old, code)
    found = trace(sweeper, Outcome(MASKED, DIED, "", complaints=("QEMU died",)), listing)
    assert found.ending.startswith("QEMU died: ")
    assert [step.text for step in found.steps[-2:]] == ["movw $0xf4, %dx", "outb %al, %dx"]


def test_the_pictures_of_a_fault_show_the_complaint_and_what_was_executed(
    fault: Fault, listing: Mapping[int, Instruction]
) -> None:
    sweeper = fault("bare", "EnableInterrupts", b"\x75\x01\xc3", b"\x90\x90\xc3")
    found = timeline(sweeper, ONE, listing)
    assert any("is late" in complaint for complaint in found.complaints)
    lines = timeline_text(found)
    assert any("EnableInterrupts+0x13  nop" in line for line in lines)
    box = ElementTree.fromstring(timeline_page(found)).find(".//div[@class='complaints']")
    assert box is not None
    assert "is late" in "".join(box.itertext())
