"""The machine that cases are run on: it takes a state, an interrupt, and runs to the end.

A case costs a few round trips and no snapshot: the state is written back by memory.
"""

import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from harness.booted import LOG_ENTRY, Booted
from harness.errors import MachineDied, MachineError, WaitTimeout
from harness.explore import calls, state
from harness.explore.calls import (
    FAR_DS,
    KERNEL_CS,
    KERNEL_DS,
    LDT,
    USER_CS,
    USER_DS,
    Variant,
    variants,
)
from harness.explore.case import GAVE_UP, HANGS, NMI, RETURNED, SHUT_DOWN, SLEEPS
from harness.explore.start import STARTS, go_to
from harness.explore.state import LOG, PATTERN, STACK_RANGE, Pics, Range, State
from harness.explore.view import View
from harness.machine.snapshot import Snapshot
from harness.machine.wire import Wire
from rom.interface.call import Segments
from rom.interface.calls import by_name

LIMIT = 0.5
"""Seconds that a case may run; it takes less than a millisecond."""

PATIENCE = 0.02
"""Seconds until it is looked whether a case that has not ended sleeps in HLT."""

STACK = 768
"""Bytes of the kernel's stack that are part of a state."""

ENTRIES = 8
"""Entries of the guest's log that are; no case enters more handlers."""

ACCESSED = 1
"""Bit of a segment descriptor's byte 5 that the processor sets when it loads the segment."""

RAISE_NMI = "qRcmd," + b"nmi".hex()
"""The monitor's command, which prints nothing, as a packet: one round trip less than by QMP."""

TRAP = 5

MARKED = {
    **{"eax": 0xA1A2A3A4, "ecx": 0xC1C2C3C4, "edx": 0xD1D2D3D4, "ebx": 0xB1B2B3B4},
    **{"ebp": 0xE1E2E3E4, "esi": 0x51525354, "edi": 0xF1F2F3F4},
}


CALLERS = (0xCAFFFF01, 0xCAFFFF02, 0xCAFFFF03)
"""What stands above a call's own part of the stack; what leads to user mode has nothing there."""

FLAGS = 0x2408D5
"""EFLAGS that are set at the stub: AC and ID, and all arithmetic ones."""


def sysenter_esp(top: int) -> int:
    """The kernel's stack after SYSENTER, clear of what interrupts user code: that is at the top."""
    return top - 320


@dataclass(frozen=True)
class Point:
    """An instruction boundary. `shadowed_by`: the state one instruction before, an STI or a load
    of SS, to be stepped from; written back by itself the state would have lost its shadow.
    `asleep`: in the HLT that is at EIP.
    """

    state: State
    shadowed_by: State | None = None
    asleep: bool = False


@dataclass(frozen=True)
class End:
    """How a run ended, and in which state; none when QEMU is gone."""

    ending: str
    state: State


