"""A part of the sweep that is small enough for every run, and faults that it has to find."""

from collections.abc import Mapping

import pytest

from harness.errors import HarnessError
from harness.explore.case import DIED, HANGS, NMI, SHUT_DOWN, SLEEPS, Arrival, Case
from harness.explore.job import Job, JobResult
from harness.explore.sweeper import Sweeper
from tests.explore.conftest import Fault

JOBS = (
    *(Job("EnableInterrupts", start) for start in ("clear", "set", "clear, by SYSENTER")),
    Job("EnableInterrupts", "clear, in a handler from user mode"),
    Job("EnableInterrupts", "clear, 5 pending"),
    Job("DisableInterrupts", "set"),
    Job("DisableInterrupts", "set, 5 and 3 held back"),
    Job("GetInterruptMask", "clear, 5 and 3 pending"),
    Job("SetInterruptMask(200)", "clear"),
    Job("SetInterruptMask(fffffdff)", "set"),
    *(Job("IRET(kernel, IF set)", start) for start in ("clear", "set, 5 held back")),
    Job("IRET(kernel, IF clear)", "set"),
    *(Job(call, start) for call in ("IRET(user)", "SYSEXIT") for start in ("clear", "set")),
    *(Job("Halt", start) for start in ("clear", "set", "clear, 5 pending")),
    *(Job("WriteIDTEntry", start) for start in ("clear", "set")),
    *(Job(call, "set") for call in ("SetGDT", "SetTR", "WriteGDTEntry", "UpdateKernelStack")),
    Job("GetInterruptMask", "clear", depth=2),
)


def found(result: JobResult) -> list[str]:
    return [f"{o.case} at {o.place}: {', '.join(o.complaints)}" for o in result.failures]


@pytest.mark.parametrize("backend", ["bare", "native"])
@pytest.mark.parametrize(
    "job", JOBS, ids=lambda job: f"{job.variant} from {job.start}, {job.depth}"
)
def test_no_arrival_point_loses_an_interrupt(
    sweepers: Mapping[str, Sweeper], backend: str, job: Job
) -> None:
    result = sweepers[backend].sweep(job)
    assert found(result) == []
    assert result.cases >= result.points > 1


NOP, CLI, RET = b"\x90", b"\xfa", b"\xc3"

FAULTS = {
    "enabling delivers nothing": (
        *("bare", "EnableInterrupts", b"\x75\x01" + RET, NOP * 2 + RET),
        *(Job("EnableInterrupts", "clear"), "is late"),
    ),
    "recording changes registers": (
        *("bare", "record", b"\x59\x58", b"\x58\x59"),
        *(Job("GetInterruptMask", "clear"), "ecx is"),
    ),
    "a call with no arrival changes a register": (
        *("native", "GetInterruptMask", b"\x9c\x58", b"\x9c\x59"),
        *(Job("GetInterruptMask", "clear"), "no arrival at GetInterruptMask: "),
    ),
    "a call with no arrival sets a flag": (
        *("bare", "enable_pending", b"\x08\x00\x02", b"\x08\x00\x42"),
        *(
            Job("EnableInterrupts", "clear, 5 pending"),
            "no arrival at EnableInterrupts: vector 25 has",
        ),
    ),
    "a flag appears in the frame": (
        *("bare", "external", b"\x0c\x00\x02", b"\x0c\x00\x42"),
        *(Job("GetInterruptMask", "set"), "has EFLAGS"),
    ),
    "a line is masked at the 8259": (
        *("bare", "in_service", b"\xe6\xa0\xe4", b"\xe6\xa1\xe4"),
        *(Job("EnableInterrupts", "clear, 5 and 3 pending"), "0b00 masked and not 0000"),
    ),
    "recording writes to the caller's stack": (
        *("bare", "record", b"\x64\x24\x14", b"\x64\x24\x1c"),
        *(Job("GetInterruptMask", "clear"), "the caller's stack is not"),
    ),
    "a control register changes": (
        *("native", "GetCR0", b"\x0f\x20\xc0", b"\x0f\x22\xd0"),
        *(Job("GetCR0", "set"), "or the processor, changed"),
    ),
    "user mode is entered untold": (
        *("bare", "settle_user", b"\x00\x02\x00\x00", b"\x00\x00\x00\x00"),
        *(Job("SYSEXIT", "set, 5 held back"), "nothing tells the virtual CPU of user mode"),
    ),
    "an NMI takes the real IF away": (
        *("bare", "iret_closed_on", b"\x00\x02\x00\x00", b"\x00\x00\x00\x00"),
        *(Job("WriteGDTEntry", "set"), "after the NMI the virtual CPU's real_if is not 200"),
    ),
    "a frame is left behind": (
        *("bare", "settle_go", b"\x83\xc4\x08", b"\x83\xc4\x04"),
        *(Job("EnableInterrupts", "set, 5 held back"), ""),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(fault: Fault, name: str) -> None:
    backend, label, old, new, job, said = FAULTS[name]
    result = fault(backend, label, old, new).sweep(job, limit=8)
    assert result.failures
    assert any(said in text for text in found(result)), found(result)


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        (b"\xeb\xfe", HANGS),
        (b"\xfa\xf4", SLEEPS),
        (b"\x66\xba\xf4\x00\xee", DIED),
        (b"\x0f\x01\x1d\x00\x00\x00\x01\x0f\x0b", SHUT_DOWN),
    ],
    ids=["hangs", "sleeps", "ends QEMU", "triple fault"],
)
def test_a_case_that_is_lost_is_an_outcome_and_the_next_one_is_run(
    fault: Fault, sweepers: Mapping[str, Sweeper], code: bytes, ending: str
) -> None:
    # What an arrival does when masked goes wrong; without one the call is as it should be.
    stage = sweepers["bare"].stage
    old = stage.booted.control.read(stage.booted.rom.symbol("record"), len(code))
    sweeper = fault("bare", "record", old, code)
    result = sweeper.sweep(Job("GetInterruptMask", "clear"), limit=3)
    again = sweeper.run_case(result.failures[0].case)
    assert [outcome.ending for outcome in result.failures] == [ending] * 3
    assert {outcome.case.arrivals[0].point for outcome in result.failures} == {0, 1}
    assert again.ending == ending


def test_a_case_that_was_found_is_found_again_by_itself(fault: Fault) -> None:
    sweeper = fault("bare", "Halt", CLI, NOP)
    outcome = sweeper.sweep(Job("Halt", "clear"), limit=1).failures[0]
    assert sweeper.run_case(outcome.case) == outcome


def test_a_fault_that_was_taken_out_is_gone(fault: Fault, sweepers: Mapping[str, Sweeper]) -> None:
    sweeper = fault("bare", "Halt", CLI, NOP)
    assert sweeper.sweep(Job("Halt", "clear"), limit=1).failures
    sweeper.patch({})
    assert found(sweeper.sweep(Job("Halt", "clear"))) == []


@pytest.mark.parametrize(
    "case",
    [
        Case("NoCall", "set", (Arrival(0, 4),)),
        Case("Halt", "nowhere", (Arrival(0, 4),)),
        Case("Halt", "set", (Arrival(5000, NMI),)),
    ],
    ids=["call", "start", "point"],
)
def test_a_case_that_there_is_not_is_refused(sweepers: Mapping[str, Sweeper], case: Case) -> None:
    with pytest.raises(HarnessError, match="There is no"):
        sweepers["bare"].run_case(case)
