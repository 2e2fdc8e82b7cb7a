import pytest

from harness.errors import MachineError
from harness.machine.control import read_u32
from harness.machine.process import Machine
from tests.machine import toys
from tests.machine.conftest import Attach, Boot

READ_IRR = 0x0A  # OCW3


def requests(machine: Machine) -> tuple[int, int]:
    """The interrupt request registers of the master and the slave."""
    found = []
    for port in (0x20, 0xA0):
        machine.injector.outb(port, READ_IRR)
        found.append(machine.injector.inb(port))
    return found[0], found[1]


@pytest.mark.parametrize("kind", ["pc", "isapc", "q35"])
def test_a_line_reaches_its_own_8259(boot: Boot, kind: str) -> None:
    machine = boot(machine=kind)
    master, slave = requests(machine)
    machine.injector.raise_irq(5)
    assert requests(machine) == (master | 1 << 5, slave)
    machine.injector.raise_irq(11)
    assert requests(machine) == (master | 1 << 5 | 1 << 2, slave | 1 << 3)


def test_a_pulse_leaves_a_request(boot: Boot) -> None:
    machine = boot()
    machine.injector.pulse(5)
    assert requests(machine)[0] & 1 << 5


def test_a_line_that_does_not_exist_is_refused(boot: Boot) -> None:
    with pytest.raises(MachineError, match="16"):
        boot().injector.raise_irq(16)


@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_an_interrupt_is_taken_at_the_very_instruction(boot: Boot, offset: int) -> None:
    machine = boot(toys.interruptible(5))
    wire = machine.wire()
    at = toys.LOOP + offset
    wire.run_to(at)
    before = wire.registers()
    machine.injector.raise_irq(5)
    assert wire.run_to(toys.HANDLER) == toys.HANDLER
    after = wire.registers()
    assert read_u32(wire, after["esp"]) == at
    assert [after[name] for name in ("eax", "ecx", "edx")] == [
        before[name] for name in ("eax", "ecx", "edx")
    ]


def test_a_key_is_interrupt_1(boot: Boot) -> None:
    machine = boot(toys.interruptible(1))
    machine.wire().run_to(toys.LOOP + 1)
    machine.injector.keyboard_byte(0x1C)
    assert machine.wire().run_to(toys.HANDLER) == toys.HANDLER
    assert machine.injector.inb(0x60) == 0x1C


def test_a_step_lets_interrupts_in_when_asked(boot: Boot, attach: Attach) -> None:
    machine = boot(toys.interruptible(5))
    control = attach(machine)
    control.run_to(toys.LOOP)
    machine.injector.raise_irq(5)
    assert control.step() == toys.LOOP + 1
    # QEMU may stop once more before it enters the handler.
    assert toys.HANDLER in [control.step(interrupts=True) for _ in range(2)]
    # And interrupts are held off again afterwards.
    control.set_registers(eip=toys.LOOP, eflags=0x202)
    machine.injector.outb(0x20, 0x20)
    machine.injector.lower_irq(5)
    machine.injector.raise_irq(5)
    assert control.step() == toys.LOOP + 1
