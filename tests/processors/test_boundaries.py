"""IPIs and NMIs at every instruction of the stubs for more than one processor, on the second."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from harness.booted import IF, Booted
from harness.machine.control import read_u32
from harness.machine.snapshot import Snapshot
from harness.rom import Rom
from tests.descriptors.tables import FAR_DS, KERNEL_CS
from tests.interrupts.steps import boundaries
from tests.interrupts.test_past_defects_nmi_user import break_here
from tests.processors.steps import IPI, Second, lingers, start_natively

NMI = 2
MOST_STEPS = 30_000  # more than a first call executes, with 256 gates to look at


@dataclass(frozen=True)
class Way:
    """A call that sets or tells the mask: its EAX, its frame, and the mask afterwards."""

    call: str
    eax: int = 0
    image: int | None = None
    leaves: bool | None = None


WAYS = {
    "enable": Way("EnableInterrupts", leaves=True),
    "disable": Way("DisableInterrupts", leaves=False),
    "get": Way("GetInterruptMask"),
    "set-on": Way("SetInterruptMask", IF, leaves=True),
    "set-off": Way("SetInterruptMask", 0, leaves=False),
    "iret-on": Way("IRET", image=IF, leaves=True),
    "iret-off": Way("IRET", image=0, leaves=False),
}


def stand(second: Second, way: Way, enabled: bool) -> None:
    """At the first instruction of a way's stub, from a known mask, with DS and ES of no use."""
    data = {"ds": 0x10, "es": 0x10}
    second.control.set_registers(**data)
    second.call("EnableInterrupts" if enabled else "DisableInterrupts")
    second.clear()
    frame: tuple[int, ...] = (second.label("returned"),)
    if way.image is not None:
        frame = (*frame, KERNEL_CS, 2 | way.image)
    second.prepare_at(second.rom.stub(way.call), frame, eax=way.eax, ds=FAR_DS, es=FAR_DS)


def finish(second: Second) -> None:
    """On to `returned`; each handler of an IPI is entered with IF set in its image."""
    handler = second.label("ipi_entry")
    second.control.set_registers(ds=0x10, es=0x10)
    while second.control.run_to(handler, second.label("returned")) == handler:
        image = read_u32(second.control, second.control.registers()["esp"] + 8)
        assert image & IF, "the handler was entered while masked"


def delivered_in_all(second: Second) -> int:
    """How often the handler was entered once everything is enabled and nothing is under way."""
    second.call("EnableInterrupts")
    lingers(second)
    assert second.under_way() == []
    return second.arrivals


@pytest.mark.parametrize("enabled", [False, True], ids=["masked", "enabled"])
@pytest.mark.parametrize("name", WAYS)
def test_an_ipi_at_any_instruction_is_delivered_once_and_never_while_masked(
    second: Second, name: str, enabled: bool
) -> None:
    way = WAYS[name]
    leaves = enabled if way.leaves is None else way.leaves
    stopped = 0
    for where in boundaries(second, lambda: stand(second, way, enabled), second.label("returned")):
        stopped += 1
        second.send()
        finish(second)
        lingers(second)
        assert second.virtual_if() is leaves, where
        if leaves:
            assert second.arrivals == 1, where
        elif not enabled:
            assert second.arrivals == 0, where
        assert delivered_in_all(second) == 1, where
    assert stopped > 1


@pytest.mark.parametrize("enabled", [False, True], ids=["masked", "enabled"])
@pytest.mark.parametrize("name", WAYS)
def test_an_nmi_at_any_instruction_leaves_both_flags_right(
    second: Second, name: str, enabled: bool
) -> None:
    way = WAYS[name]
    leaves = enabled if way.leaves is None else way.leaves
    for where in boundaries(second, lambda: stand(second, way, enabled), second.label("returned")):
        second.machine.injector.nmi_message(1)
        finish(second)
        lingers(second)
        assert [entry.vector for entry in second.log()] == [NMI], where
        assert second.virtual_if() is leaves, where
        if leaves or second.rom.rom.manifest["lazy"]:
            assert second.real_if(), where
        second.send()
        lingers(second)
        assert second.arrivals == leaves, where
        assert delivered_in_all(second) == 1, where


