"""Several lines: delivery is in the 8259s' order, whatever the order of arrival."""

from collections.abc import Mapping, Sequence
from itertools import permutations

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from harness.booted import IF, Booted
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom
from tests.interrupts.steps import (
    Enabling,
    arrive,
    delivered,
    enable,
    execute,
    halt,
    in_service,
    iret,
    kernel_frame,
    mask,
    mask_interrupts,
    release,
    set_mask,
    vectors,
)

LINES = (0, 1, 3, 4, 5, 7, 8, 9, 12, 14, 15)
"""The edge-triggered ones, but for the cascade and those of floppy and coprocessor."""

MASTER_SETS = ((3, 4, 5), (0, 1), (0, 3, 7))
MIXED_SETS = ((0, 3, 8), (9, 12, 14), (1, 8, 12), (4, 8, 15))

specific = pytest.mark.parametrize("specific", [0, 1], ids=["non-specific-eoi", "specific-eoi"])


def orders(sets: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    return [order for lines in sets for order in permutations(lines)]


def rank(line: int) -> int:
    """The line at the master: the slave's requests come by line 2 (Intel 8259A data sheet)."""
    return line if line < 8 else 2


def order_after_the_first(arrivals: Sequence[int]) -> list[int]:
    """In what order lines are due, the first of which was accepted before the others came.

    The rest waits in the 8259s. What outranks the accepted one comes before it; another of the
    slave's does not, for the master holds the slave in service (no special fully nested mode).
    """
    first, *rest = arrivals
    before = sorted((line for line in rest if rank(line) < rank(first)), key=in_rank)
    after = sorted((line for line in rest if rank(line) >= rank(first)), key=in_rank)
    return [*before, first, *after]


def in_rank(line: int) -> tuple[int, int]:
    return rank(line), line


@specific
@pytest.mark.parametrize("arrivals", orders(MASTER_SETS), ids=str)
def test_lines_of_the_master_are_delivered_in_its_order(
    booted: Booted, arrivals: Sequence[int], specific: int
) -> None:
    mask_interrupts(booted)
    booted.set_word("eoi_specific", specific)
    arrive(booted, *arrivals)
    assert booted.word("entered") == 0
    enable(booted)
    assert delivered(booted) == vectors(*sorted(arrivals))
    assert in_service(booted) == (0, 0)
    assert booted.word("deepest") == 1


@specific
@pytest.mark.parametrize("arrivals", orders(MIXED_SETS), ids=str)
def test_lines_of_both_8259s_are_delivered_in_their_order(
    bare: Booted, arrivals: Sequence[int], specific: int
) -> None:
    mask_interrupts(bare)
    bare.set_word("eoi_specific", specific)
    arrive(bare, *arrivals)
    assert bare.recorded() == vectors(arrivals[0])
    enable(bare)
    assert delivered(bare) == vectors(*order_after_the_first(arrivals))
    assert in_service(bare) == (0, 0)
    assert bare.recorded() == []
    assert bare.real_if() is True


@pytest.mark.parametrize("enabling", [enable, set_mask, iret, halt])
def test_each_way_of_enabling_delivers_all_before_its_caller_goes_on(
    bare: Booted, enabling: Enabling
) -> None:
    mask_interrupts(bare)
    arrive(bare, 9, 7, 4, 0)
    enabling(bare)
    assert delivered(bare) == vectors(0, 9, 4, 7)
    assert {entry.depth for entry in bare.log()} == {1}
    assert {entry.eflags & IF for entry in bare.log()} == {IF}
    assert in_service(bare) == (0, 0)


def test_all_lines_at_once_are_delivered_once_each(booted: Booted) -> None:
    mask_interrupts(booted)
    arrive(booted, *reversed(LINES))
    enable(booted)
    assert sorted(delivered(booted)) == vectors(*LINES)
    assert in_service(booted) == (0, 0)
    release(booted, *LINES)
    booted.clear_log()
    arrive(booted, *LINES)
    assert delivered(booted) == vectors(*LINES)


# --- sequences ---------------------------------------------------------------------------------

MASTER_ALONE = (0, 1, 3, 4, 5, 7)
arrivals_of_each = st.integers(0, len(LINES) - 1).map(lambda index: ("arrive", LINES[index]))
steps = st.one_of(
    arrivals_of_each,
    arrivals_of_each,
    st.sampled_from(
        [
            ("enable", 0),
            ("disable", 0),
            ("set mask", 0),
            ("set mask", IF),
            ("iret", 0),
            ("iret", IF),
            ("nmi", 0),
            ("int 80", 0),
        ]
    ),
)
knobs = st.sampled_from([0, *vectors(*LINES)])


def act(booted: Booted, what: str, value: int) -> None:
    if what == "enable":
        enable(booted)
    elif what == "disable":
        booted.call("DisableInterrupts")
    elif what == "set mask":
        booted.call("SetInterruptMask", eax=value)
    elif what == "iret":
        booted.prepare_at(booted.rom.stub("IRET"), kernel_frame(booted, 2 | value))
        booted.finish()
    elif what == "nmi":
        booted.machine.injector.nmi()
        booted.settle()
    elif what == "int 80":
        execute(booted, b"\xcd\x80")
    else:
        arrive(booted, value)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    sequence=st.lists(steps, min_size=3, max_size=14),
    eoi_specific=st.sampled_from([0, 1]),
    before=knobs,
    after=knobs,
)
def test_any_sequence_delivers_each_arrival_once(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    roms: Mapping[str, Rom],
    wedge_guest: GuestFile,
    sequence: list[tuple[str, int]],
    eoi_specific: int,
    before: int,
    after: int,
) -> None:
    bare = machine_pool.ready(machine_config, roms["bare"], wedge_guest)
    mask_interrupts(bare)
    for name, value in (
        ("eoi_specific", eoi_specific),
        ("enable_before", before),
        ("enable_after", after),
    ):
        bare.set_word(name, value)
    raised: list[int] = []
    others: list[int] = []
    for what, value in sequence:
        came = delivered(bare)
        if what == "arrive":
            # A line is raised anew only when its last request was taken, as a device would.
            if raised.count(value) > came.count(0x20 + value):
                continue
            release(bare, value)
            raised.append(value)
        if what in ("nmi", "int 80"):
            others.append(2 if what == "nmi" else 0x80)
        masked = mask(bare) == 0
        act(bare, what, value)
        now = [vector for vector in delivered(bare)[len(came) :] if 0x20 <= vector < 0x30]
        note(f"{what} {value:#x}: entered {[hex(vector) for vector in now]}")
        assert not (masked and now and what in ("arrive", "nmi", "int 80", "disable"))
    enable(bare)
    bare.settle()
    assert sorted(delivered(bare)) == sorted([*vectors(*raised), *others])
    assert in_service(bare) == (0, 0)
    assert (bare.recorded(), bare.field("virtual_if"), bare.real_if()) == ([], IF, True)
    assert bare.word("depth") == 0


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(
    bursts=st.lists(st.lists(st.sampled_from(MASTER_ALONE), unique=True), max_size=4),
    ends=st.lists(st.sampled_from([enable, set_mask, iret]), min_size=4, max_size=4),
)
def test_bursts_are_delivered_as_on_the_native_machine(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    roms: Mapping[str, Rom],
    wedge_guest: GuestFile,
    bursts: list[list[int]],
    ends: list[Enabling],
) -> None:
    seen = {}
    for name in ("native", "bare"):
        booted = machine_pool.ready(machine_config, roms[name], wedge_guest)
        booted.clear_log()
        for burst, enabling in zip(bursts, ends, strict=False):
            booted.call("DisableInterrupts")
            arrive(booted, *burst)
            enabling(booted)
            release(booted, *burst)
        seen[name] = [(entry.vector, entry.eip, entry.mask, entry.depth) for entry in booted.log()]
        assert in_service(booted) == (0, 0)
    assert seen["bare"] == seen["native"]
