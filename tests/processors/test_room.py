"""More processors than the ROM has blocks for: those with a block run, the others stop."""

from collections.abc import Callable

from harness.booted import Booted
from harness.machine.control import read_u32
from harness.machine.processor import Table
from harness.rom import Rom
from tests.descriptors.tables import FREE, register
from tests.processors.steps import Second, lingers, send_command, start_natively
from tests.processors.test_start import give, good, is_up, waiting

PROCESSORS = 5
STACKS = 0x610000
"""A page of stack for each processor, in memory that nothing uses."""

Ready = Callable[..., Booted]


def blocks(booted: Booted) -> int:
    """How many processors POST found room for."""
    place = booted.rom.rom.manifest["post"]["blocks"]
    return read_u32(booted.control, booted.rom.base + place)


def calls(booted: Booted, apic: int) -> bool:
    """Whether a call comes back on the processor attended; if not, it is halted for good."""
    esp = STACKS + 0x1000 * (apic + 1) - 4
    returned = booted.label("second_returned")
    booted.control.write(esp, returned.to_bytes(4, "little"))
    stub, stop = booted.rom.stub("GetInterruptMask"), booted.rom.symbol("shutdown_halt")
    booted.control.set_registers(eip=stub, esp=esp)
    return booted.control.run_to(returned, stop) == returned


def test_processors_without_a_block_stop_and_the_others_go_on(
    ready: Ready, roms: dict[str, Rom]
) -> None:
    booted = ready(roms["bare"], smp=PROCESSORS)
    room = blocks(booted)
    assert 2 <= room < PROCESSORS, "this machine has room for all: give it more processors"
    for apic in range(1, PROCESSORS):
        start_natively(booted, apic)
    wire = booted.machine.wire()
    found = {}
    for apic in reversed(range(1, PROCESSORS)):
        wire.attend(apic)
        found[apic] = calls(booted, apic)
    running = [apic for apic, comes_back in found.items() if comes_back]
    assert len(running) == room - 1
    assert 1 in running, "it had a block before"
    for apic in running:  # and again
        wire.attend(apic)
        assert calls(booted, apic)
        base = booted.machine.monitor.processor(apic).idt.base
        blocks_start = booted.rom.symbol("shadow_idt")
        assert (base - blocks_start) % booted.rom.rom.manifest["block"]["size"] == 0
        assert booted.rom.block < base < booted.rom.block + room * 0x10000
    owners = [
        booted.rom.of_processor(index).field(booted.control, "owner") for index in range(room)
    ]
    assert sorted(owners) == [1, *sorted(apic + 1 for apic in running)]
    for apic in set(found) - set(running):
        wire.attend(apic)
        assert not booted.control.registers()["eflags"] & 0x200
    wire.attend(None)
    assert booted.call("GetInterruptMask")["eax"] == 0


def test_a_processor_without_a_block_does_not_keep_set_initial_ap_state_waiting(
    ready: Ready, roms: dict[str, Rom]
) -> None:
    booted = ready(roms["bare"], smp=PROCESSORS)
    for apic in range(2, PROCESSORS):
        waiting(booted, apic)
        give(booted, good(booted), apic)
        assert is_up(booted) is (apic < blocks(booted))
        if apic < blocks(booted):
            send_command(booted, 0x4500, apic)  # it shares the stack with the next
            booted.machine.wire().attend(None)
    waiting(booted, 1)
    give(booted, good(booted), 1)
    assert is_up(booted)


def test_an_idtr_as_init_leaves_it_is_not_taken_for_a_table(
    ready: Ready, roms: dict[str, Rom]
) -> None:
    booted = ready(roms["bare"])
    start_natively(booted, with_idt=False)
    booted.control.write(booted.label("page_tables"), bytes(4))  # page 0 is not mapped any more
    second = Second.of(booted)
    assert second.machine.monitor.processor(1).idt == Table(0, 0xFFFF)
    assert second.call("GetInterruptMask")["eax"] == 0
    second.call("GetIDT", eax=FREE)
    assert second.control.read(FREE, 6) == bytes(6)
    second.control.write(FREE, register(0x7FF, second.label("idt")))
    second.call("SetIDT", eax=FREE)
    second.send()
    lingers(second)
    second.call("EnableInterrupts")
    lingers(second)
    assert second.arrivals == 1


def test_native_has_room_for_all(ready: Ready, roms: dict[str, Rom]) -> None:
    booted = ready(roms["native"], smp=PROCESSORS)
    for apic in range(1, PROCESSORS):
        start_natively(booted, apic)
        assert calls_native(booted, apic)


def calls_native(booted: Booted, apic: int) -> bool:
    """The same on `native`, which looks for no block."""
    booted.machine.wire().attend(apic)
    esp = STACKS + 0x1000 * (apic + 1) - 4
    returned = booted.label("second_returned")
    booted.control.write(esp, returned.to_bytes(4, "little"))
    booted.control.set_registers(eip=booted.rom.stub("GetInterruptMask"), esp=esp)
    return booted.control.run_to(returned) == returned


def test_each_processor_of_a_machine_with_two_has_a_block(
    ready: Ready, roms: dict[str, Rom]
) -> None:
    assert blocks(ready(roms["bare"], smp=2)) == 2
