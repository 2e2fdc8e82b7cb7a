"""A failed test's deeds, done again step by step: where that leads when it leads nowhere."""

import pytest

from harness.booted import Booted
from harness.errors import HarnessError
from harness.suite import again
from harness.suite.again import can_be_done_again, timeline_of
from harness.suite.deeds import sentences


@pytest.mark.parametrize(
    ("code", "text", "ending"),
    [
        ("eb fe", "jmp CPUID", "It goes round at CPUID, and nothing changes any more."),
        ("fa f4", "cli", "It sleeps in HLT with interrupts off."),
        ("40 eb fd", "incl %eax", "returned is not reached in 60 instructions."),
        (
            "0f 01 1d 00 00 20 00 cc",
            "lidtl 0x200000",
            "triple faulted or wrote the debug-exit port.",
        ),
    ],
    ids=["jump-to-itself", "hlt", "endless", "triple-fault"],
)
def test_code_that_does_not_come_back_is_followed_as_far_as_it_goes(
    bare: Booted, monkeypatch: pytest.MonkeyPatch, code: str, text: str, ending: str
) -> None:
    monkeypatch.setattr(again, "MOST_STEPS", 60)
    bare.control.write(bare.rom.stub("CPUID"), bytes.fromhex(code))
    bare.prepare("CPUID", eax=1)
    with pytest.raises(HarnessError):
        bare.finish(timeout=0.1)
    assert can_be_done_again(bare)
    timeline = timeline_of(bare)
    assert timeline.ending.endswith(ending)
    assert timeline.steps[0].where == "CPUID"
    assert timeline.steps[0].text == text


def test_what_was_not_noted_is_not_done_again(bare: Booted) -> None:
    bare.call("CPUID", eax=0)
    assert can_be_done_again(bare)
    bare.control.cont()
    bare.control.interrupt()
    assert not can_be_done_again(bare)


def test_deeds_are_told_in_words(bare: Booted) -> None:
    bare.call("SetInterruptMask", eax=0x200)
    bare.machine.injector.raise_irq(12)
    bare.machine.injector.lower_irq(12)
    bare.machine.injector.inb(0x21)
    bare.machine.injector.outb(0x21, 0xFD)
    bare.machine.injector.nmi()
    bare.control.step(interrupts=True)
    bare.control.write(bare.label("entered"), b"12345")
    assert sentences(bare, [*bare.machine.journal.deeds]) == (
        "calls SetInterruptMask with eax 200",
        "line 12 arrives",
        "line 12 is lowered",
        "writes fd to port 21",
        "NMI arrives",
        "steps one instruction, interrupts let in",
        "writes 31 32 33 34 35 at entered",
    )
