import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from qemu.qmp import Message

from harness.errors import MachineDied, MachineError, MissingTool, WaitTimeout
from harness.machine.config import MachineConfig
from harness.machine.ending import ending_of_process
from harness.machine.process import Machine
from harness.machine.processor import linear_eip
from tests.machine import toys
from tests.machine.conftest import Boot


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("config", [{"smp": 2}, {"icount": True}, {"cpu": "486"}], ids=str)
def test_processors_clock_and_model_are_qemus(boot: Boot, config: dict[str, object]) -> None:
    machine = boot(toys.EXIT_42, **config)
    assert len(machine.monitor.execute("query-cpus-fast")) == config.get("smp", 1)
    machine.monitor.cont()
    assert machine.wait_end(20).value == 42


@pytest.mark.parametrize("machine", ["pc", "isapc", "q35"])
def test_a_guest_ends_by_the_debug_exit_port_with_its_value(boot: Boot, machine: str) -> None:
    running = boot(toys.EXIT_42, machine=machine)
    assert running.monitor.status() == "prelaunch"
    running.monitor.cont()
    ending = running.wait_end(20)
    assert (ending.kind, ending.value) == ("debug-exit", 42)


def test_closing_leaves_no_process_and_no_folder(boot: Boot) -> None:
    machine = boot()
    pid, folder = machine.pid, machine.gdb_socket.parent
    machine.close()
    machine.close()
    assert gone(pid)
    assert not folder.exists()


