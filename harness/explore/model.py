"""The model: what a guest sees of interrupts on a bare machine with two 8259s.

It is the specification of the interrupt calls, kept apart from the ROM's code: the virtual IF, the
controllers, the handlers that run, and after each event which handler was entered or what went on.
Handlers do nothing by themselves here: whoever drives the model says each call, EOI and IRET.

`Model(lazy=False)` is the machine itself, and the backend `native`. `Model(lazy=True)` adds what
lazy disabling makes of it: while the guest is masked, one interrupt may be accepted and wait in the
ROM. Each place where that shows to the guest has a name in `Allowance`, and `used` collects those
that a run came by. A run that used none is the same on both (see tests/explore).
"""

from dataclasses import dataclass, field, replace

from harness.errors import HarnessError
from harness.explore.pic import CASCADE, FIRST_VECTOR, LINES, Pic, master_input
from harness.explore.scene import Allowance, Context, Frame, Place, State

IF = 0x200
NMI = 2
NOT_PRESENT, GENERAL_PROTECTION = 11, 13
MISSING = {"none": GENERAL_PROTECTION, "absent": NOT_PRESENT, "call": GENERAL_PROTECTION}
"""What the processor makes of a vector whose gate is no gate (Intel SDM 3A, 6.12)."""

NO_SELECTOR, OF_IDT = 0x58, 2
"""A selector past the GDT's limit, and the bit of an error code that names a vector. EXT is not
compared: QEMU leaves it clear for an external interrupt, where the manual has it set."""

HELD, LEFT = "held", "left"
"""The two marks in a lazy ROM's `pending` (rom/wedge/virtual_cpu.py)."""

SOFTWARE = (0x03, 0x04, 0x80)
"""Vectors for INT n: their gates have DPL 3."""


class Impossible(HarnessError):
    """An event that cannot happen where the guest stands, such as IRET with no handler running."""


