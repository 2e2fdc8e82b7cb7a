"""A fault in a stub, from outside: stop at its handler, look, mend the cause, and let it go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.booted import Booted
from harness.machine.control import read_u32
from harness.machine.processor import Table

UNMAPPED = 0x7FF000
"""Linear address of the page that the tests unmap, besides page 0."""

PRESENT_WRITABLE_USER = 7


@dataclass(frozen=True)
class Fault:
    """What a handler finds on its stack, and CR2."""

    vector: int
    error: int
    eip: int
    cr2: int


@dataclass(frozen=True)
class RomState:
    """What the ROM and the processor hold of the guest, but for the interrupt state."""

    fields: Mapping[str, int]
    shadow: bytes
    gdt: Table
    idt: Table
    ldt: int
    tr: int
    control: tuple[int, ...]


def rom_state(booted: Booted) -> RomState:
    """The state to compare before and after what must not change it."""
    manifest = booted.rom.rom.manifest
    moving = {"virtual_if", "pending", "real_if", "arrival_vector", "arrival_line"}
    fields = {
        name: booted.field(name)
        for name, about in manifest["virtual_cpu"].items()
        if name not in moving and about["size"] <= 4
    }
    has_shadow = manifest["lazy"]
    shadow = booted.control.read(booted.rom.symbol("shadow_idt"), 0x800) if has_shadow else b""
    state = booted.machine.monitor.processor()
    control = (state.cr0, state.cr3, state.cr4)
    selectors = (state.ldt.selector, state.tr.selector)
    return RomState(fields, shadow, state.gdt, state.idt, *selectors, control)


def entry_of(booted: Booted, address: int) -> int:
    """Where the page-table entry of a linear address below 8 MiB is, in `every-paged`."""
    return booted.label("page_tables") + 4 * (address >> 12)


def unmap(booted: Booted, address: int) -> None:
    """Make a page not present."""
    booted.call("SetPxE", eax=0, edx=entry_of(booted, address), ecx=0)
    booted.call("InvalPage", eax=address)


def mend(booted: Booted, address: int) -> None:
    """Map a page again, at the physical address that is the linear one; no call is made."""
    entry = address & 0xFFFFF000 | PRESENT_WRITABLE_USER
    booted.control.write(entry_of(booted, address), entry.to_bytes(4, "little"))


def run_to_fault(booted: Booted, vector: int, has_error: bool = True) -> Fault:
    """Go on to a vector's handler, and stand at its first instruction."""
    booted.finish(booted.label(f"entry_{vector:02x}"))
    esp = booted.control.registers()["esp"]
    error = read_u32(booted.control, esp) if has_error else 0
    eip = read_u32(booted.control, esp + 4 * has_error)
    return Fault(vector, error, eip, booted.machine.monitor.processor().cr2)


def return_from_fault(booted: Booted, has_error: bool = True) -> dict[str, int]:
    """Return from the handler at its first instruction, and go on to `returned`."""
    esp = booted.control.registers()["esp"] + 4 * has_error
    booted.control.set_registers(esp=esp, eip=booted.rom.stub("IRET"))
    return booted.finish()


def in_rom(booted: Booted, eip: int) -> bool:
    """Whether an address is in the ROM's block."""
    size = int(booted.rom.rom.manifest["block"]["size"])
    return booted.rom.block <= eip < booted.rom.block + size


def fault_of(booted: Booted, code: bytes, **registers: int) -> tuple[int, int] | None:
    """Vector and error code of the fault that bytes of machine code raise, None for none.

    Each of the code's instructions that may fault has the length that `skip_fault` is set to.
    """
    place = booted.label("user_stack")
    booted.control.write(place, code + b"\xc3")
    return _fault(booted, place, (), registers)


def fault_of_call(
    booted: Booted, call: str, stack: Sequence[int] = (), **registers: int
) -> tuple[int, int] | None:
    """The same for a call."""
    return _fault(booted, booted.rom.stub(call), stack, registers)


def _fault(
    booted: Booted, address: int, stack: Sequence[int], registers: Mapping[str, int]
) -> tuple[int, int] | None:
    booted.clear_log()
    booted.prepare_at(address, (booted.label("returned"), *stack), **registers)
    booted.finish()
    log = booted.log()
    assert len(log) <= 1
    return (log[0].vector, log[0].error) if log else None
