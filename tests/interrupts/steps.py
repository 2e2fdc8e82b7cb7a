"""What these tests do to a booted guest: raise lines, enable, step, run bytes of code."""

import time
from collections.abc import Callable, Iterator

from harness.booted import IF, Booted

KERNEL_CS, KERNEL_DS, USER_CS, USER_DS, FAR_DS = 0x08, 0x10, 0x1B, 0x23, 0x38
FAR_BASE = 0x30000000
"""Base of FAR_DS: an access through it reaches nothing that the guest uses."""

FIRST_VECTOR = 0x20
"""Vector of line 0; the guest programs its 8259s to 20-27 and 28-2f."""

RESET = 0x2
"""EFLAGS with nothing set but the bit that always is."""

READ_IRR, READ_ISR = 0x0A, 0x0B  # OCW3
SLEEP_LIMIT = 5.0  # seconds
MOST_STEPS = 200  # more than any call of the ROM executes

Enabling = Callable[[Booted], None]


def vectors(*lines: int) -> list[int]:
    """The vectors of 8259 lines."""
    return [FIRST_VECTOR + line for line in lines]


def delivered(booted: Booted) -> list[int]:
    """The vectors of the handlers entered, in order."""
    return [entry.vector for entry in booted.log()]


def mask(booted: Booted) -> int:
    """What GetInterruptMask answers."""
    return booted.call("GetInterruptMask")["eax"]


def mask_interrupts(booted: Booted) -> None:
    """Go on with interrupts disabled and an empty log; for `native` that is IF off."""
    booted.call("DisableInterrupts")
    booted.clear_log()


def arrive(booted: Booted, *lines: int) -> None:
    """Raise lines one after the other, the guest running at `returned` in between.

    They stay up, as a request that falls before it is acknowledged may be lost. The edge counts
    for all but 10 and 11, which SeaBIOS makes level-triggered for PCI on the machine pc.
    """
    for line in lines:
        booted.machine.injector.lower_irq(line)  # the timer's is up when it has counted down
        booted.machine.injector.raise_irq(line)
        booted.settle()


def arrive_at(booted: Booted, line: int, place: int) -> None:
    """Raise a line while the guest loops at a place, and come back there by its handler."""
    booted.machine.injector.lower_irq(line)
    booted.machine.injector.raise_irq(line)
    booted.finish(booted.label("handler_logged"))
    booted.machine.injector.lower_irq(line)
    booted.control.run_to(place)


def release(booted: Booted, *lines: int) -> None:
    """Lower lines that were taken."""
    for line in lines:
        booted.machine.injector.lower_irq(line)


def in_service(booted: Booted) -> tuple[int, int]:
    """The in-service registers of master and slave; (0, 0): each interrupt had its EOI."""
    found = []
    for port in (0x20, 0xA0):
        booted.machine.injector.outb(port, READ_ISR)
        found.append(booted.machine.injector.inb(port))
        booted.machine.injector.outb(port, READ_IRR)
    return found[0], found[1]


def enable(booted: Booted) -> None:
    """EnableInterrupts."""
    booted.call("EnableInterrupts")


def set_mask(booted: Booted) -> None:
    """SetInterruptMask(0x200)."""
    booted.call("SetInterruptMask", eax=IF)


def iret(booted: Booted) -> None:
    """IRET to `returned`, in kernel mode, with IF in the image."""
    booted.prepare_at(booted.rom.stub("IRET"), kernel_frame(booted))
    booted.finish()


def halt(booted: Booted) -> None:
    """Halt; for use when something is pending."""
    booted.call("Halt")


def kernel_frame(booted: Booted, eflags: int = RESET | IF) -> tuple[int, int, int]:
    """A frame to return to `returned` in kernel mode."""
    return booted.label("returned"), KERNEL_CS, eflags


def enabling(booted: Booted) -> None:
    """Stand at EnableInterrupts with line 5 pending."""
    arrive(booted, 5)
    booted.prepare("EnableInterrupts")


def to_kernel(booted: Booted) -> None:
    """Stand at IRET to `returned`, which enables."""
    booted.prepare_at(booted.rom.stub("IRET"), kernel_frame(booted))


def to_kernel_pending(booted: Booted) -> None:
    """The same with line 5 pending."""
    arrive(booted, 5)
    to_kernel(booted)


def user_frame(booted: Booted, eflags: int = RESET | IF) -> tuple[int, int, int, int, int]:
    """A frame to return to `user_code` in user mode."""
    label = booted.label
    return label("user_code"), USER_CS, eflags, label("user_stack_top"), USER_DS


def code(booted: Booted) -> int:
    """Where `execute` puts its code: room for 512 bytes below the stack of user mode."""
    return booted.label("user_stack")


def execute(booted: Booted, machine_code: bytes, **registers: int) -> dict[str, int]:
    """Run bytes of machine code in kernel mode, then RET; answers the registers after it."""
    booted.control.write(code(booted), machine_code + b"\xc3")
    booted.prepare_at(code(booted), (booted.label("returned"),), **registers)
    return booted.finish()


def trace(booted: Booted, *ends: int) -> list[int]:
    """Step from here to one of the ends, interrupts held off; the boundaries, both included."""
    passed = [booted.control.registers()["eip"]]
    while passed[-1] not in ends:
        assert len(passed) <= MOST_STEPS, f"more than {MOST_STEPS} steps, and not at the end"
        passed.append(booted.control.step())
    return passed


def boundaries(booted: Booted, prepare: Callable[[], None], *ends: int) -> Iterator[str]:
    """Stand at each instruction boundary from a start to one of the ends, both included.

    `prepare` puts the machine at the start, with nothing in sight that could arrive by itself; it
    is called anew for each boundary, and the test lets the machine run on from each. The end comes
    first, since that is how the others are found. Yields where it stands, for messages.
    """
    prepare()
    passed = trace(booted, *ends)
    yield f"at the end, {booted.rom.place(passed[-1])}"
    for count, place in enumerate(passed[:-1]):
        prepare()
        if count and passed.index(place) == count:
            booted.control.run_to(place)
        else:  # a breakpoint would stop at an earlier turn of a loop
            for _ in range(count):
                booted.control.step()
        yield f"{count} steps in, at {booted.rom.place(place)}"


def fall_asleep(booted: Booted) -> bool:
    """Let the guest run on until it sleeps in HLT, and stop it there; False if it never does."""
    deadline = time.monotonic() + SLEEP_LIMIT
    booted.control.cont()
    try:
        while not booted.machine.monitor.processor().halted:
            if time.monotonic() > deadline:
                return False
    finally:
        booted.control.interrupt()
    return True