@dataclass
class Model:
    """The virtual CPU and the controllers, at first in the kernel's base, masked, nothing pending.

    Events are methods; each leaves the machine where it stops next. Raises Impossible for one that
    cannot happen now; then nothing has changed.
    """

    lazy: bool
    pic: Pic = field(default_factory=Pic)
    virtual_if: bool = False
    contexts: list[Context] = field(default_factory=lambda: [Context()])
    delivered: list[int] = field(default_factory=list)
    trap_gates: set[int] = field(default_factory=set)
    missing_gates: dict[int, int] = field(default_factory=dict)  # line, and the exception instead
    used: set[Allowance] = field(default_factory=set)
    # Of a lazy ROM alone: lines accepted and not delivered, the latest last; the real IF that guest
    # code is to have; and whether something keeps it off until the next enabling.
    waiting: list[int] = field(default_factory=list)
    # Lines whose handlers were entered while others waited, each with how many did: below it.
    over: list[tuple[int, int]] = field(default_factory=list)
    real_if: bool = True
    held: bool = False
    from_user: bool = False  # SYSENTER was the way here, and nothing has told the ROM
    marks: set[str] = field(default_factory=set)  # of `pending`

    # --- what can be seen ------------------------------------------------------------------------

    @property
    def here(self) -> Context:
        """What runs: the innermost handler, or what is below all of them."""
        return self.contexts[-1]

    @property
    def mask(self) -> int:
        """What GetInterruptMask answers, and what PUSHF shows as IF on the bare machine."""
        return IF if self.virtual_if or (self.lazy and self.here.user) else 0

    @property
    def pending(self) -> list[int]:
        """Vectors that wait, for the ROM or for the processor, in the order of numbers."""
        lines = [*self.waiting, *self.pic.requested]
        return sorted(FIRST_VECTOR + line for line in lines)

    def state(self) -> State:
        """All that is compared."""
        return State(
            mask=self.mask,
            delivered=tuple(self.delivered),
            waits=tuple(self.pending),
            in_service=self.pic.registers(),
            place=self.here.at,
            asleep=self.here.asleep,
            vector=self.here.vector,
            frame=self.here.frame,
            real_if=self.real_if if self.lazy else None,
            marks=tuple(sorted(self.marks)) if self.lazy else None,
        )

    def without_accepted(self) -> State:
        """The state with what waits in the ROM taken for requested, and not for in service.

        With no allowance used but ACCEPTED_EARLY it is that of the bare machine.
        """
        bits = sum(1 << line for line in self.pic.in_service if not self._waits_for(line))
        return replace(
            self.state(),
            mask=IF if self.virtual_if else 0,  # nobody asks for it in user mode
            in_service=(bits & 0xFF, bits >> 8),
            real_if=None,
            marks=None,
        )

    # --- events from outside ---------------------------------------------------------------------

    def raise_line(self, line: int) -> None:
        """A line of the 8259s goes up."""
        if line not in LINES:
            raise Impossible(f"The 8259s have no line {line} for a device.")
        if line not in self.pic.up:
            if line in self.waiting:
                self.used.add(Allowance.SECOND_EDGE)
            if any(8 <= line < each for each in self.waiting):
                self.used.add(Allowance.SLAVE_ORDER)
        self.pic.raise_line(line)
        self._arrive()

    def lower_line(self, line: int) -> None:
        """A line of the 8259s goes down."""
        self.pic.lower_line(line)

    def nmi(self) -> None:
        """A non-maskable interrupt; none while the handler of another runs."""
        if any(context.vector == NMI for context in self.contexts):
            raise Impossible("The handler of an NMI is running; the next one comes after its IRET.")
        self._tell_of_sysenter(NMI)
        self._tell_of_user()
        self._enter(NMI)
        self._rest()
        self.held = True
        self.marks.add(HELD)

    # --- what the guest does ---------------------------------------------------------------------

    def call(self, name: str, eax: int = 0) -> int | None:
        """A VMI call; answers its result. Calls that say nothing of interrupts change nothing."""
        self._only_in_kernel(f"call {name}")
        if name in ("IRET", "SYSEXIT"):
            raise Impossible(f"{name} is an event of its own.")
        if name == "GetInterruptMask":
            return self.mask
        if name == "DisableInterrupts" or (name == "SetInterruptMask" and not eax & IF):
            self.virtual_if = False
        elif name in ("EnableInterrupts", "SetInterruptMask"):
            self._enable()
        elif name == "UpdateKernelStack":
            self.marks.add(LEFT)
        elif name == "Halt":
            self.here.at, self.here.asleep = Place.HALT, True
            self._enable()
        return None

    def eoi(self, chip: str, line: int | None = None) -> None:
        """The guest writes an EOI to `master` or `slave`: of this input, or non-specific."""
        self._only_in_kernel("send an EOI")
        if self._waits_for(self.pic.eoi(chip, line)):
            self.used.add(Allowance.EARLY_EOI)
        if self.virtual_if and self.waiting and not self._held_back():
            self.used.add(Allowance.LATE_EOI)
        self._arrive()

    def gate(self, line: int, kind: str) -> None:
        """The gate of a line becomes one of `script.GATES`; `past`: and those of all behind it."""
        self._only_in_kernel("write a gate")
        self.trap_gates.discard(line)
        self.missing_gates.pop(line, None)
        if kind == "trap":
            self.trap_gates.add(line)
        elif kind in MISSING:
            self.missing_gates[line] = MISSING[kind]
        elif kind == "past":
            self.missing_gates |= {each: GENERAL_PROTECTION for each in range(line, 16)}

    def fault(self) -> None:
        """A #GP with an error code, of whoever runs; its handler returns behind the instruction."""
        self._only_awake("fault")
        self._tell_of_sysenter(GENERAL_PROTECTION)
        self._tell_of_user()
        self._enter(GENERAL_PROTECTION, error=NO_SELECTOR)
        self.held = False
        self._arrive()

    def switch(self) -> None:
        """UpdateKernelStack, and POPF of flags that were taken masked with the real IF off."""
        self._only_in_kernel("change stacks")
        if self.virtual_if:
            raise Impossible("A kernel that changes stacks has interrupts masked; mask them first.")
        self.held = True
        self.marks.add(LEFT)

    def interrupt(self, vector: int) -> None:
        """INT n, by the kernel or by user code, through a gate of DPL 3."""
        if vector not in SOFTWARE:
            raise Impossible(f"INT {vector:#x} is none of the vectors kept for software.")
        self._only_awake(f"execute INT {vector:#x}")
        self._tell_of_sysenter(vector)
        self._tell_of_user()
        self._enter(vector)
        self.held = False
        if vector >= FIRST_VECTOR:  # for a ROM it is like that of a line
            self.real_if = False
        self._arrive()

    def iret(self) -> None:
        """IRET of the handler that runs, to what it interrupted."""
        self._only_in_kernel("execute IRET")
        frame = self.here.frame
        if frame is None:
            raise Impossible("No handler is running that could return by IRET.")
        self.contexts.pop()
        self.here.at = frame.place
        self._return(frame.interrupts)

    def resume(self, interrupts: bool) -> None:
        """IRET to the kernel itself, with this IF in the image: no handler ends."""
        self._only_in_kernel("execute IRET")
        self._return(interrupts)

    def to_user(self, interrupts: bool = True) -> None:
        """IRET from the kernel's base to user mode, with this IF in the image."""
        self._leave("execute IRET to user mode", interrupts)

    def sysexit(self) -> None:
        """SYSEXIT from the kernel's base."""
        self._leave("execute SYSEXIT")

    def sysenter(self) -> None:
        """SYSENTER of user code: the kernel's base goes on, IF clear."""
        if not self.here.user:
            raise Impossible("The guest is in the kernel; SYSENTER comes from user mode.")
        self.here.at = Place.KERNEL
        if self.lazy:
            self.virtual_if = self.from_user = self.held = True
            self.used.add(Allowance.SYSENTER_MASK)
        else:
            self.virtual_if = False

    # --- the processor ---------------------------------------------------------------------------

    def _enable(self) -> None:
        self.virtual_if = True
        self.real_if, self.held, self.from_user = True, False, False
        self.marks.clear()
        self._arrive(enabling=True)
        if self.here.user:
            self.marks.add(LEFT)

    def _return(self, interrupts: bool) -> None:
        if interrupts:
            self._enable()
        else:
            self.virtual_if = False
            if self.here.user:  # user code's IF is the real one
                self.held = self.real_if = True
                self.marks = {LEFT}
                if self.lazy and self.waiting and not self._held_back():
                    self._deliver_on_the_way()
            else:
                self.held = self.from_user = False
            self._arrive()

    def _leave(self, what: str, interrupts: bool = True) -> None:
        self._only_in_kernel(what)
        if self.here.frame is not None:
            raise Impossible(f"A handler is running; only the kernel's base may {what}.")
        self.here.at = Place.USER
        if interrupts:
            self._enable()
        else:
            self._return(interrupts)

    def _arrive(self, enabling: bool = False) -> None:
        """Take what can be taken, until a handler that masks was entered or nothing is due."""
        while self.virtual_if and not self.held:
            if self.lazy and enabling and self.waiting and not self._held_back():
                self._overtake()
                self._deliver(self.waiting.pop())
                enabling = False  # the ROM enters one at a time
            elif (not self.lazy or self.real_if) and (line := self.pic.due()) is not None:
                self.pic.acknowledge(line)
                self._deliver(line)
            else:
                break
        self._rest()
        if self.lazy and not self.virtual_if and self.real_if and not self.held:
            self._record()

    def _deliver(self, line: int) -> None:
        below = len(self.waiting)
        self.over = [each for each in self.over if each[0] != line and each[1] <= below]
        of_another = below > 0 and self._taken_for_one_that_waits(line)
        if below and not of_another:
            self.over.append((line, below))
        if line in self.missing_gates:
            self._enter(self.missing_gates[line], error=8 * (FIRST_VECTOR + line) + OF_IDT)
            return
        vector = FIRST_VECTOR + line
        self._enter(vector, trap=line in self.trap_gates)
        self.real_if = line in self.trap_gates and not of_another

    def _deliver_on_the_way(self) -> None:
        """What was recorded comes before user code whose IF is clear, as if it were not."""
        self.used.add(Allowance.USER_IF)
        self.held = False
        self._overtake()
        line = self.waiting.pop()
        if line in self.missing_gates:
            self._tell_of_user()
        self._deliver(line)
        self.virtual_if = line in self.trap_gates

    def _enter(self, vector: int, trap: bool = False, error: int = 0) -> None:
        frame = Frame(self.here.at, self.virtual_if, error)
        self.here.asleep = False
        if self.here.user:
            self.marks.discard(LEFT)
        if not trap:
            self.virtual_if = False
            if vector >= FIRST_VECTOR:
                self.marks.add(HELD)
        self.contexts.append(Context(vector, frame, Place.ENTRY))
        self.delivered.append(vector)

    def _rest(self) -> None:
        """What runs goes on to where the driver has it: nothing comes before its first event."""
        if not (self.here.asleep or self.here.user):
            self.here.at = Place.KERNEL

    # --- lazy disabling --------------------------------------------------------------------------

    def _record(self) -> None:
        """Masked, the first to arrive is accepted; the real IF then stays off until enabling."""
        line = self.pic.due()
        if line is None:
            return
        self.used.add(Allowance.ACCEPTED_EARLY)
        self.pic.acknowledge(line)
        self.waiting.append(line)
        self.real_if = False

    def _overtake(self) -> None:
        """What outranks those that wait comes before them: the hardware would have run it first."""
        while (line := self.pic.due()) is not None:
            self.pic.acknowledge(line)
            self.waiting.append(line)

    def _held_back(self) -> bool:
        """Whether a handler that was entered before the last that waits has sent no EOI."""
        below = len(self.waiting)
        held = any((line, below) in self.over for line in self.pic.in_service)
        last = master_input(self.waiting[-1])
        running = {line for line in self.pic.in_service if not self._waits_for(line)}
        if min(running, default=8) < last and not held:
            self.used.add(Allowance.SLAVE_EOI)
        return held

    def _taken_for_one_that_waits(self, line: int) -> bool:
        """Whether its bit in service may be that of one that waits: the ROM knows vectors alone."""
        alike = any(each % 8 == line % 8 for each in self.waiting)
        return alike and line ^ 8 not in self.pic.in_service

    def _waits_for(self, line: int | None) -> bool:
        """Whether a bit in service is that of a line that waits, or the master's bit for it."""
        return line in self.waiting or (line == CASCADE and max(self.waiting, default=0) >= 8)

    def _tell_of_sysenter(self, vector: int) -> None:
        """A handler finds IF clear in its image, and the ROM learns that the guest is masked."""
        off = self.held or not self.real_if
        an_interrupt = self.virtual_if and vector >= FIRST_VECTOR  # by its way through the ROM
        if LEFT in self.marks and not self.here.user and off and not an_interrupt:
            self.marks = {HELD}
            self.virtual_if = self.real_if = False
        if self.from_user:
            self.virtual_if = self.real_if = self.from_user = False

    def _tell_of_user(self) -> None:
        """A handler that interrupts user code with IF clear runs with the real IF off."""
        if self.here.user and not self.virtual_if:
            self.real_if = False
            self.marks.add(HELD)

    # --- what cannot be --------------------------------------------------------------------------

    def _only_awake(self, what: str) -> None:
        if self.here.asleep:
            raise Impossible(f"The guest sleeps in Halt and cannot {what}.")

    def _only_in_kernel(self, what: str) -> None:
        self._only_awake(what)
        if self.here.user:
            raise Impossible(f"The guest is in user mode and cannot {what}.")
