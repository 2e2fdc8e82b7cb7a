"""Virtual-8086 mode: entered by IRET, and left for interrupts and faults, as without a ROM."""

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
SEGMENT, STACK_SEGMENT = 0x0800, 0x0900  # CS with low bits 0: no RPL tells that this is user code
DATA = {"es": 0x0A01, "ds": 0x0B02, "fs": 0x0C03, "gs": 0x0D00}
GENERAL_PROTECTION = 13


def enter_v86(booted: Booted, code: bytes) -> None:
    """Run this code at SEGMENT:0 in virtual-8086 mode."""
    booted.control.write(SEGMENT * 16, code)
    mask_interrupts(booted)
    frame = (0, SEGMENT, RESET | IF | VM, 0x100, STACK_SEGMENT, *DATA.values())
    booted.prepare_at(booted.rom.stub("IRET"), frame)
    booted.control.run_to(SEGMENT * 16)


def stands_in_v86(booted: Booted) -> None:
    here = booted.control.registers()
    assert (here["eip"], here["cs"]) == (0, SEGMENT)
    assert (here["esp"] & 0xFFFF, here["ss"]) == (0x100, STACK_SEGMENT)
    assert here["eflags"] & (VM | IF) == VM | IF
    assert {name: here[name] for name in DATA} == DATA


def test_iret_goes_there_with_all_segments(booted: Booted) -> None:
    enter_v86(booted, b"\xeb\xfe")
    stands_in_v86(booted)


def test_an_interrupt_there_comes_to_the_handler_and_goes_back(booted: Booted) -> None:
    enter_v86(booted, b"\xeb\xfe")
    arrive_at(booted, 5, SEGMENT * 16)
    assert (delivered(booted), in_service(booted)) == (vectors(5), (0, 0))
    [seen] = booted.log()
    assert (seen.cs, seen.mask) == (SEGMENT, 0)
    assert seen.eflags & (VM | IF) == VM | IF
    stands_in_v86(booted)


def test_what_was_recorded_before_comes_when_it_is_entered(booted: Booted) -> None:
    booted.control.write(SEGMENT * 16, b"\xeb\xfe")
    mask_interrupts(booted)
    arrive(booted, 5)
    frame = (0, SEGMENT, RESET | IF | VM, 0x100, STACK_SEGMENT, *DATA.values())
    booted.prepare_at(booted.rom.stub("IRET"), frame)
    booted.finish(booted.label("handler_logged"))
    release(booted, 5)
    booted.control.run_to(SEGMENT * 16)
    assert (delivered(booted), in_service(booted)) == (vectors(5), (0, 0))
    stands_in_v86(booted)


def test_a_privileged_instruction_there_faults_to_the_kernel(booted: Booted) -> None:
    enter_v86(booted, b"\xf4")  # hlt
    booted.finish(booted.label("handler_logged"))
    [seen] = booted.log()
    assert (seen.vector, seen.cs, seen.eip) == (GENERAL_PROTECTION, SEGMENT, 0)
    assert seen.eflags & VM
