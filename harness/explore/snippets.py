"""The driver's own pieces of code in the guest's memory: INT n, a fault, POPF, SYSENTER."""

from harness.booted import Booted
from harness.explore.model import NO_SELECTOR, SOFTWARE

KERNEL_CS = 0x08
SIZE = 16
"""Bytes for each, from `user_stack` up: at an offset for the kernel, and FROM_USER above it."""

FROM_USER = 256
INTERRUPTS = {vector: SIZE * index for index, vector in enumerate(SOFTWARE)}
FAULT, POPF, TABLE = 4 * SIZE, 5 * SIZE, 6 * SIZE
"""FAULT is there for both modes, the others for the kernel; TABLE is the operand of a SetIDT."""

SYSENTER = FROM_USER + SIZE * len(SOFTWARE)
WRMSR = FROM_USER - SIZE
_SYSENTER_CS, _SYSENTER_ESP, _SYSENTER_EIP = 0x174, 0x175, 0x176


def write_snippets(booted: Booted) -> None:
    """Write them, each with a jump to the loop of its mode, and say where SYSENTER goes."""
    code, kernel, write = booted.label("user_stack"), booted.label("returned"), booted.control.write
    for base, loop in ((code, kernel), (code + FROM_USER, booted.label("user_code"))):
        for vector, offset in INTERRUPTS.items():
            at = base + offset
            write(at, bytes((0xCD, vector, 0xE9)) + _distance(at + 7, loop))
        at = base + FAULT
        selector = (at + SIZE - 2).to_bytes(4, "little")
        load = bytes((0x8E, 0x1D)) + selector  # movw selector, %ds
        write(at, load.ljust(SIZE - 2, b"\0") + bytes((NO_SELECTOR, 0)))
    write(code + POPF, b"\x9d\xe9" + _distance(code + POPF + 6, kernel))
    write(code + SYSENTER, b"\x0f\x34")
    write(code + WRMSR, b"\x0f\x30\xc3")  # wrmsr; ret
    for index, value in (
        (_SYSENTER_CS, KERNEL_CS | 3),  # the RPL does not count
        (_SYSENTER_ESP, booted.label("kernel_stack_top")),
        (_SYSENTER_EIP, kernel),
    ):
        booted.prepare_at(code + WRMSR, (kernel,), ecx=index, eax=value, edx=0)
        booted.finish()


def _distance(after: int, target: int) -> bytes:
    return ((target - after) & 0xFFFFFFFF).to_bytes(4, "little")
