"""Count the instructions of the frequent calls, one step at a time.

A step of the processor is one instruction, so counting steps is exact and needs no clock. The guest
is the kit's own test guest; each count starts from it at `ready`, with nothing pending. A count
goes from the stub's first instruction to the one that leaves the ROM, and includes both.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from guests.sites import bare_instructions
from harness.bench.figure import INSTRUCTIONS, Figure
from harness.booted import IF, Booted, BootedMachine
from harness.errors import HarnessError, MachineError, WaitTimeout
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.ending import DIED
from harness.rom import Rom

MOST_STEPS = 1000
"""Far more than any way through the ROM has; what takes longer has lost its way."""

KERNEL_CS, USER_CS, USER_DS = 0x08, 0x1B, 0x23
EFLAGS = 0x2 | IF
SCAN_CODE = 0x1C
SYSENTER_CS = 0x174
ENTRY = "log"
INT_80, UD2 = bytes.fromhex("cd80"), bytes.fromhex("0f0b")

Count = TypeVar("Count")

Value = int | str
"""A number, or the label of the guest whose address is meant."""


class RomLost(HarnessError):
    """A call of the ROM did not come to its end: a finding about the ROM, not about the kit."""


@dataclass(frozen=True)
class Case:
    """One way to make a call: `registers` and `stack` as the row of the call has them.

    `stack` starts with the fourth argument, or with the frame of a call that does not return; `end`
    is the label at which the call is over; `entry` is what ENTRY, a page table entry, holds before.
    """

    name: str
    call: str
    registers: Mapping[str, Value] = field(default_factory=dict)
    stack: tuple[Value, ...] = ()
    end: str = "returned"
    entry: int = 0


def _case(call: str, *stack: Value, **registers: Value) -> Case:
    return Case(call, call, registers, stack)


CASES = (
    _case("EnableInterrupts"),
    _case("DisableInterrupts"),
    _case("GetInterruptMask"),
    _case("SetInterruptMask", eax=IF),
    Case("SetInterruptMask-off", "SetInterruptMask", {"eax": 0}),
    Case("IRET", "IRET", stack=("returned", KERNEL_CS, EFLAGS)),
    Case(
        "IRET-to-user",
        "IRET",
        stack=("user_code", USER_CS, EFLAGS, "user_stack_top", USER_DS),
        end="user_code",
    ),
    Case("SYSEXIT", "SYSEXIT", {"edx": "user_code", "ecx": "user_stack_top"}, end="user_code"),
    _case("SetPxE", eax=0, edx=ENTRY, ecx=1),
    _case("SetPxELong", 1, eax=0, edx=0, ecx=ENTRY),
    Case("SetPxELong-present", "SetPxELong", {"eax": 0, "edx": 0, "ecx": ENTRY}, (1,), entry=1),
    _case("InvalPage", eax=ENTRY),
    _case("FlushTLB", eax=1),
    _case("SetCR3", eax=0),
    _case("GetCR2"),
    _case("CLTS"),
    _case("UpdateKernelStack", eax=0x10, edx="kernel_stack_top"),
    _case("WriteGDTEntry", 0x00CF9200, eax="gdt", edx=8, ecx=0xFFFF),
    _case("RDTSC"),
    _case("INB", edx=0x80),
    _case("OUTB", eax=0, edx=0x80),
    _case("IODelay"),
)


def count_calls(
    rom: Rom,
    guest: GuestFile,
    config: MachineConfig,
    progress: Callable[[str], None] = lambda text: None,
) -> Iterator[Figure]:
    """Count each call that the ROM provides, and the ways of interrupts and exceptions through it.

    Raises RomLost when a call does not end, HarnessError when the kit could not ask.
    """
    backend = rom.manifest["backend"]
    provided = {row["name"] for row in rom.manifest["calls"] if row["type"] != "NONE"}
    machine = BootedMachine(config, rom, guest)
    try:
        for case in CASES:
            if case.call in provided:
                progress(f"{backend}, {case.name}")
                value = _counted(machine, rom, partial(_count_call, case=case))
                yield _figure(case.name, backend, value, bare_instructions(case.call))
        for name, count in ARRIVALS.items():
            progress(f"{backend}, {name}")
            if (found := _counted(machine, rom, count)) is not None:
                yield _figure(name, backend, found, 0)
    finally:
        machine.close()


def _counted(machine: BootedMachine, rom: Rom, count: Callable[[Booted], Count]) -> Count:
    """What is counted from `ready` on, where the ROM alone is to blame for what goes wrong."""
    booted = machine.ready()
    try:
        return count(booted)
    except (MachineError, WaitTimeout) as error:
        ending = machine.machine.ending()
        if ending is not None and ending.kind == DIED:
            raise
        raise RomLost(f"{rom.path.name}: {ending.detail if ending else error}") from None


def _figure(name: str, backend: str, value: int, yardstick: int) -> Figure:
    return Figure(f"instructions/{name}", backend, value, INSTRUCTIONS, yardstick)


def _count_call(booted: Booted, case: Case) -> int:
    def address(value: Value) -> int:
        return booted.label(value) if isinstance(value, str) else value

    if case.call == "SYSEXIT":
        booted.call("WRMSR", ecx=SYSENTER_CS, eax=KERNEL_CS, edx=0)
    registers = {name: address(value) for name, value in case.registers.items()}
    stack = tuple(address(value) for value in case.stack)
    [kind] = [row["type"] for row in booted.rom.rom.manifest["calls"] if row["name"] == case.call]
    if kind != "JUMP_REL":
        stack = (booted.label("returned"), *stack)
    booted.set_word(ENTRY, case.entry)
    booted.prepare_at(booted.rom.stub(case.call), stack, **registers)
    return _steps_to(booted, booted.label(case.end))


def _steps_to(booted: Booted, *ends: int) -> int:
    """Step until the next instruction is at one of the ends; answer how many were executed."""
    for steps in range(1, MOST_STEPS + 1):
        if booted.control.step() in ends:
            return steps
    wanted = " or ".join(f"{end:#x}" for end in ends)
    raise RomLost(
        f"{booted.rom.rom.path.name} did not come to {wanted} within {MOST_STEPS} instructions; "
        f"it is at {booted.rom.place(booted.control.registers()['eip'])}."
    )


def _leave(booted: Booted, places: tuple[int, ...]) -> int:
    """Step, interrupts let in, until something arrives; answer EIP, which is none of the places."""
    for _ in range(MOST_STEPS):
        if (eip := booted.control.step(interrupts=True)) not in places:
            return eip
    raise RomLost(f"No interrupt arrived in {MOST_STEPS} instructions with one raised.")


def _raise(booted: Booted) -> int:
    """Raise line 1 while the guest loops at `returned`; answer where its interrupt arrives."""
    booted.machine.injector.keyboard_byte(SCAN_CODE)
    loop = booted.label("returned")
    return _leave(booted, (loop, loop + 1))


def _steps_from(booted: Booted, eip: int, *ends: int) -> int:
    return 0 if eip in ends else _steps_to(booted, *ends)


def _delivered(booted: Booted) -> int:
    """From the arrival of an interrupt to the first instruction of its handler."""
    booted.call("EnableInterrupts")
    return _steps_from(booted, _raise(booted), booted.label("entry_21"))


def _recorded(booted: Booted) -> int | None:
    """From the arrival of an interrupt while masked to where the guest goes on."""
    if not booted.rom.rom.manifest["lazy"]:
        return None  # it waits in the 8259
    booted.call("EnableInterrupts")
    booted.call("DisableInterrupts")
    eip = _raise(booted)
    loop = booted.label("returned")
    return _steps_from(booted, eip, loop, loop + 1)


def _delivered_by_enable(booted: Booted) -> int | None:
    """From EnableInterrupts to the first instruction of the handler of what was recorded."""
    if _recorded(booted) is None:
        return None
    booted.prepare("EnableInterrupts")
    return _steps_to(booted, booted.label("entry_21"))


def _from_user(instruction: bytes, vector: int) -> Callable[[Booted], int]:
    def count(booted: Booted) -> int:
        user = booted.label("user_code")
        entry = booted.label(f"entry_{vector:02x}")
        # A trap gate of DPL 3: what kernels give their system call.
        low, high = KERNEL_CS << 16 | entry & 0xFFFF, entry & 0xFFFF0000 | 0xEF00
        booted.call("WriteIDTEntry", (high,), eax=booted.label("idt"), edx=vector, ecx=low)
        booted.control.write(user, instruction)
        stack = (user, USER_CS, EFLAGS, booted.label("user_stack_top"), USER_DS)
        booted.prepare_at(booted.rom.stub("IRET"), stack)
        booted.finish(user)
        return _steps_from(booted, booted.control.step(), entry)

    return count


ARRIVALS: Mapping[str, Callable[[Booted], int | None]] = {
    "interrupt-delivered": _delivered,
    "interrupt-recorded": _recorded,
    "enable-delivers": _delivered_by_enable,
    "int-80-from-user": _from_user(INT_80, 0x80),
    "exception-from-user": _from_user(UD2, 0x06),
}
"""What the ROM executes on its own between an event and the guest; without a ROM that is nothing.
None where a backend has no such way."""
