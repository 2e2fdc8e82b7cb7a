import time
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.machine.monitor import SET_ACTION
from harness.machine.snapshot import Snapshot, empty_qcow2
from tests.machine import toys
from tests.machine.conftest import Attach, Boot

FREE = toys.START + 0x4000


def test_a_snapshot_brings_back_memory_and_registers(boot: Boot, attach: Attach) -> None:
    machine = boot(toys.COUNT, snapshot=True)
    control = attach(machine)
    control.run_to(toys.ENTRY)
    control.write(FREE, b"before")
    registers = control.registers()
    snapshot = Snapshot(machine, "ready", [control])
    snapshot.save()
    for _ in range(2):
        control.write(FREE, b"after!")
        control.set_registers(edi=0x12345678)
        control.run_to(toys.ENTRY + 2)
        assert control.registers() != registers
        snapshot.restore()
        assert control.registers() == registers
        assert control.read(FREE, 6) == b"before"


def test_a_guest_that_ended_goes_on_from_a_snapshot(boot: Boot, attach: Attach) -> None:
    machine = boot(toys.COUNT, snapshot=True)
    control = attach(machine)
    control.run_to(toys.ENTRY)
    snapshot = Snapshot(machine, "ready", [control])
    snapshot.save()
    control.write(toys.ENTRY, toys.TRIPLE_FAULT)
    with pytest.raises(MachineError, match="triple fault"):
        control.run_to(0x123456)
    ending = machine.ending()
    assert ending is not None
    assert ending.kind == "triple fault"
    if machine.monitor.version() < SET_ACTION:
        with pytest.raises(MachineError, match=r"QEMU 6\.0 or newer"):
            snapshot.restore()
        return
    snapshot.restore()
    assert control.run_to(toys.ENTRY + 2) == toys.ENTRY + 2
    assert machine.ending() is None
    control.write(toys.ENTRY, toys.RESET)
    control.set_registers(eip=toys.ENTRY)
    control.cont()
    assert machine.wait_end(20).kind == "reset"


def test_an_unknown_snapshot_is_an_error(boot: Boot) -> None:
    with pytest.raises(MachineError, match="never"):
        Snapshot(boot(snapshot=True), "never").restore()


def test_a_halted_processor_is_not_saved(boot: Boot) -> None:
    machine = boot(bytes.fromhex("fa f4 ebfd"), snapshot=True)  # cli; hlt; jmp back to the hlt
    machine.wire().run_to(toys.ENTRY)
    machine.wire().cont()
    deadline = time.monotonic() + 20
    while not machine.monitor.processor().halted:
        if time.monotonic() > deadline:
            pytest.fail("the processor did not come to its HLT")
    machine.wire().interrupt()
    with pytest.raises(MachineError, match="HLT"):
        Snapshot(machine, "ready").save()


def test_a_machine_without_a_place_for_snapshots_says_so(boot: Boot) -> None:
    with pytest.raises(MachineError, match="snapshot=True"):
        Snapshot(boot(), "ready")


def test_the_empty_image_is_256_kib(tmp_path: Path) -> None:
    empty_qcow2(tmp_path / "image")
    assert (tmp_path / "image").stat().st_size == 256 * 1024
