"""What kills mutants: scripts played beside the model, and jobs of the sweep."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.explore.happenings import event, random_events
from harness.explore.job import Job
from harness.explore.script import Event

RANDOM, STEPS = 60, 25
"""Random scripts, and events of each."""

_ENABLE, _DISABLE = "call EnableInterrupts", "call DisableInterrupts"

DIRECTED: Mapping[str, tuple[str, ...]] = {
    # A call that turns the real IF off and on must not turn it on while a vector is recorded.
    "over a recorded one": ("raise 5", "call SetIDT", "raise 1", _ENABLE),
    # The frame that SYSEXIT builds for what is pending has to carry user code back.
    "pending at SYSEXIT": ("raise 5", "sysexit", "eoi master", "iret", "raise 1"),
    # Lines 1 and 9 are both in service, and are the same input of their chips.
    "the same input of both chips": (
        *("raise 9", "raise 1", _ENABLE, "eoi master", "iret"),
        *("eoi slave", "eoi master", "iret"),
    ),
    # The slave has a line in service that the master knows no more of.
    "EOI at the master first": (_ENABLE, "raise 8", "eoi master", _ENABLE, "raise 9", "eoi slave"),
    "SYSENTER and back": (
        *("sysexit", "sysenter", _ENABLE, "raise 5", "eoi master", "iret"),
        *("user", "sysenter", "nmi", "iret", "raise 1", _ENABLE),
    ),
    "INT n after SYSENTER": ("user", "sysenter", "int 0x80", "iret", _ENABLE, "raise 5"),
    "a stack's old flags": (_DISABLE, "switch", "raise 5", _ENABLE, "eoi master", "iret"),
    "faults": (
        *("fault", "iret", _ENABLE, "fault", "raise 5", "iret", "eoi master", "iret"),
        *("user", "fault", "raise 1", "iret", "eoi master", "iret", "sysenter"),
        *("fault", "call GetInterruptMask", "iret", _ENABLE, "raise 0"),
    ),
    "no gate": ("gate 5 none", "raise 5", _ENABLE, "iret", "eoi master", "gate 5 interrupt"),
    "the first line has no gate": (
        *("gate 0 none", "raise 0", _ENABLE, "iret", "eoi master", "gate 0 interrupt"),
        *(_DISABLE, "lower 0", "raise 0", _ENABLE, "eoi master", "iret"),
    ),
    "gate not present": ("gate 5 absent", _ENABLE, "raise 5", "iret", "eoi master", "raise 1"),
    "user mode with IF clear": (
        *("user off", "raise 5", "fault", "raise 1", "iret", "int 0x80", "iret", "nmi", "iret"),
        *("int 0x80", _ENABLE, "eoi master", "iret", "eoi master", "iret", "iret"),
        *("fault", _ENABLE, "raise 0", "eoi master", "iret", "iret", "sysenter", _ENABLE),
    ),
    # What SYSEXIT says of the real IF counts for a fault of user code.
    "a fault after SYSEXIT": (
        *("user", "sysenter", "nmi", "iret", "sysexit", "fault", "raise 5", "iret"),
        *("eoi master", "iret", "int 0x3", "iret"),
    ),
    "gates that became none": (
        *("raise 5", "gate 5 call", _ENABLE, "iret", "eoi master", "gate 5 interrupt"),
        *("gate 12 absent", "gate 9 past", "raise 12", "iret"),
    ),
    # The entries of the stack move when one below is dropped.
    "an EOI between two that wait": (
        *("raise 5", "raise 3", _ENABLE, _ENABLE, _DISABLE, "raise 1", "eoi master 3"),
        *("raise 0", _ENABLE, "eoi master", "iret", "eoi master", "iret", "iret"),
        *("eoi master", "iret"),
    ),
    # A handler of the slave's holds back what waits below the cascade.
    "a slave's line over what waits": (
        *("raise 5", "raise 9", _ENABLE, _ENABLE, "eoi slave", "eoi master", _ENABLE),
        *("eoi master", "iret", "iret"),
    ),
    "the slave's lowest line over what waits": ("raise 5", "raise 12", _ENABLE, _ENABLE),
    # Line 1 comes over 9, which is the same input of its chip.
    "line 1 over line 9": (
        *("raise 5", "raise 9", _ENABLE, _ENABLE, "raise 1", _ENABLE, "eoi slave 1", _ENABLE),
        *("eoi master 2", _ENABLE, "eoi master 1", _ENABLE),
    ),
    "line 9 after line 1": (
        *("raise 5", "raise 1", _ENABLE, "eoi master", "raise 9", _ENABLE, _ENABLE),
        *("eoi slave", "eoi master", _ENABLE),
    ),
    # The real IF of a handler behind a trap gate that what was recorded is delivered to.
    "a trap gate for what was recorded": (
        *("gate 5 trap", "raise 5", _ENABLE, "raise 1", "eoi master", "iret"),
        *("raise 5", _DISABLE, "lower 5", "raise 5", "eoi master", _ENABLE, "iret"),
    ),
    "a trap gate over what waits": (
        *("gate 1 trap", "raise 5", "raise 1", _ENABLE, "raise 0", "eoi master 0", "iret"),
        *("eoi master 1", "iret", "eoi master", "iret", "gate 1 interrupt"),
    ),
    "a trap gate in user mode": ("gate 5 trap", "user", "raise 5", "raise 1", "eoi master", "iret"),
    # Not even the table reaches so far; a gate that is its last is one.
    "gates past the limit": (
        *("gate 5 past", "raise 5", _ENABLE, "iret", "eoi master"),
        *("raise 4", "eoi master", "iret", "raise 9", "iret"),
    ),
    # Line 0 comes over 1, which holds 5 back; without 1 it does so itself.
    "a higher one over what waits": (
        *("raise 5", "raise 1", _ENABLE, _ENABLE, "raise 0", "eoi master 1", _ENABLE),
        *("eoi master 0", _ENABLE, "eoi master", "iret", "iret", "iret"),
    ),
    # The handler of 13 goes on when that of 5 has sent its EOI: it holds 7 back by itself.
    "an EOI for a lower one first": (
        *("raise 7", "raise 5", _ENABLE, _ENABLE, "raise 13", "eoi master 5", _ENABLE),
        *("eoi slave", _ENABLE, "eoi master 2", _ENABLE, "eoi master 7"),
    ),
    "the slave's lines one over another": (
        *("raise 7", "raise 15", _ENABLE, _ENABLE, "raise 14", _ENABLE, "raise 13", _ENABLE),
        *("raise 12", _ENABLE, "raise 8", _ENABLE, "raise 1", _ENABLE, "eoi master 1", "iret"),
        *("eoi slave", "eoi master", "iret", "eoi slave", "eoi master", "iret"),
        *("eoi slave", "eoi master", "iret", "eoi slave", "eoi master", "iret"),
    ),
    # Line 3 of the master and 11 of the slave's inputs are the same; so are 7 and 15.
    "the same low bits": (
        *("raise 7", "raise 3", _ENABLE, _ENABLE, "raise 15", "eoi master 3", _ENABLE),
        *("raise 12", "eoi slave 7", _ENABLE, "eoi slave", "eoi master 2", _ENABLE),
    ),
    # A call that turns the real IF off leaves it so where SYSENTER has cleared it.
    "a table after SYSENTER": (
        *("user", "sysenter", "call WriteGDTEntry", "raise 5", "call SetIDT", "raise 1", _ENABLE),
        *("eoi master", "nmi", "call WriteGDTEntry", "iret", "iret"),
    ),
    "marks of user mode": (
        *("raise 5", "user", "eoi master", "iret", "nmi", "iret", "int 0x80", "fault", "iret"),
        *("iret", "sysenter", "int 0x80", "iret", "nmi", "iret", _ENABLE, "user off"),
        *("int 0x80", "nmi", "iret", "iret", "raise 5", "sysenter", _ENABLE),
    ),
    "marks of a change of stacks": (
        *(_DISABLE, "switch", "int 0x80", "iret", _ENABLE, "call UpdateKernelStack"),
        *("raise 5", "nmi", "iret", "eoi master", "iret", "call UpdateKernelStack"),
        *("raise 1", "call UpdateKernelStack", "fault", "iret", _ENABLE, "raise 0", "nmi"),
    ),
    "a trap gate over what is held back": (
        *("raise 5", "raise 3", _ENABLE, _ENABLE, "gate 1 trap", "raise 1", "raise 0"),
        *("eoi master", "iret", "eoi master", "iret", "eoi master", "iret", "gate 1 interrupt"),
    ),
    # Its handler's IF is that of what it interrupts, whatever UpdateKernelStack noted.
    "a trap gate after a change of stacks": (
        *("gate 1 trap", _ENABLE, "call UpdateKernelStack", "raise 1", "raise 0"),
        *("eoi master", "iret", "eoi master", "iret", "raise 5", "raise 3", _ENABLE, _ENABLE),
        *("call UpdateKernelStack", "lower 1", "raise 1", "eoi master", "iret"),
        *("eoi master", "iret", "eoi master", "iret", "gate 1 interrupt"),
    ),
    "a selector with an RPL": ("gate 5 rpl", "raise 5", _ENABLE, "eoi master", "iret"),
    "trap gate": ("gate 5 trap", _ENABLE, "raise 5", "raise 1", "eoi master", "iret", "iret"),
}
"""Scripts for places that random ones seldom come to."""

QUICK = (
    *("DisableInterrupts", "GetInterruptMask"),
    *("SetInterruptMask(fffffdff)", "IRET(kernel, IF clear)"),
)
"""Calls that reach nothing in the closed code but by an arrival."""

FULL = (
    *("EnableInterrupts", "SetInterruptMask(200)"),
    *("IRET(kernel, IF set)", "IRET(user)", "SYSEXIT", "Halt"),
)
"""Calls that deliver."""


@dataclass(frozen=True)
class Killer:
    """A script or a job, not both."""

    name: str
    events: tuple[Event, ...] = ()
    job: Job | None = None


def killers(lazy: bool) -> list[Killer]:
    """All that a mutant has to survive."""
    return [*_scripts(lazy), *_jobs(lazy)]


def _scripts(lazy: bool) -> Iterator[Killer]:
    for name, lines in DIRECTED.items():
        yield Killer(f"script {name}", tuple(map(event, lines)))
    for seed in range(RANDOM):
        yield Killer(f"random script {seed}", random_events(seed, STEPS, lazy))


def _jobs(lazy: bool) -> Iterator[Killer]:
    for call in (*QUICK, *FULL):
        for start in ("clear", "set"):
            yield _killer(Job(call, start))
    for call in ("EnableInterrupts", "IRET(user)", "SYSEXIT", "Halt"):
        yield _killer(Job(call, "clear, by SYSENTER"))
    for call in (*QUICK, "EnableInterrupts", "SYSEXIT", "Halt"):
        yield _killer(Job(call, "clear, 5 pending"))
    for call in (*QUICK, *FULL):
        yield _killer(Job(call, "clear, in a handler from user mode"))
    for call, start in (("WriteIDTEntry", "clear"), ("WriteIDTEntry", "set")):
        yield _killer(Job(call, start))
    if lazy:
        for call in ("DisableInterrupts", "EnableInterrupts", "IRET(user)"):  # and on its way
            yield from (_killer(Job(call, start, 2, 0)) for start in ("clear", "set"))
        yield _killer(Job("DisableInterrupts", "clear, 5 pending", 2, 0))
        yield from (_killer(Job(call, "set, 5 held back")) for call in FULL)
        yield from (_killer(Job(call, "clear, 5 and 3 pending")) for call in FULL)
        yield _killer(Job("UpdateKernelStack", "clear"))
        for call in FULL:
            yield _killer(Job(call, "clear, after an NMI"))


def _killer(job: Job) -> Killer:
    deep = ", two arrivals" if job.depth == 2 else ""
    return Killer(f"{job.variant} from {job.start}{deep}", job=job)
