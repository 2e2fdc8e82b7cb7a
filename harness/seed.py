"""The seed case: masked, an interrupt arrives, it is recorded, enabled, delivered.

It is driven and watched from outside the guest: nothing here is the guest's own word.
"""

from harness.booted import IF, Booted
from harness.machine.control import read_u32
from harness.report.log import Event, Log

SCAN_CODE = 0x1C
"""What the keyboard controller is made to show; any byte raises its line."""

VECTOR = 0x21
"""The keyboard's vector: line 1 of the master 8259, whose base the guest sets to 0x20."""


def seed_case(booted: Booted, log: Log) -> None:
    """Run the case on a guest at `ready`, and note its events and checks in the log."""
    lazy = booted.rom.rom.manifest["lazy"]
    returned = booted.label("returned")
    handler = booted.label(f"entry_{VECTOR:02x}")
    booted.clear_log()

    before = booted.call("EnableInterrupts")
    log.check("seed/real-if-is-on-while-enabled", bool(before["eflags"] & IF))

    booted.call("DisableInterrupts")
    _note(booted, log, "masked", "DisableInterrupts has returned")
    log.check("seed/virtual-if-is-clear-after-disable", not booted.virtual_if())
    if lazy:
        log.check("seed/real-if-stays-on-while-masked", booted.real_if())

    booted.machine.injector.keyboard_byte(SCAN_CODE)
    _note(booted, log, "arrives", "line 1 of the 8259 is raised")
    booted.settle()
    what = "recorded" if lazy else "held"
    where = "the virtual PIC" if lazy else "the 8259"
    _note(booted, log, what, f"{where} has vector {VECTOR:#x}")
    log.check("seed/not-delivered-while-masked", booted.word("entered") == 0)
    log.check(f"seed/{what}-while-masked", booted.pending() == [VECTOR], _pending(booted))
    if lazy:
        log.check("seed/real-if-is-off-once-recorded", not booted.real_if())

    booted.prepare("EnableInterrupts")
    booted.control.step()
    _note(booted, log, "enabled", "the first instruction of EnableInterrupts")
    reached = booted.control.run_to(handler, returned)
    _note(booted, log, "delivered", "the handler's first instruction", VECTOR)
    if log.check("seed/delivered-before-enable-returns", reached == handler, _at(booted)):
        esp = booted.control.registers()["esp"]
        eip, cs, eflags = (read_u32(booted.control, esp + offset) for offset in (0, 4, 8))
        in_rom = booted.rom.place(eip) != f"{eip:#x}"
        seen = f"EIP {eip:#x}, CS {cs:#x}, EFLAGS {eflags:#x}"
        log.check("seed/frame-has-the-return-address", eip == returned or in_rom, seen)
        log.check("seed/frame-has-the-guests-cs", cs & 0xFFFF == 8, seen)
        log.check("seed/frame-has-the-virtual-if-set", bool(eflags & IF), seen)
        log.check("seed/virtual-if-is-clear-in-the-handler", not booted.virtual_if())
        booted.finish()
    _note(booted, log, "returned", "the handler's IRET went back to the caller")
    entered = booted.word("entered")
    log.check("seed/delivered-exactly-once", entered == 1, f"handlers entered: {entered}")
    log.check("seed/nothing-pending-afterwards", booted.pending() == [], _pending(booted))
    log.check("seed/virtual-if-is-set-afterwards", booted.virtual_if())
    log.check("seed/real-if-is-on-afterwards", booted.real_if())
    _check_tables(booted, log)


def _check_tables(booted: Booted, log: Log) -> None:
    """The processor's GDTR and IDTR, from the monitor, against what the design says they are."""
    processor = booted.machine.monitor.processor()
    gdt, idt = processor.gdt.base, processor.idt.base
    log.check("tables/gdtr-is-the-guests", gdt == booted.label("gdt"), f"{gdt:#x}")
    if booted.rom.rom.manifest["lazy"]:
        shadow = booted.rom.symbol("shadow_idt")
        log.check("tables/idtr-is-the-shadow-idt", idt == shadow, f"{idt:#x}")
    else:
        log.check("tables/idtr-is-the-guests", idt == booted.label("idt"), f"{idt:#x}")


def _pending(booted: Booted) -> str:
    return "pending: " + (" ".join(f"{vector:#x}" for vector in booted.pending()) or "none")


def _at(booted: Booted) -> str:
    eip = booted.control.registers()["eip"]
    for name in ("returned", f"entry_{VECTOR:02x}"):
        if eip == booted.label(name):
            return name
    return booted.rom.place(eip)


def _note(booted: Booted, log: Log, what: str, detail: str, handler: int | None = None) -> None:
    event = Event(
        what,
        _at(booted),
        booted.virtual_if(),
        booted.real_if(),
        tuple(booted.pending()),
        handler,
        detail,
    )
    log.events.append(event)
