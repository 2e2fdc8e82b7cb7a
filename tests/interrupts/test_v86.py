"""Virtual-8086 mode: entered by IRET, and left for interrupts and faults, as without a ROM."""

import pytest

from harness.booted import IF, Booted
from tests.interrupts.steps import (
    RESET,
    arrive,
    arrive_at,
    delivered,
    in_service,
    mask_interrupts,
    release,
    vectors,
)

VM = 0x20000
STACK_SEGMENT = 0x0900
DATA = {"es": 0x0A01, "ds": 0x0B02, "fs": 0x0C03, "gs": 0x0D00}
GENERAL_PROTECTION = 13
LOOP = b"\xeb\xfe"


@pytest.fixture(params=[0x0800, 0x0803], ids=["low bits 0", "low bits 3"])
def segment(request: pytest.FixtureRequest) -> int:
    """CS of the code: it has no RPL that would tell user code from the kernel's."""
    return int(request.param)


def prepare(booted: Booted, segment: int, code: bytes) -> None:
    """Stand at IRET with a frame for this code, in virtual-8086 mode, and interrupts masked."""
    booted.control.write(segment * 16, code)
    mask_interrupts(booted)
    frame = (0, segment, RESET | IF | VM, 0x100, STACK_SEGMENT, *DATA.values())
    booted.prepare_at(booted.rom.stub("IRET"), frame)


def enter_v86(booted: Booted, segment: int, code: bytes) -> None:
    prepare(booted, segment, code)
    booted.control.run_to(segment * 16)


def stands_in_v86(booted: Booted, segment: int) -> None:
    here = booted.control.registers()
    assert (here["eip"], here["cs"]) == (0, segment)
    assert (here["esp"] & 0xFFFF, here["ss"]) == (0x100, STACK_SEGMENT)
    assert here["eflags"] & (VM | IF) == VM | IF
    assert {name: here[name] for name in DATA} == DATA


def test_iret_goes_there_with_all_segments(booted: Booted, segment: int) -> None:
    enter_v86(booted, segment, LOOP)
    stands_in_v86(booted, segment)


def test_an_interrupt_there_comes_to_the_handler_and_goes_back(
    booted: Booted, segment: int
) -> None:
    enter_v86(booted, segment, LOOP)
    arrive_at(booted, 5, segment * 16)
    assert (delivered(booted), in_service(booted)) == (vectors(5), (0, 0))
    [seen] = booted.log()
    assert (seen.cs, seen.mask) == (segment, 0)
    assert seen.eflags & (VM | IF) == VM | IF
    stands_in_v86(booted, segment)


def test_what_was_recorded_before_comes_when_it_is_entered(booted: Booted, segment: int) -> None:
    mask_interrupts(booted)
    arrive(booted, 5)
    prepare(booted, segment, LOOP)
    booted.finish(booted.label("handler_logged"))
    release(booted, 5)
    booted.control.run_to(segment * 16)
    assert (delivered(booted), in_service(booted)) == (vectors(5), (0, 0))
    stands_in_v86(booted, segment)


def test_a_privileged_instruction_there_faults_to_the_kernel(booted: Booted, segment: int) -> None:
    enter_v86(booted, segment, b"\xf4")  # hlt
    booted.finish(booted.label("handler_logged"))
    [seen] = booted.log()
    assert (seen.vector, seen.cs, seen.eip) == (GENERAL_PROTECTION, segment, 0)
    assert seen.eflags & VM
