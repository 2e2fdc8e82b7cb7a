"""Each call keeps to its row: results where it says, and nothing else changed but its clobbers."""

import re

import pytest

from harness.booted import IF, Booted
from harness.machine.control import REGISTERS
from rom.backends import BACKENDS
from rom.backends.backend import Backend
from rom.interface import CALLS, Call, Requirement, Segments, by_name
from rom.interface.relocation import RelocationType
from tests.calls.samples import sample
from tests.descriptors.tables import FAR_DS, KERNEL_CS, KERNEL_DS
from tests.interrupts.steps import USER_CS, USER_DS, kernel_frame, user_frame

DF, STATUS = 0x400, 0x8D5
"""EFLAGS.DF, and the six flags that arithmetic sets."""

POISON = {
    **{"eax": 0x5A5A0001, "ecx": 0x5A5A0002, "edx": 0x5A5A0003, "ebx": 0x5A5A0004},
    **{"ebp": 0x5A5A0005, "esi": 0x5A5A0006, "edi": 0x5A5A0007},
}
GENERAL = tuple(POISON)
WHOLE = {"AL": "eax", "AX": "eax"}
"""The register that a narrower place is in."""

PROVIDED = sorted({name for backend in BACKENDS.values() for name in backend.translation})
RETURNING = [name for name in PROVIDED if by_name(name).returns]

LIVE = {"CPUID", "RDTSC", "RDPMC", "APICRead", "GetCycleFrequency", "GetWallclockTime"}
"""Calls whose results are not known beforehand; what they answer is tested elsewhere."""


def result_registers(row: Call) -> set[str]:
    """The registers that hold the results, in lower case."""
    places = [place for result in row.results for place in result.place.split(":")]
    return {WHOLE.get(place, place.lower()) for place in places if "[" not in place}


def may_change(row: Call) -> set[str]:
    """The registers that may differ afterwards."""
    return {name.lower() for name in row.clobbers} & {*GENERAL} | result_registers(row)


@pytest.mark.parametrize("name", RETURNING)
@pytest.mark.parametrize("enabled", [False, True], ids=["masked", "enabled"])
def test_a_call_changes_what_its_row_says_and_nothing_else(
    paged: Booted, name: str, enabled: bool
) -> None:
    if name == "Halt" and enabled:
        paged.call("DisableInterrupts")  # enabled, its interrupt would come before it
    elif enabled:
        paged.call("EnableInterrupts")
    row = by_name(name)
    given = sample(paged, name)
    data = FAR_DS if row.segments is Segments.CS_SS else KERNEL_DS
    flags = paged.control.registers()["eflags"] | STATUS
    real, virtual = paged.real_if(), paged.virtual_if()
    registers = {**POISON, **given.registers, "ds": data, "es": data, "fs": FAR_DS, "gs": 0}
    paged.prepare(name, given.stack, eflags=flags, **registers)
    before = paged.control.registers()
    given.arrange()
    after = paged.finish()

    free = may_change(row) | {"eip", "eflags", "esp"}
    kept = [register for register in REGISTERS if register not in free]
    assert {r: after[r] for r in kept} == {r: before[r] for r in kept}
    assert after["esp"] == before["esp"] + 4, "the stub takes its return address and no more"
    assert after["eflags"] & DF == 0, "the direction flag is set"
    if "flags" not in row.clobbers:
        assert after["eflags"] == before["eflags"]
    assert {r: after[r] for r in given.results} == dict(given.results)
    if name not in LIVE:
        assert given.results.keys() == result_registers(row), "a result that nothing checks"
    if name in ("EnableInterrupts", "DisableInterrupts", "SetInterruptMask", "Halt"):
        assert paged.virtual_if() is (name != "DisableInterrupts")
    else:
        assert (paged.real_if(), paged.virtual_if()) == (real, virtual)


@pytest.mark.parametrize("mode", ["kernel", "user"])
def test_iret_goes_on_with_every_register_as_it_is(paged: Booted, mode: str) -> None:
    frame = kernel_frame(paged) if mode == "kernel" else user_frame(paged)
    data = {"ds": USER_DS, "es": USER_DS} if mode == "user" else {"ds": FAR_DS, "es": FAR_DS}
    paged.prepare_at(paged.rom.stub("IRET"), frame, **POISON, **data, fs=USER_DS, gs=0)
    before = paged.control.registers()
    after = paged.finish(frame[0])
    kept = (*GENERAL, "ds", "es", "fs", "gs")
    assert {r: after[r] for r in kept} == {r: before[r] for r in kept}
    assert (after["cs"], after["ss"]) == (
        (KERNEL_CS, KERNEL_DS) if mode == "kernel" else (USER_CS, USER_DS)
    )
    assert (after["esp"], after["eflags"] & IF) == (
        before["esp"] + 12 if mode == "kernel" else paged.label("user_stack_top"),
        IF,
    )


def test_sysexit_goes_on_with_every_register_as_it_is(paged: Booted) -> None:
    paged.call("WRMSR", ecx=0x174, eax=KERNEL_CS, edx=0)
    eip, esp = paged.label("user_code"), paged.label("user_stack_top")
    registers = {**POISON, "edx": eip, "ecx": esp, "ds": USER_DS, "es": USER_DS}
    paged.prepare_at(paged.rom.stub("SYSEXIT"), (), **registers)
    after = paged.finish(eip)
    assert {r: after[r] for r in registers} == registers
    assert (after["cs"], after["ss"], after["esp"]) == (USER_CS, USER_DS, esp)
    assert after["eflags"] & IF
    assert paged.virtual_if()


@pytest.mark.parametrize("name", PROVIDED)
def test_the_relocation_type_is_one_that_linux_takes_there(name: str) -> None:
    row = by_name(name)
    expected = RelocationType.CALL_REL if row.returns else RelocationType.JUMP_REL
    for backend in BACKENDS.values():
        assert backend.translation.get(name, expected) is expected


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
def test_a_group_of_calls_is_provided_whole_or_not_at_all(backend: Backend) -> None:
    group = {row.name for row in CALLS if row.requirement is Requirement.TIMER_GROUP}
    assert group & backend.translation.keys() in (set(), group)
    required = {row.name for row in CALLS if row.requirement is Requirement.REQUIRED}
    assert required <= backend.translation.keys()


def test_every_input_of_a_sample_is_an_argument_of_its_row(paged: Booted) -> None:
    for name in RETURNING:
        given = sample(paged, name)
        places = {p for a in by_name(name).arguments for p in a.place.split(":")}
        registers = {p.lower() for p in places if re.fullmatch(r"E\w\w", p)}
        assert given.registers.keys() - {"eax", "edx"} <= registers, name
        assert len(given.stack) == sum(p.startswith("[ESP") for p in places), name
