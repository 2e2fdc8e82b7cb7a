import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from harness.errors import MachineError, MissingTool, WaitTimeout
from harness.machine import background, debugger
from harness.machine.control import read_u16, read_u32, write_u16, write_u32
from harness.machine.debugger import Debugger, Location
from tests.machine import toys
from tests.machine.conftest import Attach, Boot

FREE = toys.START + 0x4000  # memory no toy uses


def test_run_to_stops_before_the_instruction(boot: Boot, attach: Attach) -> None:
    control = attach(boot(toys.COUNT))
    assert control.run_to(toys.ENTRY + 1) == toys.ENTRY + 1
    registers = control.registers()
    assert registers["eip"] == toys.ENTRY + 1
    assert registers["eax"] == 0x2BADB003  # the multiboot magic, counted once
    assert (registers["cs"], registers["ss"]) == (0x08, 0x10)


def test_run_to_steps_off_the_address_it_stands_on(boot: Boot, attach: Attach) -> None:
    control = attach(boot(toys.COUNT))
    control.run_to(toys.ENTRY)
    before = control.registers()["edx"]
    control.run_to(toys.ENTRY)
    assert control.registers()["edx"] == before + 1
    assert control.run_to(toys.ENTRY, toys.ENTRY + 1) == toys.ENTRY + 1


def test_run_to_knows_real_mode_by_linear_addresses(
    boot: Boot, attach: Attach, tmp_path: Path
) -> None:
    control = attach(boot(option_rom=toys.option_rom(tmp_path)))
    assert control.run_to(0xC0003) == 0xC0003
    assert control.registers()["eip"] == 3
    assert control.run_to(0xC0003, 0xC0005) == 0xC0005


def test_run_to_that_is_late_says_where_it_stopped(boot: Boot, attach: Attach) -> None:
    control = attach(boot(toys.SPIN))
    control.run_to(toys.ENTRY)
    with pytest.raises(WaitTimeout, match=f"0x123456 .*stopped at {toys.ENTRY:#x}"):
        control.run_to(0x123456, timeout=0.05)
    assert control.step() == toys.ENTRY


def test_run_to_names_a_guest_that_ended_first(boot: Boot, attach: Attach) -> None:
    control = attach(boot(toys.TRIPLE_FAULT))
    control.run_to(toys.ENTRY)
    with pytest.raises(MachineError, match="triple fault"):
        control.run_to(0x123456)
    assert control.registers()["eax"] == 0x77


def test_run_to_notices_that_qemu_ended(boot: Boot, attach: Attach) -> None:
    control = attach(boot(toys.EXIT_42))
    with pytest.raises(MachineError, match=r"QEMU|debug-exit"):
        control.run_to(0x123456)


def test_the_wire_tells_how_the_machine_ended(boot: Boot) -> None:
    machine = boot(toys.EXIT_42)
    with pytest.raises(MachineError, match="the debug-exit port"):
        machine.wire().run_to(0x123456)
    assert machine.wait_end(20).value == 42


def test_a_step_is_one_instruction(boot: Boot, attach: Attach) -> None:
    control = attach(boot(toys.COUNT))
    control.run_to(toys.ENTRY)
    places = [control.step() - toys.ENTRY for _ in range(4)]
    assert places == [1, 2, 3, 0]


def test_registers_are_written_by_name(boot: Boot, attach: Attach) -> None:
    control = attach(boot(toys.COUNT))
    control.run_to(toys.ENTRY)
    before = control.registers()
    control.set_registers(edi=0xDEADBEEF, eflags=0x46, eip=toys.ENTRY + 2)
    expected = {**before, "edi": 0xDEADBEEF, "eflags": 0x46, "eip": toys.ENTRY + 2}
    assert control.registers() == expected
    with pytest.raises(MachineError, match="rax"):
        control.set_registers(rax=0)


def test_memory_is_read_and_written(boot: Boot, attach: Attach) -> None:
    control = attach(boot())
    data = bytes(range(256)) * 12
    control.write(FREE, data)
    assert control.read(FREE, len(data)) == data
    write_u32(control, FREE, 0x11223344)
    write_u16(control, FREE + 2, 0x5566)
    assert read_u32(control, FREE) == 0x55663344
    assert read_u16(control, FREE) == 0x3344


def test_a_running_machine_is_interrupted(boot: Boot, attach: Attach) -> None:
    machine = boot(toys.SPIN)
    control = attach(machine)
    control.run_to(toys.ENTRY)
    control.cont()
    with pytest.raises(MachineError):
        control.registers()
    assert control.interrupt() == toys.ENTRY
    assert machine.monitor.status() == "paused"
    assert control.interrupt() == toys.ENTRY


def test_the_monitor_answers_through_gdbs_protocol(boot: Boot, attach: Attach) -> None:
    assert "VM status: paused" in attach(boot()).monitor("info status")


def test_a_wire_attached_to_a_running_machine_stops_it(boot: Boot) -> None:
    machine = boot(toys.SPIN)
    machine.monitor.cont()
    wire = machine.wire()
    assert wire.read(toys.ENTRY, 0) == b""
    wire.registers()
    assert machine.monitor.status() == "paused"


def test_gdb_takes_over_from_the_wire_and_leaves_the_machine_stopped(boot: Boot) -> None:
    machine = boot(toys.COUNT)
    machine.wire().run_to(toys.ENTRY + 2)
    machine.wire().close()
    with Debugger(machine.gdb_socket) as gdb:
        assert gdb.linear_eip() == toys.ENTRY + 2
    assert machine.monitor.status() in ("paused", "debug")
    assert machine.wire().linear_eip() == toys.ENTRY + 2


def test_gdb_knows_symbols_and_source_lines(boot: Boot, tmp_path: Path) -> None:
    if shutil.which("as") is None:
        pytest.skip("GNU as is missing: install the Debian package binutils")
    source, symbols = tmp_path / "toy.s", tmp_path / "toy, with a space.o"
    source.write_text(".globl again\nagain: inc %eax\n inc %ecx\n inc %edx\n jmp again\n")
    subprocess.run(["as", "--32", "-g", source, "-o", symbols], check=True, timeout=20)
    with Debugger(boot(toys.COUNT).gdb_socket, source_root=tmp_path) as gdb:
        gdb.add_symbols(symbols, {".text": toys.ENTRY})
        assert gdb.symbol("again") == toys.ENTRY
        place = gdb.location(toys.ENTRY + 1)
        assert (place.function, Path(place.file).name, place.line) == ("again", "toy.s", 3)
        assert gdb.location(FREE) == Location("", "", 0)
        with pytest.raises(MachineError, match="no_such_symbol"):
            gdb.symbol("no_such_symbol")


def test_gdb_missing_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="Debian package gdb"):
        Debugger(tmp_path / "gdb.sock")


def test_a_gdb_that_does_not_answer_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "gdb"
    fake.write_text("#!/bin/sh\nexec sleep 600\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(debugger, "ANSWER_LIMIT", 0.1)
    started = []

    def spawn(*arguments: object) -> object:
        started.append(background.spawn(*arguments))  # type: ignore[arg-type]
        return started[-1]

    monkeypatch.setattr(debugger, "background", type("B", (), {"spawn": staticmethod(spawn)}))
    with pytest.raises(WaitTimeout, match="GDB gave no answer"):
        Debugger(tmp_path / "gdb.sock")
    assert [process.poll() for process in started] == [-9]


def test_gdb_without_a_machine_says_so(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"gdb\.sock"):
        Debugger(tmp_path / "gdb.sock")