class Stage:
    """A guest at `ready` made into a place for cases. `booted` is steered by a wire."""

    def __init__(self, booted: Booted) -> None:
        assert isinstance(booted.control, Wire)
        self.booted = booted
        self.wire = booted.control
        self.view = View(booted.rom)
        self._injector = booted.machine.injector
        self._up: set[int] = set()  # lines that are raised
        self._pics: Pics | None = None  # what the 8259s are known to hold
        self._step_flags = 7
        self._patches: dict[int, bytes] = {}
        self._unpatched: dict[int, bytes] = {}  # what stood where there ever was a patch
        self._opcodes: dict[int, bytes] = {}
        self._timed = False  # whether a timer may be running
        self._notes: list[Range] = []
        label = booted.label
        top = label("kernel_stack_top")
        self._base = (
            Range(booted.rom.block, 128),
            Range(top - STACK, STACK),
            Range(
                label("eoi_specific"), label("log") - label("eoi_specific") + ENTRIES * LOG_ENTRY
            ),
        )
        self.ranges: tuple[Range, ...] = self._base
        self._arrange()
        self._snapshot = Snapshot(booted.machine, "stage", [self.wire])
        self._snapshot.save()
        self._starts = {name: self._state_at(name) for name in STARTS}
        self.stops = {
            label("returned") + 1: RETURNED,
            label("user_code") + 1: RETURNED,
            label("give_up"): GAVE_UP,
        }
        for packet in [f"Z1,{address:x},1" for address in self.stops]:
            self.wire.exchange(packet)

    def _arrange(self) -> None:
        """What must be so before all cases: whatever a call would do at its first time only."""
        booted, label = self.booted, self.booted.label
        processor = booted.machine.monitor.processor()
        values = {"cr0": processor.cr0, "cr3": processor.cr3, "cr4": processor.cr4}
        self.variants = {v.name: v for v in variants(booted.guest.labels, values)}
        for address, data in calls.operands(booted.guest.labels):
            booted.control.write(address, data)
        for selector in (*(KERNEL_CS, KERNEL_DS, USER_CS, USER_DS), FAR_DS):
            at = label("gdt") + (selector & ~7) + 5
            access = booted.control.read(at, 1)[0]
            booted.control.write(at, bytes([access | ACCESSED]))
        for index, value in (
            (calls.SYSENTER_CS, KERNEL_CS),
            (calls.SYSENTER_ESP, sysenter_esp(label("kernel_stack_top"))),
            (calls.SYSENTER_EIP, calls.BY_SYSENTER),
        ):
            booted.call("WRMSR", ecx=index, eax=value, edx=0)
        booted.call("SetLDT", eax=LDT)
        for call in ("GetCycleFrequency", "GetWallclockTime"):
            booted.call(call)
        alarm = self.variants["SetAlarm(LVTT, periodic)"]
        booted.call("SetAlarm", alarm.stack, **alarm.registers)  # measures the local APIC's timer
        booted.call("SetLinearMapping", (0,), eax=1, edx=0xC0000000, ecx=2048)
        booted.call("UpdateKernelStack", eax=KERNEL_DS, edx=label("kernel_stack_top"))

    def _state_at(self, start: str) -> State:
        self._snapshot.restore()
        go_to(self.booted, STARTS[start])
        found = self.capture()
        log = struct.pack("<7I", *[0] * 7) + bytes(self._base[LOG].size - 28)
        return found.with_memory(LOG, log)

    def begin(self, variant: Variant, start: str) -> State:
        """Make the states' ranges those of a call, and answer the state at its stub.

        All registers that are no arguments hold values of their own. DS and ES reach nothing
        when the call's row says that it may not rely on them; FS and GS never do.
        """
        rom, label = self.booted.rom, self.booted.label
        if self._timed:
            self.restore()
        self._timed = variant.masked is not None
        self._notes = [Range(rom.symbol(name), size) for name, size in variant.notes]
        extra = [Range(*where) for where in variant.writes]
        extra += [Range(rom.block + offset, size) for offset, size in variant.block_writes]
        self.ranges = (*self._base, *extra)
        base = self._starts[start]
        memory = [self.booted.control.read(where.address, where.size) for where in extra]
        pics = replace(base.pics, imr=0 if variant.masked is None else 1 << variant.masked)
        begin = State(base.registers, (*base.memory, *memory), pics)
        row = by_name(variant.call)
        stub = rom.stub(variant.call)
        stack = (label("returned"), *variant.stack) if row.returns else variant.stack
        data_segment = KERNEL_DS if row.segments is Segments.FLAT else FAR_DS
        segments = {"ds": data_segment, "es": data_segment, "fs": FAR_DS, "gs": FAR_DS}
        if variant.to_user or STARTS[start].by_sysenter:
            # An IRET to user mode makes null what the user may not have.
            segments = dict.fromkeys(segments, USER_DS)
        if STARTS[start].by_sysenter:
            stack = (stub, *stack)
            place = {"eip": calls.IN_USER, "esp": base["esp"]}
            bottom = sysenter_esp(label("kernel_stack_top"))
        else:
            stack = stack if variant.to_user else (*stack, *CALLERS)
            bottom = base["esp"] - 4 * len(stack)
            place = {"eip": stub, "esp": bottom}
        offset = bottom - self._base[STACK_RANGE].address
        data = bytes([PATTERN]) * offset + struct.pack(f"<{len(stack)}I", *stack)
        flags = {"eflags": base["eflags"] | FLAGS}
        registers = {**MARKED, **segments, **variant.registers, **place, **flags}
        return begin.with_memory(STACK_RANGE, data).with_registers(registers)

    def capture(self) -> State:
        """The state of the stopped machine; nothing in it changes by that."""
        pics = state.parse_pics(self.wire.monitor("info pic"))
        return state.read_answers(self.wire.exchange(*state.read_packets(self.ranges)), pics)

    def place(self, point: Point, lines: Sequence[int]) -> None:
        """Stand at a point, with interrupts raised there that have not been taken."""
        self._run_up(point, lines, ())

    def run(self, point: Point, lines: Sequence[int], patience: float = PATIENCE) -> End:
        """Raise interrupts at a point, and let the machine run to where the call leads.

        patience: seconds until a machine that sleeps in HLT is taken to sleep on.
        """
        try:
            try:
                self._run_up(point, lines, ("c",), patience)
            except WaitTimeout:
                if self._halted():
                    return End(SLEEPS, self._captured_at_rest())
                self._go("c")
        except WaitTimeout:
            return End(SLEEPS if self._halted() else HANGS, self._captured_at_rest())
        except MachineDied:
            raise
        except MachineError:
            return End(SHUT_DOWN, self._captured_at_rest())
        end = self._captured_at_rest()
        return End(self.stops.get(end["eip"], SHUT_DOWN), end)

    def _halted(self) -> bool:
        return self.booted.machine.monitor.processor().halted

    def _run_up(
        self,
        point: Point,
        lines: Sequence[int],
        more: Sequence[str],
        limit: float = LIMIT,
    ) -> None:
        before = point.shadowed_by
        self._set_pics(point.state.pics)
        if before is None and not point.asleep:
            nmis = self._raise(lines)
            packets = state.write_packets(self.ranges, point.state)
            self._go(*packets, *nmis, *more, limit=limit)
            return
        packets = state.write_packets(self.ranges, before or point.state)
        if point.asleep:
            self._fall_asleep(packets)
        elif before is not None:
            self.steps_take_interrupts(False)
            self._go(*packets, "s")
        else:
            self._go(*packets)
        packets = [*self._raise(lines), *more]
        if packets:
            self._go(*packets, limit=limit)

    def _go(self, *packets: str, limit: float = LIMIT) -> None:
        if packets[-1] not in ("c", "s"):
            self.wire.exchange(*packets)
        elif self.wire.go(*packets, timeout=limit) != TRAP:
            raise MachineError("The machine stopped by itself.")

    def _fall_asleep(self, packets: Sequence[str]) -> None:
        """Go into the HLT, and wait until the processor is halted."""
        self.wire.exchange(*packets)
        self.wire.cont()
        deadline = time.monotonic() + LIMIT
        try:
            while not self._halted():
                if time.monotonic() > deadline:
                    raise WaitTimeout("The guest did not fall asleep.")
        finally:
            self.wire.interrupt()

    def _set_pics(self, pics: Pics) -> None:
        requests: list[str | tuple[int, int]] = [(line, 0) for line in sorted(self._up)]
        self._up.clear()
        if pics != self._pics:
            requests += state.pic_requests(pics)
        self._pics = None  # until the next look, whatever comes in between
        self._ask(requests)

    def _raise(self, lines: Sequence[int]) -> list[str]:
        """Raise lines, and answer the packets that raise the NMIs among them."""
        self._up.update(line for line in lines if line != NMI)
        self._ask([(line, 1) for line in lines if line != NMI])
        return [RAISE_NMI] * lines.count(NMI)

    def _ask(self, requests: Sequence[str | tuple[int, int]]) -> None:
        if requests:
            self._injector.ask(
                *(r if isinstance(r, str) else self._injector.line_request(*r) for r in requests)
            )

    def _captured_at_rest(self) -> State:
        answers = self.wire.exchange(*state.read_packets(self.ranges))
        pics = self._pics = state.pic_answers(self._injector.ask(*state.pic_questions()))
        return state.read_answers(answers, pics)

    def steps_take_interrupts(self, wanted: bool) -> None:
        """Whether single steps take interrupts; timers stand still in them either way."""
        flags = 5 if wanted else 7
        if flags != self._step_flags:
            self.wire.exchange(f"Qqemu.sstep={flags:x}")
            self._step_flags = flags

    def step(self, limit: float = LIMIT) -> None:
        """Execute one instruction. Raises WaitTimeout, MachineError when the machine is lost."""
        if self.wire.go("s", timeout=limit) != TRAP:
            raise MachineError("The machine stopped by itself.")

    def run_to_any(self, addresses: Sequence[int]) -> None:
        """Run to the first of many addresses."""
        self.wire.exchange(*(f"Z1,{address:x},1" for address in addresses))
        try:
            self._go("c")
        finally:
            self.wire.exchange(*(f"z1,{address:x},1" for address in addresses))

    def restore(self) -> None:
        """Bring the whole machine back; for after a case that may have left anything behind."""
        self._snapshot.restore()
        self._up.clear()
        self._pics = None
        for offset, data in self._patches.items():
            self._write_code(offset, data)

    def let_go(self) -> None:
        """Leave the machine to GDB as it stands; the stage is of no more use."""
        self.wire.exchange(*(f"z1,{address:x},1" for address in self.stops))
        self.wire.close()

    def patch(self, patches: Mapping[int, bytes]) -> None:
        """Put other bytes into the ROM's RAM block, by offset, in place of all patches before.

        So a fault in the ROM costs no boot, and does not keep the guest from coming to `ready`.
        """
        for offset, data in {**self._unpatched, **patches}.items():
            self._write_code(offset, data)
        self._patches = dict(patches)

    def _write_code(self, offset: int, data: bytes) -> None:
        at = self.booted.rom.block + offset
        self._unpatched.setdefault(offset, self.booted.control.read(at, len(data)))
        self.booted.control.write(at, data)
        self._opcodes.clear()

    def outside(self) -> list[object]:
        """What no case may change: the ROM's data and the guest's tables, but for the ranges of the
        states, and the processor's table and control registers.
        """
        label = self.booted.label
        at = self.booted.machine.monitor.processor()
        found: list[object] = [at.gdt, at.idt, at.ldt, at.tr, at.cr0, at.cr2, at.cr3, at.cr4]
        for where in (
            Range(self.booted.rom.block, 4096),
            Range(label("gdt"), label("tss") + 104 - label("gdt")),
            Range(label("idt"), 2048),
        ):
            data = bytearray(self.booted.control.read(where.address, where.size))
            for hole in (*self.ranges, *self._notes):
                first = max(hole.address - where.address, 0)
                last = min(hole.address + hole.size - where.address, where.size)
                data[first:last] = bytes(max(last - first, 0))
            found.append(bytes(data))
        return found

    def opcode(self, address: int) -> bytes:
        """The first two bytes of the instruction at an address."""
        if address not in self._opcodes:
            self._opcodes[address] = self.booted.control.read(address, 2)
        return self._opcodes[address]

    @cached_property
    def instructions(self) -> frozenset[int]:
        """The addresses of all instructions of the ROM's code in RAM."""
        rom = self.booted.rom
        size = int(rom.rom.manifest["block"]["size"])
        return self.view.instructions(self.booted.control.read(rom.block, size))