@pytest.mark.parametrize("name", WAYS)
def test_nothing_moves_the_guest_elsewhere_once_its_block_is_looked_for(
    ready: Callable[..., Booted], roms: dict[str, Rom], name: str
) -> None:
    second = Second.of(ready(roms["bare"]))
    stand(second, WAYS[name], True)
    size = second.rom.rom.manifest["block"]["size"]
    first = range(second.rom.first, second.rom.first + size)
    second.finish(second.rom.symbol("own_block") - second.rom.block + second.rom.first)
    while (eip := second.control.step()) in first:
        assert not second.real_if(), second.rom.place(eip)


@pytest.mark.parametrize("name", ["enable", "iret-on", "iret-off"])
def test_a_breakpoint_in_an_nmis_handler_lets_no_ipi_into_closed_code(
    ready: Callable[..., Booted], roms: dict[str, Rom], name: str
) -> None:
    # The way to a block of another processor begins in that of the first, which is closed as well.
    second = Second.of(ready(roms["bare"]))
    begin, end = second.rom.rom.manifest["block"]["closed"]
    blocks = (second.rom.first, second.rom.block)
    closed = [range(block + begin, block + end) for block in blocks]

    def is_closed(place: int) -> bool:
        return any(place in part for part in closed)

    inside = 0
    for where in boundaries(
        second, lambda: stand(second, WAYS[name], True), second.label("returned")
    ):
        at = second.control.registers()["eip"]
        second.control.set_registers(ds=0x10, es=0x10)  # for the handlers
        second.machine.injector.nmi_message(1)
        second.finish(second.label("handler_logged"))
        break_here(second)
        if is_closed(at):
            inside += 1
            assert not second.real_if(), where
        second.send()
        handler = second.label("ipi_entry")
        while second.control.run_to(handler, second.label("returned")) == handler:
            came = read_u32(second.control, second.control.registers()["esp"])
            assert not is_closed(came), where
        lingers(second)
        assert delivered_in_all(second) == 1, where
    assert inside


def test_an_nmi_at_any_instruction_of_a_first_call_does_no_harm(
    ready: Callable[..., Booted], roms: dict[str, Rom]
) -> None:
    booted = ready(roms["bare"])
    tried: set[int] = set()  # most of the way is the same for each call
    for call in ("IRET", "GetInterruptMask", "GetIDT"):
        begun = Snapshot(booted.machine, "begun", [booted.control])
        second = begin_first_call(booted, call)
        begun.save()
        places = first_call(second, tried)
        shadow = second.control.read(second.rom.symbol("shadow_idt"), 0x800)
        for place in [place for place in places if place not in tried]:
            tried.add(place)
            begun.restore()
            if place != second.control.registers()["eip"]:
                second.control.run_to(place)
            where = f"{call}, {second.rom.place(place)} {place:#x}"
            second.machine.injector.nmi_message(1)
            finish(second)
            lingers(second)
            assert [entry.vector for entry in second.log()] == [NMI], where
            assert not second.virtual_if(), where
            assert second.field("idt_base") == second.label("idt"), where
            assert second.control.read(second.rom.symbol("shadow_idt"), 0x800) == shadow, where
            second.send()
            lingers(second)
            assert second.arrivals == 0, where
            assert second.call("GetInterruptMask")["eax"] == 0, where
            assert IPI in second.recorded() + second.under_way(), where
            assert delivered_in_all(second) == 1, where


def begin_first_call(booted: Booted, call: str) -> Second:
    """The second processor, started anew, before its first call."""
    start_natively(booted)
    second = Second.of(booted)
    image = (KERNEL_CS, 2) if call == "IRET" else ()
    frame = (second.label("returned"), *image)
    second.prepare_at(second.rom.stub(call), frame, eax=0x400000)
    return second


def first_call(second: Second, tried: set[int]) -> list[int]:
    """Go behind that call; the addresses that it executed, each once, of gates if not tried yet."""
    control, gates = second.control, second.rom.symbol("backend_init")
    places = [control.registers()["eip"]]
    while places[-1] != second.label("returned"):
        assert len(places) < MOST_STEPS
        if places[-1] == gates and gates in tried:
            places.append(control.run_to(read_u32(control, control.registers()["esp"])))
        else:
            places.append(control.step())
    assert len(places) > 256 or gates in tried
    return list(dict.fromkeys(places))