def test_a_machine_that_nobody_closed_is_ended_with_python(tmp_path: Path) -> None:
    code = (
        "from harness.machine.process import *; m = Machine(MachineConfig()); m.start();"
        "print(m.pid, flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert gone(int(done.stdout))
    assert list(tmp_path.iterdir()) == []
    assert done.stderr == ""


def test_a_killed_parent_leaves_no_qemu(tmp_path: Path) -> None:
    code = (
        "from harness.machine.process import *; m = Machine(MachineConfig()); m.start();"
        "print(m.pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        qemu = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        ended, _, _ = select.select([qemu], [], [], 10)
        if not ended:
            signal.pidfd_send_signal(qemu, signal.SIGKILL)
        os.close(qemu)
    assert ended


def test_ctrl_c_does_not_reach_qemu(boot: Boot) -> None:
    assert os.getpgid(boot().pid) != os.getpgid(0)


def test_qemu_missing_names_the_package() -> None:
    with pytest.raises(MissingTool, match="qemu-system-x86"):
        Machine(MachineConfig(qemu="no-such-qemu")).start()


def test_a_qemu_that_dies_at_start_shows_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(MachineDied) as error:
        Machine(MachineConfig(extra=("-no-such-option",))).start()
    assert "-no-such-option: invalid option" in str(error.value)
    assert "command line: " in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_too_deep_for_a_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(MachineError, match="TMPDIR"):
        Machine(MachineConfig()).start()


def test_a_guest_has_ended_when_qemu_says_so_though_its_event_is_yet_to_come(
    boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = boot(toys.TRIPLE_FAULT)
    held: list[dict[str, Any]] = []
    note, status = machine.monitor._note, machine.monitor.status

    def hold(event: dict[str, Any]) -> None:
        (held.append if event["event"] == "SHUTDOWN" else note)(event)

    def then_let_go() -> str:
        said = status()
        threading.Timer(0.05, lambda: [note(event) for event in held]).start()
        return said

    monkeypatch.setattr(machine.monitor, "_note", hold)
    monkeypatch.setattr(machine.monitor, "status", then_let_go)
    with pytest.raises(MachineError, match="triple fault"):
        machine.wire().run_to(0x123456)
    ending = machine.ending()
    assert ending is not None
    assert ending.kind == "triple fault"


def test_a_triple_fault_is_told_from_a_reset_and_shows_the_registers(boot: Boot) -> None:
    machine = boot(toys.TRIPLE_FAULT)
    machine.monitor.cont()
    ending = machine.wait_end(20)
    assert ending.kind == "triple fault"
    assert "EAX=00000077" in ending.detail


@pytest.mark.parametrize(
    ("code", "kind"), [(toys.RESET, "reset"), (toys.POWER_OFF, "shutdown")], ids=["reset", "off"]
)
def test_a_guest_that_resets_or_powers_off_has_ended(boot: Boot, code: bytes, kind: str) -> None:
    machine = boot(code)
    assert machine.ending() is None
    machine.monitor.cont()
    assert machine.wait_end(20).kind == kind


def test_a_qemu_that_was_killed_has_died(boot: Boot) -> None:
    machine = boot()
    os.kill(machine.pid, 9)
    ending = machine.wait_end(20)
    assert (ending.kind, ending.status) == ("died", -9)
    with pytest.raises(MachineDied, match="SIGKILL"):
        machine.monitor.status()


def test_a_failing_qemu_is_no_debug_exit() -> None:
    assert ending_of_process(1, "qemu: cannot").kind == "died"
    assert ending_of_process(1, "qemu: warning: odd").kind == "debug-exit"
    assert ending_of_process(0, "").kind == "died"


def test_a_timeout_shows_the_last_lines_and_the_registers(boot: Boot) -> None:
    text = "".join(f"line {number}\n" for number in range(12))
    code = toys.debug_print(text)
    machine = boot(code + toys.SPIN)
    machine.wire().run_to(toys.ENTRY + len(code))
    machine.wire().cont()
    ending = machine.wait_end(0.05)
    assert ending.kind == "timeout"
    assert "line 11" in ending.detail
    assert "line 1\n" not in ending.detail
    assert f"EIP={toys.ENTRY + len(code):08x}" in ending.detail
    assert "-kernel" in ending.detail


def test_two_machines_run_at_once(boot: Boot) -> None:
    first, second = boot(toys.EXIT_42), boot(toys.SPIN)
    for machine in (first, second):
        machine.monitor.cont()
    assert first.wait_end(20).value == 42
    assert second.monitor.status() == "running"


def test_paths_may_hold_spaces_commas_and_other_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a b,c é"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    config = MachineConfig(
        kernel=toys.multiboot(folder, toys.EXIT_42, "guest, é"),
        option_rom=toys.option_rom(folder, "rom, é.rom"),
        snapshot=True,
    )
    with Machine(config, tmp_path / "logs, é") as machine:
        machine.monitor.cont()
        assert machine.wait_end(20).value == 42
    assert machine.debug_console() == "R"
    assert (tmp_path / "logs, é" / "debug.log").read_text() == "R"


def test_an_initrd_may_be_named_anything(boot: Boot, tmp_path: Path) -> None:
    count_modules = bytes.fromhex("8b4314 e6f4 ebfe")  # mods_count of the multiboot information
    initrd = tmp_path / "init rd, é"
    initrd.write_bytes(b"x")
    machine = boot(count_modules, initrd=initrd)
    machine.monitor.cont()
    assert machine.wait_end(20).value == 1


def test_the_firmware_log_is_seabios_own(boot: Boot) -> None:
    machine = boot(toys.EXIT_42)
    machine.monitor.cont()
    machine.wait_end(20)
    assert "SeaBIOS" in machine.firmware_log()


def test_the_monitor_refuses_with_qemus_own_words(boot: Boot) -> None:
    with pytest.raises(MachineError, match="no-such-command"):
        boot().monitor.execute("no-such-command")


def test_an_event_is_waited_for_and_recorded(boot: Boot) -> None:
    monitor = boot().monitor
    monitor.cont()
    monitor.wait_event({"RESUME"})
    before = len(monitor.events)
    monitor.stop()
    assert monitor.wait_event({"STOP"}, after=before)["event"] == "STOP"
    with pytest.raises(WaitTimeout, match="SHUTDOWN"):
        monitor.wait_event({"SHUTDOWN"}, timeout=0.01)


@pytest.mark.parametrize(("level", "written"), [(logging.INFO, False), (logging.DEBUG, True)])
def test_what_the_monitor_says_is_written_out_only_for_a_log_that_is_kept(
    boot: Boot,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    level: int,
    written: bool,
) -> None:
    texts: list[Message] = []

    def write_out(message: Message) -> str:
        texts.append(message)
        return "a message"

    monkeypatch.setattr(Message, "__str__", write_out)
    monitor = boot().monitor
    caplog.set_level(level, "qemu.qmp")
    monitor.status()
    assert bool(texts) is written
    assert ("--> a message" in caplog.text) is written


def test_the_processor_has_descriptor_tables_and_hidden_parts(boot: Boot) -> None:
    state = boot().monitor.processor()
    assert (state.cs.selector, state.cs.base) == (0xF000, 0xFFFF0000)
    assert state.linear_eip == 0xFFFFFFF0
    assert state.idt.limit == 0xFFFF
    assert not state.halted


@pytest.mark.parametrize("name", ["kvmvapic.bin", "multiboot_dma.bin"])
def test_an_option_rom_may_be_named_as_one_of_qemus_own(
    boot: Boot, tmp_path: Path, name: str
) -> None:
    machine = boot(toys.EXIT_42, option_rom=toys.option_rom(tmp_path, name))
    machine.monitor.cont()
    assert machine.wait_end(20).value == 42
    assert machine.debug_console() == "R"


def test_a_picture_shows_all_processors_and_what_people_need_of_them(boot: Boot) -> None:
    picture = boot(smp=2).picture()
    assert picture.count("\nCPU#") == picture.count("\nEIP=") == 2
    assert "FCW=" not in picture
    assert "XMM" not in picture
    assert "command line: " in picture


def test_a_place_that_is_no_number_is_told() -> None:
    with pytest.raises(MachineError, match="did not say where it stands; it printed: unknown"):
        linear_eip("unknown register\n")
