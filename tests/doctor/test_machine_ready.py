"""Is this machine ready: what is missing, too old, mute or full is named, and how to get it."""

import os
import shutil
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.doctor import machine, packages, tools
from harness.doctor.check import Check, Diagnosis
from harness.doctor.machine import this_machine
from harness.doctor.packages import check_packages
from harness.doctor.tools import check_tools
from tests.commands.verbs import program
from tests.doctor.samples import found

PROGRAMS = {
    "qemu-system-i386": "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)",
    "gdb": "GNU gdb (Debian 13.1-3) 13.1",
    "as": "GNU assembler (GNU Binutils for Debian) 2.40",
    "ld": "GNU ld (GNU Binutils for Debian) 2.40",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH, with programs that tell the versions of a good machine."""
    for name, version in PROGRAMS.items():
        program(tmp_path / name, f'[ "$1" = --version ] && echo "{version}" || echo {tmp_path}')
    (tmp_path / "bios-256k.bin").touch()
    (tmp_path / "memtest86+ia32.bin").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "BOOT", tmp_path)
    return tmp_path


def tool(name: str) -> Check:
    return next(check for check in check_tools() if check.id == f"machine/{name}")


def test_a_machine_with_all_tools_passes(folder: Path) -> None:
    checks = list(check_tools())
    assert {check.verdict for check in checks} == {"pass"}
    assert tool("qemu-system-i386").value == "7.2.22"
    assert tool("gdb").value == "13.1"


@pytest.mark.parametrize(
    ("name", "verdict", "package"),
    [
        ("qemu-system-i386", "fail", "qemu-system-x86"),
        ("gdb", "fail", "gdb"),
        ("as", "note", "binutils"),
    ],
)
def test_a_missing_tool_is_named_with_its_package(
    folder: Path, name: str, verdict: str, package: str
) -> None:
    (folder / name).unlink()
    check = tool(name)
    assert (check.verdict, check.value) == (verdict, "not found")
    assert f"package {package}." in check.advice


BROKEN = {
    "too old": ("echo QEMU emulator version 4.2.1", "4.2.1", "too old"),
    "mute": ("exit 0", "no version", "does not tell"),
    "failing": ("echo no library >&2; exit 127", "no answer", "no library"),
    "killed": ("kill -9 $$", "no answer", "does not tell"),
}


@pytest.mark.parametrize(("text", "value", "said"), BROKEN.values(), ids=BROKEN)
def test_a_tool_that_is_no_good_is_told_from_one_that_is_missing(
    folder: Path, text: str, value: str, said: str
) -> None:
    program(folder / "qemu-system-i386", text)
    check = tool("qemu-system-i386")
    assert (check.verdict, check.value) == ("fail", value)
    assert said in check.detail


def test_a_tool_that_does_not_answer_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "ANSWER_LIMIT", 0.2)
    program(folder / "gdb", "exec /bin/sleep 60")
    assert "no answer in 0.2 s" in tool("gdb").detail


def test_a_tool_that_cannot_be_executed_is_no_traceback(folder: Path) -> None:
    (folder / "gdb").write_text("neither a script nor a program")
    (folder / "gdb").chmod(0o755)
    assert tool("gdb").verdict == "fail"


def test_a_qemu_without_a_bios_is_found_out(folder: Path) -> None:
    (folder / "bios-256k.bin").unlink()
    check = tool("seabios")
    assert (check.verdict, "package seabios" in check.advice) == ("fail", True)


def test_a_missing_memtest_is_a_note(folder: Path) -> None:
    (folder / "memtest86+ia32.bin").unlink()
    assert tool("memtest86+").verdict == "note"


def package(name: str) -> Check:
    return next(check for check in check_packages() if check.id == f"machine/{name}")


def test_this_environment_has_all_packages() -> None:
    checks = list(check_packages())
    assert {check.verdict for check in checks} == {"pass"}
    assert {"machine/python", "machine/keystone-engine", "machine/mypy"} <= {
        check.id for check in checks
    }


@pytest.mark.parametrize(
    ("requirement", "verdict", "value"),
    [
        ("rich>=13", "pass", "15.0.0"),
        ("rich>=15.0.1", "fail", "15.0.0"),
        ("rich<15", "fail", "15.0.0"),
        ("rich<15.1,>=9", "pass", "15.0.0"),
        ("absent>=1", "fail", "not installed"),
        ('absent>=1; extra == "dev"', "note", "not installed"),
    ],
)
def test_the_bounds_of_a_package_are_held(
    monkeypatch: pytest.MonkeyPatch, requirement: str, verdict: str, value: str
) -> None:
    def version(name: str) -> str:
        if name != "rich":
            raise metadata.PackageNotFoundError(name)
        return "15.0.0"

    monkeypatch.setattr(metadata, "requires", lambda name: [requirement])
    monkeypatch.setattr(metadata, "version", version)
    check = list(check_packages())[-1]
    assert (check.verdict, check.value) == (verdict, value)
    assert ("pip install" in check.advice) == (verdict != "pass")


def test_a_kit_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "KIT", "no-such-kit")
    assert package("no-such-kit").verdict == "fail"


def test_an_old_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "OLDEST_PYTHON", (99, 0))
    assert package("python").verdict == "fail"


@pytest.fixture
def good(folder: Path, tmp_path: Path) -> Path:
    """A build folder on a good machine."""
    return tmp_path / "build"


def place(diagnosis: Diagnosis, name: str) -> Check:
    return found(diagnosis, name)


def test_a_good_machine_is_ready(good: Path) -> None:
    diagnosis = this_machine(good)
    assert diagnosis.verdict == "pass"
    assert diagnosis.groups[0].answer == "This machine is ready: yes."
    assert not good.exists()


def test_a_machine_is_not_ready_without_qemu(good: Path, folder: Path) -> None:
    (folder / "qemu-system-i386").unlink()
    diagnosis = this_machine(good)
    assert diagnosis.verdict == "fail"
    assert "no, because of qemu-system-i386." in diagnosis.groups[0].answer


def test_a_full_disk_is_found_out(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(free=machine.ROOM - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: full)
    check = place(this_machine(good), "build-folder")
    assert (check.verdict, "nearly full" in check.detail) == ("fail", True)


def test_a_build_folder_that_cannot_be_written_is_found_out(good: Path) -> None:
    good.write_text("a file where the folder should be")
    check = place(this_machine(good), "build-folder")
    assert (check.verdict, check.value) == ("fail", "not writable")


def test_a_temporary_folder_with_a_long_name_is_found_out(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 100)))
    check = place(this_machine(good), "temporary-folder")
    assert (check.verdict, check.value) == ("fail", "too long")


def test_no_temporary_folder_at_all_is_no_traceback(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("tempfile.gettempdir", none)
    assert place(this_machine(good), "temporary-folder").value == "none"


@pytest.mark.parametrize(
    ("name", "access", "verdict", "value"),
    [
        ("kvm", True, "pass", "accessible"),
        ("kvm", False, "note", "no access"),
        ("none", True, "note", "not there"),
    ],
)
def test_kvm_is_not_needed(
    good: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    access: bool,
    verdict: str,
    value: str,
) -> None:
    (tmp_path / "kvm").touch()
    monkeypatch.setattr(machine, "KVM", tmp_path / name)
    monkeypatch.setattr(os, "access", lambda path, mode: access or path != tmp_path / name)
    check = place(this_machine(good), "kvm")
    assert (check.verdict, check.value) == (verdict, value)
