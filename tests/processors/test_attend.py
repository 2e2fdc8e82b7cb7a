"""One processor of several from outside: steps, registers, messages to its local APIC."""

import pytest

from harness.booted import Booted
from harness.errors import MachineError
from tests.processors.steps import IPI, Second, lapic, lingers


def test_the_processor_attended_goes_on_and_the_other_stands(second: Second) -> None:
    monitor = second.machine.monitor
    first = monitor.processor(0)
    assert monitor.processor(1).eip == second.label("returned")
    eip = second.control.step()
    assert eip == second.label("returned") + 1
    assert second.control.linear_eip() == monitor.processor(1).eip == eip
    lingers(second)
    assert monitor.processor(0) == first
    second.machine.wire().attend(0)
    assert second.control.registers()["eip"] == second.control.linear_eip() == first.eip
    second.control.step()
    assert monitor.processor(1).eip == second.label("returned")


def test_with_none_attended_all_go_on(two: Booted) -> None:
    wire = two.machine.wire()
    wire.attend(None)
    two.control.write(two.label("ipis"), bytes(8))
    two.set_word("job", two.label("second_sends"))
    two.call("EnableInterrupts")
    two.prepare_at(two.label("end_job"), (two.label("returned"),))
    two.finish()
    assert two.word("ipis") == 1


def test_a_message_reaches_the_local_apic_that_it_names(second: Second) -> None:
    second.control.set_registers(eflags=2)
    second.send()
    second.control.step()
    assert lapic(second, "IRR") == [IPI]
    assert "IRR\t (none)" in second.machine.monitor.hmp("info lapic 0").replace("\r", "")


def test_a_processor_that_there_is_not_is_refused(two: Booted) -> None:
    with pytest.raises(MachineError, match="look at processor 7"):
        two.machine.wire().attend(7)
    two.machine.wire().attend(None)
