from pathlib import Path

import pytest

from harness.errors import HarnessError, MissingTool
from harness.machine.config import MachineConfig, command_line


def test_the_machine_starts_stopped_and_stays_after_a_reset(tmp_path: Path) -> None:
    arguments = command_line(MachineConfig(), tmp_path)
    assert {"-S", "-no-reboot", "-no-shutdown"} <= set(arguments)


def test_several_processors_are_several_sockets(tmp_path: Path) -> None:
    arguments = command_line(MachineConfig(smp=2), tmp_path)
    assert arguments[arguments.index("-smp") + 1].startswith("2,sockets=2")


def test_a_comma_in_a_path_is_doubled(tmp_path: Path) -> None:
    arguments = command_line(MachineConfig(), Path("/a,b"))
    assert "unix:/a,,b/qmp.sock" in arguments


def test_qemu_missing_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(MissingTool, match=r"no-such-qemu.*qemu-system-x86"):
        command_line(MachineConfig(qemu="no-such-qemu"), tmp_path)


@pytest.mark.parametrize(
    ("config", "word"),
    [
        (MachineConfig(machine=""), "machine type"),
        (MachineConfig(memory=0), "memory"),
        (MachineConfig(smp=0), "processors"),
        (MachineConfig(accel="xyz"), "xyz"),
        (MachineConfig(accel="kvm", icount=True), "icount"),
        (MachineConfig(append="console=ttyS0"), "kernel"),
        (MachineConfig(option_rom=Path("no-such.rom")), "no-such.rom"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_that_makes_no_sense_is_refused(
    config: MachineConfig, word: str, tmp_path: Path
) -> None:
    with pytest.raises(HarnessError, match=word):
        command_line(config, tmp_path)
