"""What must hold after a case: each rule is a sentence that a failure begins with."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.booted import IF, RESUME, Entered
from harness.explore.calls import KERNEL_CS, USER_CS
from harness.explore.case import NMI, RETURNED, SLEEPS, Case, Outcome
from harness.explore.run import FIRST_VECTOR, NMI_VECTOR, Run, entries, waiting
from harness.explore.stage import End
from harness.explore.start import HOLDING
from harness.explore.state import (
    CASCADE,
    CPU,
    LOG,
    PATTERN,
    STACK_RANGE,
    State,
    by_rank,
    rank,
)
from harness.machine.control import REGISTERS
from rom.interface.calls import by_name
from rom.wedge.virtual_cpu import HELD, LEFT

ARITHMETIC = 0x8D5
"""CF, PF, AF, ZF, SF and OF of EFLAGS."""

CLI = 0xFA
"""The instruction."""

HANDLER_STACK = 64
"""Bytes of stack for the frame of an interrupt and the guest's handler."""

WEDGE_STACK = 32
"""Bytes that the ROM may use below a frame (VMI ABI, section 2)."""

ROM_BITS = 3 << 30
"""Reserved bits of EFLAGS that the ROM may set in the image of an NMI that interrupts it."""

VOLATILE_FIELDS = ("virtual_if", "pending", "real_if", "arrival_vector", "arrival_line")
"""Fields of the virtual CPU that are about interrupts; the others are as without one."""


def judge(run: Run, case: Case) -> Outcome:
    """Look at how a case ended, and say what is wrong with it."""
    place = run.stage.view.place_of(run.point.state["eip"])
    if run.point.asleep:
        place += ", asleep"
    if run.end.ending == RETURNED:
        complaints = tuple(_complaints(run))
    else:
        complaints = tuple(_not_returned(run))
    state = run.end.state
    return Outcome(
        case,
        run.end.ending,
        place,
        state["eip"],
        tuple(run.log),
        tuple(waiting(run.stage, state)),
        complaints,
    )


def _not_returned(run: Run) -> Iterator[str]:
    where = run.stage.view.place_of(run.end.state["eip"])
    if run.end.ending == SLEEPS and run.variant.call == "Halt":
        yield from _sleep(run)
    else:
        yield f"it {run.end.ending} at {where}"


def _sleep(run: Run) -> Iterator[str]:
    """Halt sleeps on rightly when nothing came that ends it: what was taken before it began to
    wait, an NMI there, and what waits for the EOI of a higher line.
    """
    yield from _deliveries(run)
    yield from _frames(run)
    yield from _order(run)
    asleep = run.end.state
    woken = asleep.with_registers({"esp": asleep["esp"] + 4, "eflags": run.reference["eflags"]})
    yield from _registers(replace(run, end=replace(run.end, state=woken)))
    if not (asleep["eflags"] & IF):
        yield "it sleeps in HLT with the real IF off"
    at_hlt = run.point.state["eip"] == asleep["eip"] - 1  # HLT is one byte
    if run.line == NMI and run.point.shadowed_by is not None and at_hlt:
        if run.stage.view.lazy:
            yield "it sleeps in HLT although an NMI came before it and ended STI's shadow"
        return  # so it is on the bare machine
    stub = run.stage.booted.rom.stub("Halt")
    for entry in run.log:
        before = entry.cs == USER_CS or (run.start.enabled and entry.eip == stub)
        if entry.vector != NMI_VECTOR and not before:
            yield f"it sleeps in HLT although vector {entry.vector:x} was delivered in it"


def _complaints(run: Run) -> Iterator[str]:
    yield from _deliveries(run)
    yield from _frames(run)
    yield from _order(run)
    yield from _at_once(run)
    yield from _end_state(run)
    yield from _registers(run)
    yield from _stack(run)


