"""The stubs for more than one processor, on the second: the same contract as for one."""

import pytest

from harness.booted import IF
from harness.machine.control import REGISTERS
from rom.backends import BACKENDS
from rom.image import MORE_PROCESSORS, build_image
from rom.interface import Segments, by_name
from tests.calls.samples import Sample
from tests.calls.test_contract import DF, GENERAL, POISON, STATUS, may_change, result_registers
from tests.descriptors.tables import FAR_DS, FREE, KERNEL_CS, KERNEL_DS, LDT, TSS, register
from tests.interrupts.steps import USER_CS, USER_DS
from tests.processors.steps import Second

LABELS = build_image(BACKENDS["bare"]).wedge.assembly.labels
STUBS = sorted(
    name.removeprefix(MORE_PROCESSORS) for name in LABELS if name.startswith(MORE_PROCESSORS)
)
"""The calls that have a stub for more than one processor."""

RETURNING = [name for name in STUBS if by_name(name).returns]
BUFFER = FREE + 0x8000


def sample(second: Second, call: str) -> Sample:
    """Input that makes sense for the second processor, whose GDT and TSS are its own."""
    gdt, idt, ldt = (second.label(name) for name in ("second_gdt", "idt", "ldt"))
    second.control.write(BUFFER, register(0x4F, gdt) + bytes(2) + register(0x7FF, idt))
    ipi = second.control.read(idt + 8 * 0x50, 8)
    low, high = (int.from_bytes(part, "little") for part in (ipi[:4], ipi[4:]))
    return {
        "EnableInterrupts": Sample(),
        "DisableInterrupts": Sample(),
        "GetInterruptMask": Sample(results={"eax": IF if second.virtual_if() else 0}),
        "SetInterruptMask": Sample({"eax": IF}),
        "Halt": Sample(arrange=second.send),
        "SetGDT": Sample({"eax": BUFFER}),
        "GetGDT": Sample({"eax": BUFFER + 16}),
        "SetIDT": Sample({"eax": BUFFER + 8}),
        "GetIDT": Sample({"eax": BUFFER + 16}),
        "SetLDT": Sample({"eax": LDT}),
        "GetLDT": Sample(results={"eax": second.machine.monitor.processor(1).ldt.selector}),
        "SetTR": Sample({"eax": TSS}),
        "GetTR": Sample(results={"eax": 0}),
        "WriteGDTEntry": Sample({"eax": gdt, "edx": 9, "ecx": 0xFFFF}, (0x00CF9200,)),
        "WriteLDTEntry": Sample({"eax": ldt, "edx": 2, "ecx": 0xFFFF}, (0x00CF9200,)),
        "WriteIDTEntry": Sample({"eax": idt, "edx": 0x50, "ecx": low}, (high,)),
        "SetIOPLMask": Sample({"eax": 0}),
        "UpdateKernelStack": Sample({"eax": KERNEL_DS, "edx": BUFFER}),
    }[call]


@pytest.mark.parametrize("name", RETURNING)
@pytest.mark.parametrize("enabled", [False, True], ids=["masked", "enabled"])
def test_a_call_on_the_second_changes_what_its_row_says_and_nothing_else(
    second: Second, name: str, enabled: bool
) -> None:
    if enabled and name != "Halt":  # enabled, its interrupt would come before it
        second.call("EnableInterrupts")
    row = by_name(name)
    given = sample(second, name)
    data = FAR_DS if row.segments is Segments.CS_SS else KERNEL_DS
    flags = second.control.registers()["eflags"] | STATUS
    real, virtual = second.real_if(), second.virtual_if()
    registers = {**POISON, **given.registers, "ds": data, "es": data, "fs": FAR_DS, "gs": 0}
    second.prepare(name, given.stack, eflags=flags, **registers)
    before = second.control.registers()
    given.arrange()
    after = second.finish()

    free = may_change(row) | {"eip", "eflags", "esp"}
    kept = [register for register in REGISTERS if register not in free]
    assert {r: after[r] for r in kept} == {r: before[r] for r in kept}
    assert after["esp"] == before["esp"] + 4, "the stub takes its return address and no more"
    assert after["eflags"] & DF == 0
    assert {r: after[r] for r in given.results} == dict(given.results)
    assert given.results.keys() == result_registers(row)
    if name in ("EnableInterrupts", "DisableInterrupts", "SetInterruptMask", "Halt"):
        assert second.virtual_if() is (name != "DisableInterrupts")
    else:
        assert (second.real_if(), second.virtual_if()) == (real, virtual)


def test_a_call_on_the_second_does_not_touch_the_first(second: Second) -> None:
    state = second.machine.monitor.processor(0)
    block = second.control.read(second.rom.first, 0x100)
    for name in RETURNING:
        given = sample(second, name)
        if name == "Halt":
            second.call("DisableInterrupts")  # enabled, its interrupt would come before it
        second.prepare(name, given.stack, **given.registers)
        given.arrange()
        second.finish()
    assert second.machine.monitor.processor(0) == state
    assert second.control.read(second.rom.first, 0x100) == block


@pytest.mark.parametrize("mode", ["kernel", "user"])
def test_iret_on_the_second_goes_on_with_every_register_as_it_is(second: Second, mode: str) -> None:
    frame: tuple[int, ...] = (second.label("returned"), KERNEL_CS, 0x202)
    data = {"ds": FAR_DS, "es": FAR_DS}
    if mode == "user":
        stack = second.label("user_stack_top")
        frame = (second.label("user_code"), USER_CS, 0x202, stack, USER_DS)
        data = {"ds": USER_DS, "es": USER_DS}
    second.prepare_at(second.rom.stub("IRET"), frame, **POISON, **data, fs=USER_DS, gs=0)
    before = second.control.registers()
    after = second.finish(frame[0])
    kept = (*GENERAL, "ds", "es", "fs", "gs")
    assert {r: after[r] for r in kept} == {r: before[r] for r in kept}
    assert after["eflags"] & IF
    assert second.virtual_if()


def test_sysexit_on_the_second_goes_on_with_every_register_as_it_is(second: Second) -> None:
    second.call("WRMSR", ecx=0x174, eax=KERNEL_CS, edx=0)
    eip, esp = second.label("user_code"), second.label("user_stack_top")
    registers = {**POISON, "edx": eip, "ecx": esp, "ds": USER_DS, "es": USER_DS}
    second.prepare_at(second.rom.stub("SYSEXIT"), (), **registers)
    after = second.finish(eip)
    assert {r: after[r] for r in registers} == registers
    assert (after["cs"], after["ss"], after["esp"]) == (USER_CS, USER_DS, esp)
    assert after["eflags"] & IF
    assert second.virtual_if()
