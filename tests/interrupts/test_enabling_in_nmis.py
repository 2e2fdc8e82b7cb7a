"""A handler of an NMI that enables interrupts, wherever in the ROM it came: it is enabled then."""

from collections.abc import Callable

import pytest

from harness.booted import IF, Booted
from rom.wedge import virtual_cpu
from tests.interrupts.steps import (
    RESET,
    boundaries,
    code,
    delivered,
    enable,
    enabling,
    in_service,
    kernel_frame,
    mask_interrupts,
    release,
    to_kernel,
    to_kernel_pending,
    user_frame,
    vectors,
)

NMI = 2
GENERAL = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
BETWEEN = ("settle_chosen+0x13", "enter+0x6f")
"""Where such a handler is not served yet: two instructions before which `pending` is 0 and the real
IF off for a moment, and those in `record` that follow when the vector counts already."""

LOOP = b"\x90\xeb\xfd"  # nop; jmp
SYSENTER_CS, KERNEL_CS = 0x174, 0x08


def to_kernel_masked(bare: Booted) -> None:
    bare.prepare_at(bare.rom.stub("IRET"), kernel_frame(bare, RESET))


def to_user(bare: Booted) -> None:
    bare.prepare_at(bare.rom.stub("IRET"), user_frame(bare))


def by_sysexit(bare: Booted) -> None:
    bare.call("WRMSR", ecx=SYSENTER_CS, eax=KERNEL_CS, edx=0)
    stack = bare.label("user_stack_top")
    bare.prepare("SYSEXIT", edx=bare.label("user_code"), ecx=stack)


def write_entry(bare: Booted) -> None:
    enable(bare)
    given = {"eax": bare.label("gdt"), "edx": 8, "ecx": 0xFFFF}
    bare.prepare("WriteGDTEntry", (0xCF9200,), **given)


def in_handler(bare: Booted, call: str, frame: tuple[int, ...]) -> None:
    """Stand at a stub in the handler of 5, after its EOI."""
    enable(bare)
    bare.machine.injector.lower_irq(5)
    bare.machine.injector.raise_irq(5)
    bare.finish(bare.label("handler_leave"))
    esp = bare.control.registers()["esp"]
    bare.set_word("depth", 0)
    bare.prepare_at(bare.rom.stub(call), frame, esp=esp)


def to_kernel_in_a_handler(bare: Booted) -> None:
    in_handler(bare, "IRET", kernel_frame(bare))


def to_user_in_a_handler(bare: Booted) -> None:
    in_handler(bare, "IRET", user_frame(bare))


def by_sysexit_in_a_handler(bare: Booted) -> None:
    bare.call("WRMSR", ecx=SYSENTER_CS, eax=KERNEL_CS, edx=0)
    in_handler(bare, "SYSEXIT", ())
    stack = bare.label("user_stack_top")
    bare.control.set_registers(edx=bare.label("user_code"), ecx=stack)


def arrival(bare: Booted) -> None:
    enable(bare)
    bare.machine.injector.lower_irq(5)
    bare.machine.injector.raise_irq(5)
    bare.finish(bare.rom.symbol("vector_25"))


def arrival_masked(bare: Booted) -> None:
    mask_interrupts(bare)
    bare.machine.injector.lower_irq(5)
    bare.machine.injector.raise_irq(5)
    bare.finish(bare.rom.symbol("vector_25"))


@pytest.mark.parametrize(
    "start",
    [
        *(enabling, to_kernel, to_kernel_masked, to_kernel_pending, to_user, by_sysexit),
        *(to_kernel_in_a_handler, to_user_in_a_handler, by_sysexit_in_a_handler),
        *(write_entry, arrival, arrival_masked),
    ],
    ids=lambda start: start.__name__,
)
def test_a_handler_of_an_nmi_that_enables_is_enabled_and_so_is_what_goes_on(
    bare: Booted, start: Callable[[Booted], None]
) -> None:
    place = code(bare) + 0x80
    bare.control.write(place, LOOP)
    at_kernel = bare.control.registers()

    def prepare() -> None:
        bare.control.set_registers(**at_kernel)
        release(bare, 5, 3)
        enable(bare)  # what was recorded comes
        mask_interrupts(bare)
        start(bare)

    ends = ("returned", "entry_25", "user_code")
    for where in boundaries(bare, prepare, *map(bare.label, ends)):
        recorded = "record+" in where and bare.field("pending") != 0
        if recorded or where.endswith(BETWEEN):
            bare.finish()
            continue
        bare.machine.injector.nmi()
        bare.finish(bare.label("handler_logged"))
        kept = bare.control.registers()
        general = {name: kept[name] for name in GENERAL}
        bare.prepare_at(bare.rom.stub("EnableInterrupts"), (place,), esp=kept["esp"])
        bare.finish(place)
        assert (bare.real_if(), bare.field("virtual_if")) == (True, IF), where
        bare.machine.injector.lower_irq(3)
        bare.machine.injector.raise_irq(3)
        for _ in range(2):
            bare.finish(place)
        assert vectors(3)[0] in delivered(bare), where
        bare.control.set_registers(**general, eip=bare.label("handler_logged"))
        bare.finish(bare.label("returned"), bare.label("user_code"))
        for _ in range(2):
            bare.finish(bare.label("returned"), bare.label("user_code"))
        assert delivered(bare).count(NMI) == 1, where
        assert bare.real_if() or bare.field("pending"), where
        if bare.field("virtual_if"):
            waits = bare.field("pending") & virtual_cpu.ARRIVALS
            assert (bare.real_if(), bare.field("real_if"), waits) == (True, IF, 0), where
            assert in_service(bare) == (0, 0), where