def _deliveries(run: Run) -> Iterator[str]:
    """Delivered exactly once or pending exactly once; never late; the controller's books right."""
    seen = [entry.vector for entry in run.log]
    waits = waiting(run.stage, run.end.state)
    for vector in run.arrived:
        times, pending = seen.count(vector), waits.count(vector)
        if times + pending == 0:
            yield f"vector {vector:x} is lost"
        elif times + pending > 1:
            yield f"vector {vector:x} was delivered {times} times and is pending {pending} times"
    if seen.count(NMI_VECTOR) != run.nmis:
        yield f"{run.nmis} NMIs came and {seen.count(NMI_VECTOR)} were delivered"
    for vector in sorted({*seen, *waits} - {*run.arrived, NMI_VECTOR}):
        yield f"vector {vector:x} came from nowhere"
    if run.after:
        for vector in waits:
            if not (run.start.held and rank(vector - FIRST_VECTOR) > rank(HOLDING)):
                yield f"vector {vector:x} is late: interrupts are enabled and it waits"
    recorded = run.stage.view.recorded(run.end.state)
    accepted = {vector - FIRST_VECTOR for vector in recorded if vector >= FIRST_VECTOR}
    accepted |= {HOLDING} if run.start.held else set()
    expected = sum(1 << line for line in accepted)
    expected |= (1 << CASCADE) * any(line >= 8 for line in accepted)
    if run.end.state.pics.isr != expected:
        yield f"the 8259s have {run.end.state.pics.isr:04x} in service and not {expected:04x}"


def _frames(run: Run) -> Iterator[str]:
    """Never while masked, and each frame as the processor would have made it."""
    label = run.stage.booted.label
    for index in range(run.logged_before, len(run.log)):
        entry = run.log[index]
        what = f"vector {entry.vector:x}"
        if entry.mask:
            yield f"{what} was delivered with GetInterruptMask {entry.mask:x} in its handler"
        yield from _image(run, entry, what)
        if entry.cs == USER_CS:
            place = (entry.eip, label("user_stack_top"))
            if entry.frame != label("kernel_stack_top") - 20:
                yield f"{what} has its frame at {entry.frame:x}, not at the stack of the TSS"
        else:
            place = (entry.eip, entry.frame + 12)
        if entry.vector == NMI_VECTOR:
            continue
        if not entry.eflags & IF:
            yield f"{what} was delivered while masked: its frame has IF clear"
        if _in_closed_code(run, entry):
            where = run.stage.view.place_of(entry.eip)
            yield f"{what} was delivered at {where}, in code that runs with the real IF off"
        in_halt = run.variant.call == "Halt" and run.stage.view.place_of(entry.eip)[:2] != "0x"
        nested = any(entry.eip == other.eip for other in run.log[:index])
        if place not in run.enabled and not in_halt and not nested:
            where = run.stage.view.place_of(entry.eip)
            yield f"{what} was delivered at {where}, where interrupts are masked"


def _in_closed_code(run: Run, entry: Entered) -> bool:
    """Whether a handler interrupted closed code, but for the CLI that it begins with. Where the
    guest is enabled from the start, calls begin with a few more instructions before that.
    """
    if run.start.enabled or entry.cs == USER_CS or not run.stage.view.closed(entry.eip):
        return False
    return run.stage.opcode(entry.eip)[0] != CLI


def _image(run: Run, entry: Entered, what: str) -> Iterator[str]:
    """The rest of a frame: what it does not say of the interrupted code, an interrupt invents."""
    nmi = entry.vector == NMI_VECTOR
    ignored = ARITHMETIC | IF | RESUME | (ROM_BITS if nmi else 0)
    right = {state["eflags"] & ~ignored for state in (run.point.state, run.reference)}
    if entry.eflags & ~ignored not in right:
        yield f"{what} has EFLAGS {entry.eflags:x} in its frame"
    if entry.cs not in (KERNEL_CS, USER_CS):
        yield f"{what} has CS {entry.cs:x} in its frame"
    if entry.error:
        yield f"{what} came with the error code {entry.error:x}"
    if entry.depth > 1 + nmi:
        yield f"{what} was delivered within a handler"


