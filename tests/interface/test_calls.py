"""The rows: complete, numbered as guests number them, and refused when they contradict."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from rom.errors import RomError
from rom.interface import (
    CALLS,
    GENERATIONS,
    Argument,
    Call,
    InterfaceError,
    Requirement,
    Segments,
    UnknownCall,
    by_name,
    by_number,
    calls_of,
    check,
)

FAST = ("EnableInterrupts", "DisableInterrupts", "GetInterruptMask", "SetInterruptMask")


def changed(name: str, change: Callable[[Call], Call]) -> list[Call]:
    return [change(row) if row.name == name else row for row in CALLS]


def test_there_are_74_calls_numbered_from_0_without_a_hole() -> None:
    assert [row.number("3.0") for row in CALLS] == list(range(74))


@pytest.mark.parametrize(
    ("name", "in_3_0", "in_13_0"),
    [
        ("CPUID", 0, 5),
        ("SetGDT", 3, 8),
        ("UpdateKernelStack", 14, 19),
        ("GetCR0", 19, 24),
        ("WBINVD", 23, 29),
        ("EnableInterrupts", 29, 35),
        ("DisableInterrupts", 30, 36),
        ("GetInterruptMask", 31, 37),
        ("SetInterruptMask", 32, 38),
        ("IRET", 33, 39),
        ("SYSEXIT", 34, 40),
        ("Halt", 35, 42),
        ("AllocatePage", 44, 53),
        ("SetLinearMapping", 48, 58),
        ("INL", 49, 59),
        ("INSW", 54, 64),
        ("OUTB", 56, 66),
        ("OUTSW", 60, 70),
        ("SetInitialAPState", 62, 75),
        ("IODelay", 65, 78),
        ("GetCycleFrequency", 66, 79),
        ("WallclockUpdated", 71, 84),
    ],
)
def test_a_call_has_the_number_that_each_generation_gives_it(
    name: str, in_3_0: int, in_13_0: int
) -> None:
    assert by_number(in_3_0).name == name
    assert by_number(in_13_0, "13.0").name == name
    assert by_name(name).numbers == {"3.0": in_3_0, "13.0": in_13_0}


@pytest.mark.parametrize(
    ("name", "number"),
    [("SetPxE", 38), ("UpdatePxE", 40), ("SetCallbacks", 72), ("SetLazyMode", 73)],
)
def test_a_call_that_only_3_0_has_in_this_form_has_no_number_in_13_0(
    name: str, number: int
) -> None:
    assert by_number(number).name == name
    with pytest.raises(UnknownCall, match=f"{name} has no number in generation 13.0"):
        by_name(name).number("13.0")


def test_the_calls_of_13_0_are_in_the_order_of_their_numbers_there() -> None:
    found = [row.number("13.0") for row in calls_of("13.0")]
    assert found == sorted(found)
    assert len(found) == 66


def test_the_version_bytes_of_a_generation_are_in_its_name() -> None:
    for name, generation in GENERATIONS.items():
        assert name == generation.name == f"{generation.major}.{generation.minor}"


@pytest.mark.parametrize("name", FAST)
def test_a_fast_call_clobbers_flags_only_and_assumes_cs_and_ss_only(name: str) -> None:
    call = by_name(name)
    assert call.clobbers == {"flags"}
    assert call.segments is Segments.CS_SS


def test_only_fast_calls_and_returns_to_the_guest_do_without_ds_and_es() -> None:
    found = {row.name for row in CALLS if row.segments is Segments.CS_SS}
    assert found == {*FAST, "IRET", "SYSEXIT"}


def test_four_calls_do_not_return() -> None:
    found = {row.name for row in CALLS if not row.returns}
    assert found == {"IRET", "SYSEXIT", "Reboot", "Shutdown"}


def test_linux_requires_the_two_returns_and_takes_the_timer_as_a_group() -> None:
    required = {row.name for row in CALLS if row.requirement is Requirement.REQUIRED}
    timer = [row.number("3.0") for row in CALLS if row.requirement is Requirement.TIMER_GROUP]
    assert required == {"IRET", "SYSEXIT"}
    assert timer == [66, 67, 68, 69, 70]


def test_calls_with_a_convention_of_their_own_clobber_what_the_instruction_does() -> None:
    assert by_name("CPUID").clobbers == {"flags"}
    assert by_name("INB").clobbers == {"memory"}
    assert by_name("OUTL").clobbers == set()
    assert by_name("INSL").clobbers == {"EDI", "ECX", "memory"}
    assert by_name("OUTSB").clobbers == {"ESI", "ECX"}
    assert by_name("IRET").clobbers == set()


def test_other_calls_clobber_the_three_argument_registers_and_the_flags() -> None:
    own = {*FAST, "CPUID", "IRET", "SYSEXIT"}
    for row in CALLS:
        if row.name not in own and not re.fullmatch(r"(IN|OUT)S?[LBW]", row.name):
            assert row.clobbers - {"memory"} == {"EAX", "ECX", "EDX", "flags"}, row.name


@pytest.mark.parametrize(
    "signature",
    [
        "CLTS()",
        "SetPxE(EAX=value, EDX=entry, ECX=flags)",
        "SetPxELong(EDX:EAX=value, ECX=entry, [ESP+4]=flags)",
        "WriteIDTEntry(EAX=table, EDX=index, ECX=low, [ESP+4]=high)",
        "AllocatePage(EAX=pfn, EDX=flags, ECX=clone, [ESP+4]=start, [ESP+8]=count)",
        "SetAlarm(EAX=flags, ECX:EDX=expiry, [ESP+8]:[ESP+4]=period)",
        "WRMSR(ECX=index, EDX:EAX=value)",
        "SYSEXIT(EDX=eip, ECX=esp)",
    ],
)
def test_a_signature_shows_each_argument_at_its_place(signature: str) -> None:
    assert by_name(signature.partition("(")[0]).signature == signature


def test_every_row_says_what_it_does_in_a_sentence() -> None:
    for row in CALLS:
        assert row.meaning[0].isupper(), row.name
        assert row.meaning.endswith("."), row.name
        assert not row.notes or row.notes.endswith("."), row.name


def test_a_call_can_be_a_member_of_a_set() -> None:
    assert len({*CALLS, *CALLS}) == 74


def test_an_unknown_name_is_refused_with_the_nearest_spelling() -> None:
    with pytest.raises(UnknownCall, match="'iret'; did you mean IRET"):
        by_name("iret")
    with pytest.raises(UnknownCall, match=r"'Frobnicate'; see docs/calls\.md"):
        by_name("Frobnicate")


@pytest.mark.parametrize(("number", "generation"), [(74, "3.0"), (-1, "3.0"), (4, "13.0")])
def test_an_unknown_number_is_refused(number: int, generation: str) -> None:
    with pytest.raises(UnknownCall, match=f"number {number} in generation {generation}"):
        by_number(number, generation)


def test_an_unknown_generation_is_refused_with_those_there_are() -> None:
    for ask in (lambda: calls_of("6.1"), lambda: by_name("CLTS").number("6.1")):
        with pytest.raises(UnknownCall, match=r"'6\.1' is not known; choose one of: 3\.0, 13\.0"):
            ask()


def test_what_is_raised_is_an_error_of_the_rom() -> None:
    assert issubclass(UnknownCall, RomError)
    assert issubclass(InterfaceError, RomError)


@pytest.mark.parametrize("generation", ["3.0", "13.0"])
def test_two_rows_with_one_number_are_refused_with_both_names(generation: str) -> None:
    number = by_name("CPUID").number(generation)
    rows = changed("RDTSC", lambda row: replace(row, numbers={**row.numbers, generation: number}))
    message = f"CPUID and RDTSC both have number {number} in generation {generation}"
    with pytest.raises(InterfaceError, match=message):
        check(rows)


def test_two_rows_with_one_name_are_refused() -> None:
    with pytest.raises(InterfaceError, match="two rows are named CPUID"):
        check(changed("RDTSC", lambda row: replace(row, name="CPUID")))


def test_a_hole_in_the_numbers_of_3_0_is_refused() -> None:
    with pytest.raises(InterfaceError, match=r"no row has number 29 in generation 3\.0"):
        check([row for row in CALLS if row.name != "EnableInterrupts"])


@pytest.mark.parametrize("place", ["", "eax", "RAX", "EAX ", "ESP+4", "[ESP+5]", "[EAX]", "EDX:"])
def test_a_place_that_is_not_known_is_refused(place: str) -> None:
    wrong = (Argument(place, "value", "a value"),)
    with pytest.raises(InterfaceError, match="CLTS has an argument or result in"):
        check(changed("CLTS", lambda row: replace(row, arguments=wrong)))


def test_a_clobber_that_is_not_known_is_refused() -> None:
    with pytest.raises(InterfaceError, match="CLTS clobbers 'FLAGS'"):
        check(changed("CLTS", lambda row: replace(row, clobbers=frozenset({"FLAGS"}))))


def test_a_number_in_a_generation_that_is_not_known_is_refused() -> None:
    with pytest.raises(InterfaceError, match=r"CLTS has a number in generation '13\.3'"):
        check(changed("CLTS", lambda row: replace(row, numbers={"3.0": 28, "13.3": 34})))


def test_a_row_that_only_13_0_has_is_accepted() -> None:
    pause = replace(by_name("CLTS"), name="Pause", numbers={"13.0": 41})
    check([*CALLS, pause])
