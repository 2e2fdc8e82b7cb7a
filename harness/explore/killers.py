"""What kills mutants: scripts played beside the model, and jobs of the sweep."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.explore.happenings import event, random_events
from harness.explore.job import Job
from harness.explore.script import Event

RANDOM, STEPS = 30, 25
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
    for call, start in (("WriteIDTEntry", "clear"), ("WriteIDTEntry", "set")):
        yield _killer(Job(call, start))
    if lazy:
        yield _killer(Job("UpdateKernelStack", "clear"))
        yield _killer(Job("SYSEXIT", "set, 5 held back"))
        yield _killer(Job("EnableInterrupts", "clear, 5 and 3 pending"))


def _killer(job: Job) -> Killer:
    deep = ", two arrivals" if job.depth == 2 else ""
    return Killer(f"{job.variant} from {job.start}{deep}", job=job)