def _order(run: Run) -> Iterator[str]:
    """By priority: the highest of what waits goes first, but for what the ROM had begun with."""
    seen = [entry.vector for entry in run.log[run.logged_before :] if entry.vector != NMI_VECTOR]
    at = run.point.state
    waits = waiting(run.stage, at)
    before = [entry.vector for entry in run.log[: run.logged_before]]
    arrived = [FIRST_VECTOR + line for line in run.lines if line != NMI]
    begun = [v for v in run.arrived if v not in (*waits, *before, *arrived)]
    orders = [_ranked([*begun, *waits, *arrived]), [*begun, *_ranked([*waits, *arrived])]]
    recorded = run.stage.view.recorded(at)
    if recorded and not begun and not at["eflags"] & IF and run.stage.view.closed(at["eip"]):
        rest = [vector for vector in waits if vector != recorded[-1]]
        orders.append([recorded[-1], *_ranked([*rest, *arrived])])  # past the window: it goes on
    if all(order[: len(seen)] != seen for order in orders):
        yield f"vectors {_shown(seen)} were delivered in this order, not {_shown(orders[0])}"


def _at_once(run: Run) -> Iterator[str]:
    """What the processor takes at once has the very place of its arrival in its frame."""
    at, stage = run.point.state, run.stage
    if run.point.shadowed_by is not None or run.point.asleep or run.line is None:
        return
    if run.line != NMI:
        held = run.start.held and rank(run.line) > rank(HOLDING)
        serving = at.pics.isr & ~(1 << HOLDING if run.start.held else 0)
        if not stage.view.virtual_if(at) or not at["eflags"] & IF or held or serving:
            return
        if at.pics.requests or (waiting(stage, at) and not run.start.held):
            return
    elif 2 in [entry.vector for entry in run.log[: run.logged_before]]:
        return  # the first one's handler may still hold it off
    new = run.log[run.logged_before :]
    vector = NMI_VECTOR if run.line == NMI else FIRST_VECTOR + run.line
    if not new or new[0].vector != vector:
        if run.line != NMI:
            yield f"vector {vector:x} was not delivered at once, though interrupts are enabled"
        return
    moved = run.line == NMI and run.variant.call in ("Halt", "SYSEXIT")
    if new[0].eip != at["eip"] and not moved:
        where = stage.view.place_of(new[0].eip)
        yield f"vector {vector:x} has {where} in its frame, and not where it arrived"
    if run.line == NMI and bool(new[0].eflags & IF) != stage.view.virtual_if(at):
        yield "the NMI's frame has not the virtual IF in its image"


def _end_state(run: Run) -> Iterator[str]:
    """The virtual IF that the call leaves, and a real one that loses nothing."""
    stage, state = run.stage, run.end.state
    masked = 0 if run.variant.masked is None else 1 << run.variant.masked
    if state.pics.imr != masked:
        yield f"the 8259s have {state.pics.imr:04x} masked and not {masked:04x}"
    if running := struct.unpack_from("<I", state.memory[LOG], 20)[0]:
        yield f"{running} handlers have not returned"
    if stage.view.virtual_if(state) != run.after:
        yield f"the virtual IF is {'clear' if run.after else 'set'} after the call"
    if run.variant.call == "GetInterruptMask" and state["eax"] != IF * run.start.enabled:
        yield f"GetInterruptMask answers {state['eax']:x}"
    real = bool(state["eflags"] & IF)
    if not stage.view.lazy:
        return
    if run.variant.to_user:
        if stage.view.field(state, "virtual_if") != IF:
            yield "the virtual CPU counts as masked in user mode"
        if not stage.view.field(state, "pending") & LEFT:
            yield "nothing tells the virtual CPU of user mode, where SYSENTER clears the real IF"
    elif run.after and not real:
        yield "the real IF is off although interrupts are enabled"
    told = run.start.by_sysenter and not real  # by the NMI, that SYSENTER has masked the guest
    if run.nmis and not run.arrived and not told:
        if real != bool(run.reference["eflags"] & IF):
            yield f"the NMI leaves the real IF {'on' if real else 'off'}"
        due = stage.view.field(run.reference, "real_if")
        if stage.view.field(state, "real_if") != due:
            yield f"after the NMI the virtual CPU's real_if is not {due:x}"
    if not real and not stage.view.field(state, "pending"):
        yield "the real IF is off and nothing tells enabling to turn it on"
    extra = stage.view.field(state, "pending") & ~stage.view.field(run.reference, "pending")
    if extra & LEFT:
        yield "the virtual CPU counts the guest as in user mode, as it does not without the arrival"
    if extra & HELD and run.after:
        yield "the next enabling is the slow one, as it is not without the arrival"
    if real and not run.after and not run.start.held and stage.view.recorded(state):
        yield "the real IF is on although a vector waits masked"
    for name in ("virtual_if", "real_if"):
        if (value := stage.view.field(state, name)) not in (0, IF):
            yield f"the virtual CPU's {name} is {value:x}"
    fields = stage.booted.rom.rom.manifest["virtual_cpu"]
    for name, where in fields.items():
        if name in VOLATILE_FIELDS:
            continue
        first, last = where["offset"], where["offset"] + where["size"]
        if state.memory[CPU][first:last] != run.reference.memory[CPU][first:last]:
            yield f"the virtual CPU's {name} is not as without the arrival"


