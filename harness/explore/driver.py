"""Our guest moved event by event: what its handlers and its user code do is said from outside.

The guest stands in a loop: of the kernel (`returned`), with the stack of whatever handler is
running, or of user mode (`user_code`). Each event starts there and ends there, in the first
instructions of a handler, or asleep in HLT. All general registers hold a pattern of their own while
each handler runs, so one that is lost shows.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from harness.booted import IF, Booted
from harness.errors import WaitTimeout
from harness.explore.fields import marks, wrong_fields
from harness.explore.pic import CASCADE, FIRST_VECTOR, LINES
from harness.explore.scene import Frame, Place, State
from harness.explore.script import Event
from harness.explore.snippets import (
    FAULT,
    FROM_USER,
    INTERRUPTS,
    KERNEL_CS,
    POPF,
    SYSENTER,
    TABLE,
    write_snippets,
)

KERNEL_DS, USER_CS, USER_DS, SPARE_INDEX = 0x10, 0x1B, 0x23, 8
RESET = 0x2  # EFLAGS with nothing set but the bit that always is
GENERAL = ("eax", "ecx", "edx", "ebx", "ebp", "esi", "edi")
STANDARD = frozenset({"eax", "ecx", "edx"})  # what the standard convention may clobber
PORTS = {"master": 0x20, "slave": 0xA0}
READ_IRR, READ_ISR, EOI, SPECIFIC = 0x0A, 0x0B, 0x20, 0x60
TRAP_TYPE = 0x100  # of a gate's high dword
EXT = 1  # of an error code
NESTED_TASK = 0x4000  # bit of EFLAGS: an IRET switches tasks
ARITHMETIC = 0x8D5  # CF, PF, AF, ZF, SF and OF
FLAGS = (0x0D5, 0x810, 0x001, 0x8D4, 0x885)  # sets of them, for one event after another
KEPT, CLEARED = 0x243000, 0x34100  # what a gate does to EFLAGS: IOPL, AC, ID; TF, NT, RF, VM
RPL = 3  # of a selector
PRESENT, TYPES, CALL_TYPE = 0x8000, 0xF00, 0xC00  # of a gate's high dword
DEEP = 64  # bytes below ESP0 that a kernel's stack may be at its SYSEXIT
BRIEF, LIMIT = 0.02, 5.0  # seconds: between looks whether the guest sleeps, and for an event
HANDLER_WORDS = 7  # vector, error code, EIP, CS, EFLAGS, and ESP, SS from user mode


class _Ready(Exception):
    """All of an event is done but to let the machine run."""


@dataclass
class _Level:
    """A handler as it was found, or the base: `esp` when it has the stack to itself."""

    vector: int | None
    frame: Frame | None
    esp: int
    frame_at: int = 0
    flags: int | None = None  # the arithmetic ones of its image


class Driver:
    """A guest at `ready` as a Player; `state()` is what there is to see, as the model has it.

    limit: seconds that the guest has for an event.
    """

    def __init__(self, booted: Booted, limit: float = LIMIT) -> None:
        self._limit = limit
        self._booted = booted
        self._control = booted.control
        self._lines = booted.machine.injector
        self._stack_top = booted.label("kernel_stack_top")
        self._code = booted.label("user_stack")
        self._handler = booted.label("handler")
        self._kernel, self._user = booted.label("returned"), booted.label("user_code")
        self._entries = {booted.label(f"entry_{vector:02x}"): vector for vector in range(256)}
        self._levels = [_Level(None, None, self._stack_top)]
        self._delivered: list[int] = []
        self._gates: dict[int, bytes] = {}
        self._wrong: list[str] = []
        self._in_user = self._asleep = self._stands = False
        self._events = 0
        self._due: int | None = None  # arithmetic flags that the event leaves where it goes on
        for line in LINES:
            self._lines.lower_irq(line)
        write_snippets(booted)

    def state(self) -> State:
        """What the machine shows just now."""
        registers = [self._pic(port) for port in PORTS.values()]
        requested = registers[0][0] & ~(1 << CASCADE) | registers[1][0] << 8
        waits = [FIRST_VECTOR + line for line in range(16) if requested >> line & 1]
        lazy = self._booted.rom.rom.manifest["lazy"]
        level = self._levels[-1]
        return State(
            mask=self._booted.field("virtual_if") if lazy else IF * self._booted.real_if(),
            delivered=tuple(self._delivered),
            waits=tuple(sorted(waits + (self._booted.recorded() if lazy else []))),
            in_service=(registers[0][1], registers[1][1]),
            place=self._place(),
            asleep=self._asleep,
            vector=level.vector,
            frame=level.frame,
            real_if=self._booted.field("real_if") != 0 if lazy else None,
            marks=marks(self._booted) if lazy else None,
            wrong=(*self._wrong, *(self._virtual_cpu() if lazy else ())),
        )

    def stand_before(self, event: Event) -> None:
        """Do all of an event but to let the machine run: where the next step begins it."""
        self._stands = True
        with suppress(_Ready):
            event.happen(self)

    def _virtual_cpu(self) -> Iterator[str]:
        told = self._asleep or self._in_user or self._booted.real_if()
        return wrong_fields(self._booted, self._in_user, told)

    # --- events ----------------------------------------------------------------------------------

    def raise_line(self, line: int) -> None:
        """A line of the 8259s goes up."""
        self._lines.raise_irq(line)
        self._look()

    def lower_line(self, line: int) -> None:
        """A line of the 8259s goes down."""
        self._lines.lower_irq(line)

    def nmi(self) -> None:
        """A non-maskable interrupt."""
        self._lines.nmi()
        self._look()

    def call(self, name: str, eax: int = 0) -> int | None:
        """A VMI call. Those that need arguments get such as change nothing."""
        given, stack = self._arguments(name, eax)
        esp = self._levels[-1].esp
        self._start(self._booted.rom.stub(name), esp, (self._kernel, *stack), **given)
        self._set_nested_task()
        free = {"eax"} if name == "GetInterruptMask" else STANDARD if given or stack else set()
        if name == "SetInterruptMask":
            free = set()
        self._run(given, free, may_sleep=name == "Halt", left=4 * len(stack))
        return self._control.registers()["eax"] if name == "GetInterruptMask" else None

    def eoi(self, chip: str, line: int | None = None) -> None:
        """An EOI to one 8259."""
        self._lines.outb(PORTS[chip], EOI if line is None else SPECIFIC | line)
        self._look()

    def gate(self, line: int, kind: str) -> None:
        """The gate of a line becomes one of `script.GATES`."""
        vector = FIRST_VECTOR + line
        idt, esp = self._booted.label("idt"), self._levels[-1].esp
        if kind == "past":
            where = self._code + TABLE
            limit = (8 * vector - 1).to_bytes(2, "little")
            self._control.write(where, limit + idt.to_bytes(4, "little"))
            self._start(self._booted.rom.stub("SetIDT"), esp, (self._kernel,), eax=where)
            self._run({"eax": where}, STANDARD)
            return
        at = idt + 8 * vector
        gate = self._gates.setdefault(line, self._control.read(at, 8))
        low, high = int.from_bytes(gate[:4], "little"), int.from_bytes(gate[4:], "little")
        kinds = {"trap": high | TRAP_TYPE, "none": 0, "absent": high & ~PRESENT}
        high = (kinds | {"call": high & ~TYPES | CALL_TYPE}).get(kind, high)
        low |= RPL << 16 if kind == "rpl" else 0
        given = {"eax": idt, "edx": vector, "ecx": low if high else 0}
        self._start(self._booted.rom.stub("WriteIDTEntry"), esp, (self._kernel, high), **given)
        self._run(given, STANDARD, left=4)

    def fault(self) -> None:
        """A #GP with an error code."""
        self._start(self._code + FAULT + (FROM_USER if self._in_user else 0), self._esp())
        self._run(flags=self._flags)

    def switch(self) -> None:
        """UpdateKernelStack, and then POPF."""
        self.call("UpdateKernelStack")
        self._start(self._code + POPF, self._levels[-1].esp, (RESET,))
        self._run()

    def interrupt(self, vector: int) -> None:
        """INT n."""
        at = self._code + INTERRUPTS[vector] + (FROM_USER if self._in_user else 0)
        self._start(at, self._esp())
        self._run(flags=self._flags)

    def iret(self) -> None:
        """IRET of the handler that runs."""
        level = self._levels.pop()
        assert level.frame is not None
        self._step_over(level)
        self._in_user = level.frame.place is Place.USER
        self._start(self._booted.rom.stub("IRET"), level.frame_at)
        self._run(flags=level.flags)

    def resume(self, interrupts: bool) -> None:
        """IRET to the kernel itself with this IF."""
        flags = self._other_flags()
        frame = (self._kernel, KERNEL_CS, RESET | flags | IF * interrupts)
        self._start(self._booted.rom.stub("IRET"), self._levels[-1].esp, frame)
        self._run(flags=flags)

    def to_user(self, interrupts: bool = True) -> None:
        """IRET to user mode."""
        flags, stack = self._other_flags(), self._booted.label("user_stack_top")
        frame = (self._user, USER_CS, RESET | flags | IF * interrupts, stack, USER_DS)
        self._in_user = True
        self._start(self._booted.rom.stub("IRET"), self._stack_top, frame)
        self._run(flags=flags)

    def sysexit(self) -> None:
        """SYSEXIT."""
        given = {"edx": self._user, "ecx": self._booted.label("user_stack_top")}
        self._in_user = True
        self._start(self._booted.rom.stub("SYSEXIT"), self._stack_top - DEEP, (), **given)
        self._run(given)

    def sysenter(self) -> None:
        """SYSENTER."""
        self._start(self._code + SYSENTER, self._esp())
        self._in_user = False
        self._run()

    def _step_over(self, level: _Level) -> None:
        """What a handler of a fault does that mends nothing: it goes on behind the instruction."""
        found = int.from_bytes(self._control.read(level.frame_at, 4), "little")
        for base, loop in ((0, self._kernel), (FROM_USER, self._user)):
            if found == self._code + base + FAULT:
                self._control.write(level.frame_at, loop.to_bytes(4, "little"))

    # --- how the machine is moved ----------------------------------------------------------------

    def _esp(self) -> int:
        return self._booted.label("user_stack_top") if self._in_user else self._levels[-1].esp

    @property
    def _flags(self) -> int:  # that an event begins with
        return FLAGS[self._events % len(FLAGS)]

    def _other_flags(self) -> int:  # for the image of an IRET
        return FLAGS[(self._events + 2) % len(FLAGS)]

    def _start(self, address: int, esp: int, stack: tuple[int, ...] = (), **given: int) -> None:
        """Stand at an address, with the pattern of the level that is to go on afterwards."""
        data = USER_DS if self._in_user else KERNEL_DS
        self._events += 1
        eflags = self._control.registers()["eflags"] & ~(NESTED_TASK | ARITHMETIC) | self._flags
        registers = {**self._pattern(), "ds": data, "es": data, "eflags": eflags, **given}
        self._booted.prepare_at(address, stack, esp=esp, **registers)

    def _set_nested_task(self) -> None:
        """With NT an IRET switches tasks, but a gate clears it; a ROM has to do so as well."""
        eflags = self._control.registers()["eflags"] | NESTED_TASK
        self._control.set_registers(eflags=eflags)

    def _look(self) -> None:
        """Let what was raised arrive where the guest stands."""
        if not self._asleep:
            self._start(self._user if self._in_user else self._kernel, self._esp())
            self._set_nested_task()
        self._run(may_sleep=self._asleep, again=True, flags=None if self._asleep else self._flags)

    def _run(
        self,
        given: Mapping[str, int] | None = None,
        free: frozenset[str] | set[str] = frozenset(),
        may_sleep: bool = False,
        again: bool = False,
        left: int = 0,
        flags: int | None = None,
    ) -> None:
        """Run to the next stop and note what is there.

        `given`: registers that hold something else than the pattern, `free`: those that may change;
        `left`: bytes of arguments that the call leaves on the stack; `flags`: the arithmetic ones
        that go on, None for any.
        """
        if self._stands:
            raise _Ready
        stops = (self._kernel, self._user, self._handler)
        expected = {**self._pattern(), **(given or {})}
        expected = {name: value for name, value in expected.items() if name not in free}
        self._asleep = may_sleep and self._fall_asleep(*stops)
        if self._asleep:
            return
        if not may_sleep:
            here = self._control.run_to(*stops, timeout=self._limit)
            if again and here != self._handler:
                self._control.run_to(*stops, timeout=self._limit)
        found = self._control.registers()
        self._due = flags
        if found["eip"] == self._handler:
            self._entered(found, left)
        else:
            self._check_flags(found["eflags"])
            if found["esp"] != self._esp() + (0 if self._in_user else -left):
                self._wrong.append(f"esp is {found['esp']:#x} and not {self._esp():#x}")
        for name, value in expected.items():
            if found[name] != value:
                self._wrong.append(f"{name} is {found[name]:#x} and not {value:#x}")

    def _check_flags(self, eflags: int) -> None:
        if self._due is not None and (eflags ^ self._due) & ARITHMETIC:
            self._wrong.append(f"EFLAGS are {eflags:#x} where {self._due:#x} was to go on")
        self._due = None

    def _fall_asleep(self, *stops: int) -> bool:
        for _ in range(int(self._limit / BRIEF)):
            try:
                self._control.run_to(*stops, timeout=BRIEF)
                return False
            except WaitTimeout:
                if self._booted.machine.monitor.processor().halted:
                    return True
        raise WaitTimeout(f"The guest neither sleeps nor comes back within {self._limit:g} s.")

    def _entered(self, found: Mapping[str, int], left: int) -> None:
        """A handler was reached: note it, and each that it interrupted at its first instruction."""
        data = self._control.read(found["esp"], 4 * HANDLER_WORDS)
        words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
        vector, error, eip, _, flags = words[:5]
        if (flags ^ found["eflags"]) & KEPT or found["eflags"] & CLEARED:
            self._wrong.append(f"EFLAGS are {found['eflags']:#x} over an image of {flags:#x}")
        frame_at = found["esp"] + 8
        if (outer := self._entries.get(eip)) is not None:
            # It has pushed nothing yet, so its own frame is right above this one.
            outer_at = frame_at + 12
            image = self._control.read(outer_at, 12)
            self._push(outer, int.from_bytes(image[:4], "little"), image, outer_at, left)
        self._push(vector, eip, data[8:20], frame_at, left, error & ~EXT)

    def _push(
        self, vector: int, eip: int, image: bytes, frame_at: int, left: int, error: int = 0
    ) -> None:
        eflags = int.from_bytes(image[8:12], "little")
        frame = Frame(self._place_of(eip, image[4]), bool(eflags & IF), error)
        below = self._levels[-1]
        again = below.frame_at == frame_at and below.vector == vector
        if again:  # it was interrupted at its first instruction, and is here now
            return
        self._check_flags(eflags)
        self._levels.append(_Level(vector, frame, frame_at - 8, frame_at, eflags & ARITHMETIC))
        self._delivered.append(vector)
        wanted = self._stack_top - 20 if self._in_user else below.esp - 12
        if frame.place is Place.KERNEL:
            wanted -= left
        if frame.place is Place.HALT:
            wanted -= 4
        if frame_at != wanted:
            self._wrong.append(f"the frame is at {frame_at:#x} and not at {wanted:#x}")
        self._in_user = False

    # --- what it means ---------------------------------------------------------------------------

    def _pattern(self) -> dict[str, int]:
        level = len(self._levels)
        return {name: 0x11110000 * (i + 1) + level for i, name in enumerate(GENERAL)}

    def _place(self) -> Place:
        if self._asleep:
            return Place.HALT
        return Place.USER if self._in_user else Place.KERNEL

    def _place_of(self, eip: int, cs: int) -> Place:
        if cs & 3:
            return Place.USER
        if eip in self._entries:
            return Place.ENTRY
        ours = range(self._code, self._code + FROM_USER)
        return Place.KERNEL if eip in (self._kernel, self._kernel + 1, *ours) else Place.HALT

    def _pic(self, port: int) -> tuple[int, int]:
        """What is requested at one 8259, which a read gives by itself, and what is in service."""
        requested = self._lines.inb(port)
        self._lines.outb(port, READ_ISR)
        in_service = self._lines.inb(port)
        self._lines.outb(port, READ_IRR)
        return requested, in_service

    def _arguments(self, name: str, eax: int) -> tuple[dict[str, int], tuple[int, ...]]:
        """Arguments for a call that leave all as it is."""
        label = self._booted.label
        match name:
            case "UpdateKernelStack":
                return {"eax": KERNEL_DS, "edx": self._stack_top}, ()
            case "WriteGDTEntry":
                return {"eax": label("gdt"), "edx": SPARE_INDEX, "ecx": 0xFFFF}, (0xCF9200,)
            case "SetIDT":
                return {"eax": label("idt_register")}, ()
            case "SetGDT":
                return {"eax": label("gdt_register")}, ()
            case "SetInterruptMask" | "SetIOPLMask":
                return {"eax": eax}, ()
        return {}, ()
