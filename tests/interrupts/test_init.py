"""VMI_Init takes the machine over as the guest has it, once; before it no call is provided."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

import pytest

from guests.build import UNKNOWN_CALLS
from harness.booted import IF, Booted
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from harness.rom import Rom, locate_rom
from rom.interface.calls import calls_of
from rom.interface.relocation import RelocationType
from rom.wedge.virtual_cpu import SIZE
from tests.interrupts.steps import (
    RESET,
    Enabling,
    arrive,
    delivered,
    enable,
    halt,
    in_service,
    iret,
    mask,
    set_mask,
    vectors,
)

VMI_INIT, GET_RELOCATION_INFO = 0x80, 0x88
INIT_TWICE = 4
NUMBERS = len(calls_of("3.0")) + UNKNOWN_CALLS

SHADOW_SIZE = 256 * 8


Start = Callable[[str], Booted]


@pytest.fixture
def start(
    machine_config: MachineConfig, roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> Iterator[Start]:
    """Starts a machine whose guest stands at its first instruction, with the ROM posted."""
    with ExitStack() as machines:

        def begin(backend: str) -> Booted:
            rom = roms[backend]
            config = replace(machine_config, option_rom=rom.path, kernel=wedge_guest.path)
            machine = machines.enter_context(Machine(config))
            wire = machine.wire()
            wire.run_to(wedge_guest.labels["start"], timeout=30.0)
            located = locate_rom(rom, wire.read_physical)
            assert located is not None
            booted = Booted(machine, located, wedge_guest, wire)
            booted.control.set_registers(esp=booted.label("kernel_stack_top"), eflags=RESET)
            return booted

        yield begin


def run(booted: Booted, address: int, **registers: int) -> dict[str, int]:
    """Call code that is not a VMI call, and answer the registers at its return."""
    booted.prepare_at(address, (booted.label("returned"),), **registers)
    return booted.finish()


def init(booted: Booted, eflags: int) -> dict[str, int]:
    return run(booted, booted.rom.base + VMI_INIT, eflags=eflags)


def relocation(booted: Booted, number: int) -> tuple[int, int]:
    """Type and EIP that GetRelocationInfo answers."""
    answer = run(booted, booted.rom.base + GET_RELOCATION_INFO, eax=number)
    return answer["edx"], answer["eax"]


def set_up(booted: Booted) -> None:
    """Tables and 8259s of the guest, by its native code: the sites are not patched yet."""
    for label in ("set_up_descriptors", "set_up_interrupts"):
        run(booted, booted.label(label))
    booted.set_word("rom_base", booted.rom.base)


def bind(booted: Booted) -> None:
    """Let the guest patch its sites, as right after Init."""
    run(booted, booted.label("bind_calls"))


def test_before_init_no_call_is_provided(start: Start) -> None:
    booted = start("bare")
    assert {relocation(booted, number) for number in range(NUMBERS)} == {(0, 0)}
    assert init(booted, RESET)["eax"] == 0
    kinds = {relocation(booted, number)[0] for number in range(NUMBERS)}
    assert RelocationType.CALL_REL in kinds


@pytest.mark.parametrize("backend", ["bare", "native"])
@pytest.mark.parametrize("flags", [RESET, RESET | IF], ids=["disabled", "enabled"])
def test_init_succeeds_and_leaves_the_if_and_the_callers_registers(
    start: Start, backend: str, flags: int
) -> None:
    booted = start(backend)
    set_up(booted)
    given = {"ebx": 0xB1B2B3B4, "esi": 0x51525354, "edi": 0xD1D2D3D4, "ebp": 0xE1E2E3E4}
    booted.control.set_registers(**given)
    after = init(booted, flags)
    assert after["eax"] == 0
    assert {name: after[name] for name in given} == given
    assert after["eflags"] & IF == flags & IF
    assert mask(booted) == flags & IF


def test_init_finds_an_enabled_guest_and_serves_it_at_once(start: Start) -> None:
    bare = start("bare")
    set_up(bare)
    assert init(bare, RESET | IF)["eax"] == 0
    bind(bare)
    bare.clear_log()
    assert (bare.field("virtual_if"), bare.field("real_if"), bare.field("pending")) == (IF, IF, 0)
    arrive(bare, 5)
    [seen] = bare.log()
    assert (seen.vector, seen.mask, seen.eflags & IF) == (0x25, 0, IF)
    bare.call("DisableInterrupts")
    assert bare.real_if() is True
    assert in_service(bare) == (0, 0)


@pytest.mark.parametrize("enabling", [enable, set_mask, iret, halt])
def test_a_guest_that_was_disabled_takes_nothing_until_it_enables(
    start: Start, enabling: Enabling
) -> None:
    bare = start("bare")
    set_up(bare)
    assert init(bare, RESET)["eax"] == 0
    bind(bare)
    bare.clear_log()
    assert (bare.field("virtual_if"), bare.field("real_if")) == (0, 0)
    arrive(bare, 5, 3)
    # It waits in the 8259: the guest may not have had a handler yet.
    assert (bare.word("entered"), bare.recorded(), in_service(bare)) == (0, [], (0, 0))
    for call in ("DisableInterrupts", "GetInterruptMask"):
        bare.call(call)
        assert bare.real_if() is False
    enabling(bare)
    bare.settle()
    assert delivered(bare) == vectors(3, 5)
    assert (bare.field("pending"), bare.field("real_if"), bare.real_if()) == (0, IF, True)
    # From then on disabling is lazy.
    bare.call("DisableInterrupts")
    assert bare.real_if() is True


def test_an_exception_before_the_first_enabling_returns_masked(start: Start) -> None:
    bare = start("bare")
    set_up(bare)
    init(bare, RESET)
    bind(bare)
    bare.clear_log()
    arrive(bare, 5)
    bare.machine.injector.nmi()
    bare.settle()
    assert delivered(bare) == [2]
    assert (mask(bare), bare.real_if(), bare.recorded()) == (0, False, [])
    enable(bare)
    bare.settle()
    assert delivered(bare) == [2, 0x25]


def test_a_line_raised_while_init_runs_is_not_lost(start: Start) -> None:
    bare = start("bare")
    set_up(bare)
    bare.prepare_at(bare.rom.base + VMI_INIT, (bare.label("returned"),), eflags=RESET | IF)
    for _ in range(30):
        bare.control.step()
    bare.machine.injector.raise_irq(5)
    bare.clear_log()
    bare.finish(bare.label("entry_25"))
    assert bare.field("initialised") == 1
    assert bare.field("virtual_if") == 0


def test_a_second_init_is_refused_and_changes_nothing(start: Start) -> None:
    bare = start("bare")
    set_up(bare)
    assert init(bare, RESET | IF)["eax"] == 0
    bind(bare)
    bare.call("DisableInterrupts")
    bare.clear_log()
    arrive(bare, 5)
    tables = bare.machine.monitor.processor()
    size = bare.rom.rom.manifest["block"]["size"]
    before = bare.control.read(bare.rom.block, size)
    assert len(before) > SIZE + SHADOW_SIZE
    assert init(bare, RESET)["eax"] == INIT_TWICE
    assert bare.control.read(bare.rom.block, size) == before
    after = bare.machine.monitor.processor()
    assert (after.idt, after.gdt) == (tables.idt, tables.gdt)
    assert bare.recorded() == vectors(5)
    enable(bare)
    assert delivered(bare) == vectors(5)


def test_init_puts_the_shadow_table_in_the_place_of_the_guests(start: Start) -> None:
    bare = start("bare")
    set_up(bare)
    guests = bare.machine.monitor.processor().idt
    init(bare, RESET)
    assert bare.machine.monitor.processor().idt.base == bare.rom.symbol("shadow_idt")
    assert (bare.field("idt_base"), bare.field("idt_limit")) == (guests.base, guests.limit)