def _registers(run: Run) -> Iterator[str]:
    """Every register and flag as the row says, and what the call writes as without the arrival."""
    state, wanted = run.end.state, run.reference
    row = by_name(run.variant.call)
    free = {name.lower() for name in row.clobbers} - set(run.variant.results)
    for name in REGISTERS:
        if name in free or name in ("eip", "eflags"):
            continue
        if state[name] != wanted[name]:
            yield f"{name} is {state[name]:x} and not {wanted[name]:x}"
    # SYSENTER saves no flags, so user code expects none back.
    free_flags = "flags" in row.clobbers or row.name == "SYSEXIT"
    ignored = IF | RESUME | (ARITHMETIC if free_flags else 0)
    if (state["eflags"] ^ wanted["eflags"]) & ~ignored:
        yield f"EFLAGS are {state['eflags']:x} and not {wanted['eflags']:x}"
    pairs = zip(run.stage.ranges, state.memory, wanted.memory, strict=True)
    for where, found, right in list(pairs)[LOG + 1 :]:
        if found != right:
            yield f"the memory at {where.address:x} is not as without the arrival"


def _stack(run: Run) -> Iterator[str]:
    """No deeper than the call alone, one more handler, and the ROM's share below a frame."""
    state, stack = run.end.state, run.stage.ranges[STACK_RANGE]
    if not (run.variant.to_user or run.start.by_sysenter):
        callers = state["esp"] - stack.address
        if state.memory[STACK_RANGE][callers:] != run.reference.memory[STACK_RANGE][callers:]:
            yield "the caller's stack is not as without the arrival"
    used, alone = (_deepest(state) for state in (run.end.state, run.reference))
    if used - alone > HANDLER_STACK + WEDGE_STACK:
        yield f"the stack is {used - alone} bytes deeper than without the arrival"


def drained(run: Run, end: End) -> Iterator[str]:
    """What must hold when interrupts were enabled after a case that left some waiting."""
    if end.ending != RETURNED:
        yield f"enabling after it {end.ending}"
        return
    seen = [entry.vector for entry in entries(end.state)]
    for vector in run.arrived:
        if seen.count(vector) != 1:
            yield f"after enabling, vector {vector:x} was delivered {seen.count(vector)} times"
    if end.state.pics.isr or waiting(run.stage, end.state):
        yield f"after enabling, the 8259s have {end.state.pics.isr:04x} in service"
    last = seen[len(run.log) :]
    if last != _ranked(last):
        yield f"after enabling, vectors {_shown(last)} were delivered in this order"


def _deepest(state: State) -> int:
    """Bytes of the stack's range that were stored to, from its end."""
    return len(state.memory[STACK_RANGE].lstrip(bytes([PATTERN])))


def _ranked(vectors: Sequence[int]) -> list[int]:
    return [FIRST_VECTOR + line for line in by_rank([v - FIRST_VECTOR for v in vectors])]


def _shown(vectors: Sequence[int]) -> str:
    return " ".join(f"{vector:x}" for vector in vectors)
