"""Where a case starts: the virtual IF, and what is pending before the call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.booted import IF, Booted
from harness.explore.calls import DESCRIPTOR_CALLS, INTERRUPT_CALLS, RESET, USER_CS, USER_DS
from harness.explore.case import NMI

HOLDING = 1
"""The line whose handler enabled interrupts before its EOI: it holds back what ranks below."""


IN_HANDLER = 6
"""The line whose handler a call is made in, where no line is in service any more."""


@dataclass(frozen=True)
class Start:
    """A start: its virtual IF, the lines raised before in their order, and what then arrives.

    held: the lines wait although interrupts are enabled, for the EOI of line HOLDING, in whose
    handler the call is made. by_sysenter: user code is about to come by SYSENTER. in_handler: the
    call is made in a handler that interrupted user code, after its EOI. after_nmi: an NMI was the
    last that came, and enabling has to know of it. calls: those that make sense there; none of them
    named, all.
    """

    name: str
    enabled: bool
    pending: tuple[int, ...]
    arrivals: tuple[int, ...]
    held: bool = False
    by_sysenter: bool = False
    in_handler: bool = False
    after_nmi: bool = False
    calls: tuple[str, ...] = ()


FIRST_CALLS = (
    *("EnableInterrupts", "DisableInterrupts", "SetInterruptMask"),
    *("IRET", "SYSEXIT", "Halt"),
)
"""What a kernel may call first when it was entered by SYSENTER. The other calls are for later: the
ROM learns there that interrupts are masked."""

STARTS: Mapping[str, Start] = {
    start.name: start
    for start in (
        Start("clear", False, (), (4, 9, NMI)),
        Start("clear, 5 pending", False, (5,), (4, 6, NMI)),
        Start("clear, 5 and 3 pending", False, (5, 3), (1, 4, NMI)),
        Start("set", True, (), (4, 9, NMI)),
        Start("set, 5 held back", True, (5,), (0, 4, NMI), held=True),
        Start("set, 5 and 3 held back", True, (5, 3), (0, 4, NMI), held=True),
        Start(
            *("clear, in a handler from user mode", False, (), (4, NMI)),
            in_handler=True,
            calls=(*INTERRUPT_CALLS, *DESCRIPTOR_CALLS),
        ),
        Start(
            *("clear, after an NMI", False, (), (4, NMI)),
            after_nmi=True,
            calls=("EnableInterrupts", "SetInterruptMask", "IRET", "SYSEXIT", "Halt"),
        ),
        Start("clear, by SYSENTER", False, (), (4, NMI), by_sysenter=True, calls=FIRST_CALLS),
    )
}

_SECOND: Mapping[int, tuple[int, ...]] = {
    NMI: (4,),
    0: (4, NMI),
    1: (0, 4, NMI),
    4: (1, 0, 6, 12, NMI),
    6: (1, 12, NMI),
    9: (1, 12, NMI),
}
"""What arrives after the first arrival, by that one's line: above it, below it, and the NMI.

No second NMI: the processor holds it back until the IRET of the first one's handler, and this state
of the processor is not among those that can be written back."""


def second_arrivals(start: Start, line: int) -> tuple[int, ...]:
    """What arrives second, after this line; not the line that is in service already."""
    return tuple(other for other in _SECOND[line] if not (start.held and other == HOLDING))


def go_to(booted: Booted, start: Start) -> None:
    """Bring a guest at `ready` to a start; its stack and log are as that leaves them."""
    injector = booted.machine.injector
    for line in (HOLDING, IN_HANDLER, *start.pending):
        injector.lower_irq(line)
    booted.call("EnableInterrupts")
    if start.by_sysenter or start.in_handler:
        _to_user(booted)
        if start.in_handler:
            injector.raise_irq(IN_HANDLER)
            booted.finish(booted.label("handler_leave"))
            release(booted, (IN_HANDLER,))
        return
    if start.enabled and not start.held:
        return
    booted.call("DisableInterrupts")
    if start.after_nmi:
        injector.nmi()
        booted.finish(booted.label("handler_leave"))
        booted.finish()
        booted.clear_log()
    for line in start.pending:
        injector.raise_irq(line)
        booted.settle()
    if start.held:
        booted.set_word("enable_before", 0x20 + HOLDING)
        injector.raise_irq(HOLDING)
        booted.prepare("EnableInterrupts")
        booted.finish(booted.label("handler_eoi"))
        booted.set_word("enable_before", 0)
    release(booted, (HOLDING, *start.pending))


def release(booted: Booted, lines: Sequence[int]) -> None:
    """Lower lines; what they requested stays requested."""
    for line in lines:
        booted.machine.injector.lower_irq(line)


def _to_user(booted: Booted) -> None:
    label = booted.label
    frame = (label("user_code"), USER_CS, RESET | IF, label("user_stack_top"), USER_DS)
    booted.prepare_at(booted.rom.stub("IRET"), frame)
    booted.finish(label("user_code"))
