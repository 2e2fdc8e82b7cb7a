"""What a failed test did, done once more on a machine of its own, one instruction at a time."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from capstone import CS_ARCH_X86, CS_MODE_32, CS_OPT_SYNTAX_ATT, Cs

from harness.booted import IF, Booted, BootedMachine
from harness.errors import HarnessError, WaitTimeout
from harness.explore.code import LONGEST, Instruction, Labels, read_listing
from harness.explore.state import CASCADE, Pics, lines_of, parse_pics
from harness.machine.journal import ASK, NMI, REGISTERS_SET, RUN, STEP, WRITE, Argument
from harness.machine.wire import Wire
from harness.report.steps import CaseTimeline, Step
from harness.suite.deeds import ARRIVES, Deed, told
from harness.suite.look import place_of

MOST_STEPS = 600
"""Instructions that are followed; a picture of more shows nothing."""

MOST_STILL = 20
"""Stops in a row at which nothing has changed: it goes round in one instruction."""

LIMIT = 8.0
"""Seconds for it all: what failed has been told by then."""


def can_be_done_again(booted: Booted) -> bool:
    """Whether it began at `ready`, by the wire, on one processor, and is known to its end."""
    machine = booted.machine
    manifest = booted.rom.rom.manifest
    return (
        isinstance(booted.control, Wire)
        and machine.config.snapshot
        and machine.config.smp == 1
        and booted.guest.is_ours
        and "lazy" in manifest
        and bool(machine.journal.deeds)
        and machine.journal.whole
    )


def timeline_of(booted: Booted) -> CaseTimeline:
    """The timeline of what was done to a machine since it was at `ready`.

    Raises HarnessError when a machine for it does not boot.
    """
    deeds = list(booted.machine.journal.deeds)
    other = BootedMachine(booted.machine.config, booted.rom.rom, booted.guest)
    with closing(other):
        follower = _Follower(other.ready(), booted)
        ending = follower.follow(deeds)
        if not ending:
            differs = _difference(booted, follower)
            ending = f"The test ended here, at {follower.steps[-1].where}.{differs}"
    steps = tuple(follower.steps)
    return CaseTimeline("", (), steps, ending, tuple(follower.arrivals))


def _difference(booted: Booted, follower: "_Follower") -> str:
    """A sentence when it went another way than at full speed: an emulator need not take an
    interrupt at the same boundary when it steps.
    """
    entered = [entry.vector for entry in booted.log()]
    place = place_of(booted, booted.control.registers()["eip"])
    recorded = tuple(booted.recorded()) if booted.rom.rom.manifest["lazy"] else ()
    last = follower.steps[-1]
    if (entered, place, recorded) == (follower.entered(), last.where, last.pending):
        return ""
    handlers, waiting = (
        " ".join(f"{v:x}" for v in vectors) or "none" for vectors in (entered, recorded)
    )
    return (
        f" At full speed, in the test, it went another way: it ended at {place}, with these "
        f"handlers entered: {handlers}; pending: {waiting}."
    )


class _Sleeps(Exception):
    """It has come to a HLT that no interrupt ends; a step there would be waited for in vain."""


class _Follower:
    """Does deeds again, and notes the state at each instruction boundary on the way."""

    def __init__(self, booted: Booted, first: Booted) -> None:
        self._booted = booted
        self._first = first  # knows the names of devices that the deeds speak of
        assert isinstance(booted.control, Wire)
        self._wire = booted.control
        self._lazy = bool(booted.rom.rom.manifest["lazy"])
        self._block = int(booted.rom.rom.manifest["block"]["size"])
        self._listing = read_listing(booted.rom.rom)
        self._code = self._wire.read(booted.rom.block, self._block + LONGEST)  # as it was built
        sections = booted.rom.sections
        of_rom = {
            name: sections[section] + offset
            for name, (section, offset) in booted.rom.rom.symbols.items()
            if section in sections
        }
        self._labels = Labels({**of_rom, **booted.guest.labels})
        self._entries = {
            at: int(name[6:], 16)
            for name, at in booted.guest.labels.items()
            if name.startswith("entry_") and len(name) == len("entry_20")
        }
        self._marks: list[str] = []
        self._running: list[tuple[int, int]] = []
        self._before: tuple[Pics, tuple[int, ...]] | None = None
        self._last: dict[str, int] = {}
        self._still = 0
        self._end = time.monotonic() + LIMIT
        self.steps: list[Step] = []
        self.arrivals: list[int] = []

    def entered(self) -> list[int]:
        """The vectors that the guest's log has."""
        return [entry.vector for entry in self._booted.log()]

    def follow(self, deeds: list[Deed]) -> str:
        """Do them; answers a sentence when that went no further, "" at the end."""
        try:
            for deed, texts in zip(deeds, told(self._first, deeds), strict=True):
                self._marks += texts if deed[0] != RUN else ()
                if not self._do(deed):
                    return self._gave_up(deed[1])
            self._note()
        except _Sleeps:
            return "It sleeps in HLT with interrupts off."
        except WaitTimeout:
            return "It sleeps in HLT." if self._sleeps() else "It does not go on."
        except HarnessError as error:
            return str(error).splitlines()[0]
        return ""

    def _gave_up(self, addresses: tuple[Argument, ...]) -> str:
        where = self.steps[-1].where
        if self._still >= MOST_STILL:
            return f"It goes round at {where}, and nothing changes any more."
        places = " or ".join(place_of(self._booted, int(address)) for address in addresses)
        return f"It goes on at {where}; {places} is not reached in {len(self.steps)} instructions."

    def _sleeps(self) -> bool:
        try:
            self._wire.interrupt()
            return self._booted.machine.monitor.processor().halted
        except HarnessError:
            return False

    def _do(self, deed: Deed) -> bool:
        kind, arguments = deed
        if kind == REGISTERS_SET:
            values = dict(zip(arguments[::2], arguments[1::2], strict=True))
            self._wire.set_registers(**{str(name): int(value) for name, value in values.items()})
        elif kind == WRITE:
            address, data = arguments
            assert isinstance(data, bytes)
            self._wire.write(int(address), data)
        elif kind == ASK:
            self._booted.machine.injector.ask(*map(str, arguments))
        elif kind == NMI:
            self._booted.machine.injector.nmi()
        elif kind == STEP:
            self._step(bool(arguments[0]))
        elif kind == RUN:
            return self._run({int(address) for address in arguments})
        return True

    def _run(self, addresses: set[int]) -> bool:
        interrupts = self._wire.registers()["eip"] not in addresses
        while (
            len(self.steps) < MOST_STEPS
            and self._still < MOST_STILL
            and time.monotonic() < self._end
        ):
            if self._step(interrupts) in addresses:
                return True
            interrupts = True
        return False

    def _step(self, interrupts: bool) -> int:
        self._note()
        here = self.steps[-1]
        if here.text == "hlt" and not here.real_if:
            raise _Sleeps
        return self._wire.step(interrupts)

    def _note(self) -> None:
        """Note the state here, unless nothing has moved: an interrupt may show as such a stop."""
        registers = self._wire.registers()
        self._still = self._still + 1 if registers == self._last else 0
        if self._still and not self._marks:
            return
        self._last = registers
        booted, eip = self._booted, registers["eip"]
        pics = parse_pics(booted.machine.monitor.hmp("info pic"))
        recorded = tuple(booted.recorded()) if self._lazy else ()
        marks = [*self._marks, *self._happened(registers, pics, recorded)]
        if any(mark.endswith(ARRIVES) for mark in self._marks):
            self.arrivals.append(len(self.steps))
        self._marks.clear()
        rom = booted.rom
        of_rom = rom.block <= eip < rom.block + self._block or (
            rom.base <= eip < rom.base + len(rom.rom.content)
        )
        instruction = self._instruction(eip)
        real = bool(registers["eflags"] & IF)
        user = bool(registers["cs"] & 3)
        self.steps.append(
            Step(
                where=place_of(booted, eip),
                text=instruction.text,
                virtual_if=booted.field("virtual_if") != 0 if self._lazy and not user else real,
                real_if=real,
                pending=recorded,
                requested=_lines(pics.irr),
                in_service=_lines(pics.isr),
                handlers=tuple(vector for vector, _ in self._running),
                marks=tuple(marks),
                of_rom=of_rom,
                comment=instruction.comment,
                source=instruction.source,
            )
        )

    def _happened(
        self, registers: dict[str, int], pics: Pics, recorded: tuple[int, ...]
    ) -> Iterator[str]:
        """What has happened since the note before; keeps account of the handlers that run."""
        entered = self._entries.get(registers["eip"])
        if self._before is not None:
            old, was = self._before
            for vector in Counter(recorded) - Counter(was):
                yield f"vector {vector:x} is recorded"
            for line in _lines(old.isr & ~pics.isr):
                yield f"EOI of line {line}"
        self._before = pics, recorded
        top = registers["esp"]
        while self._running and (registers["cs"] & 3 or self._running[-1][1] < top):
            yield f"the handler of {self._running.pop()[0]:x} has ended"
        if entered is not None and (entered, top) not in self._running:
            self._running.append((entered, top))
            yield f"vector {entered:x} is delivered"

    def _instruction(self, eip: int) -> Instruction:
        try:
            code = self._wire.read(eip, LONGEST)
        except HarnessError:
            return Instruction("(no memory)")
        offset = eip - self._booted.rom.block
        listed = self._listing.get(offset)
        if listed is not None and code == self._code[offset : offset + LONGEST]:
            return listed
        decoder = Cs(CS_ARCH_X86, CS_MODE_32)
        decoder.syntax = CS_OPT_SYNTAX_ATT
        for _, _, mnemonic, operands in decoder.disasm_lite(code, eip):
            return Instruction(self._labels.in_text(f"{mnemonic} {operands}".strip()))
        return Instruction("(no instruction)")


def _lines(bits: int) -> tuple[int, ...]:
    return tuple(line for line in lines_of(bits) if line != CASCADE)
