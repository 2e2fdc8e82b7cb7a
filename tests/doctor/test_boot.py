"""A real boot: what SeaBIOS made of a ROM, in its log and in memory."""

from pathlib import Path

import pytest

from harness.doctor import boot
from harness.doctor.check import Diagnosis
from harness.doctor.examine import examine
from harness.report.log import FAIL
from rom.build import write_image
from rom.image import Image
from tests.doctor.samples import SPIN, found, network_card, plain, spoilt

EXIT = b"\xb0\x00\xe6\xf4"
"""movb $0, %al; outb %al, $0xf4: ends QEMU by its debug-exit device."""

REBOOT = b"\xb0\xfe\xe6\x64\xf4"
"""movb $0xfe, %al; outb %al, $0x64; hlt: resets the machine by the keyboard controller."""

TAKE_BOOT = bytes.fromhex("31c0 8ed8 c70664001300 8c0e6600 cb eb fe")
"""xorw %ax, %ax; movw %ax, %ds; movw $0x13, 0x64; movw %cs, 0x66; lretw; at 0x13: jmp ."""


def booted(path: Path, content: bytes) -> Diagnosis:
    path.write_bytes(content)
    return examine(path, boot=True)


def lines(diagnosis: Diagnosis) -> list[str]:
    return [said.line for said in diagnosis.said]


def test_our_rom_is_run_found_and_taken(images: dict[str, Image], tmp_path: Path) -> None:
    path = write_image(images["bare"], tmp_path)
    diagnosis = examine(path, boot=True)
    assert {check.verdict for check in diagnosis.groups[-1].checks} == {"pass"}
    [base] = [placed.base for placed in diagnosis.placed if placed.what == "this ROM"]
    assert found(diagnosis, "linux-probe").value == f"{base:05X}"
    assert found(diagnosis, "ram-block").value != "none"
    assert f"Running option rom at {base >> 4:04x}:0003" in lines(diagnosis)
    assert diagnosis.verdict == "pass"


def test_a_rom_with_a_wrong_checksum_is_refused_by_seabios_itself(
    images: dict[str, Image], tmp_path: Path
) -> None:
    content = spoilt(images["native"].content, 0x200, b"\x12\x34", mend=False)
    diagnosis = booted(tmp_path / "a.rom", content)
    group = diagnosis.groups[-1]
    assert group.refused is found(group, "checksum")
    assert found(group, "run").verdict == found(group, "in-place").verdict == FAIL
    # The file's own check and SeaBIOS's line tell the same sum.
    assert found(diagnosis, "checksum").value == found(group, "checksum").value
    assert any(line.startswith("Found option rom with bad checksum") for line in lines(diagnosis))
    assert "this ROM" not in [placed.what for placed in diagnosis.placed]


@pytest.mark.parametrize("content", [plain(), network_card()], ids=["plain", "network card"])
def test_a_foreign_rom_is_run(tmp_path: Path, content: bytes) -> None:
    group = booted(tmp_path / "a.rom", content).groups[-1]
    assert group.refused is None
    assert found(group, "run").verdict == "pass"


def test_what_the_checks_of_the_file_say_seabios_does(tmp_path: Path) -> None:
    for content in (plain(), b"\0" + plain()[1:], plain()[:2] + b"\0" + plain()[3:]):
        diagnosis = booted(tmp_path / "a.rom", content)
        ran = found(diagnosis.groups[-1], "run").verdict
        assert ran == ("pass" if diagnosis.groups[0].refused is None else FAIL)


def test_a_file_that_has_no_room_is_left_out(tmp_path: Path) -> None:
    diagnosis = booted(tmp_path / "a.rom", plain() + bytes(200_000))
    group = diagnosis.groups[-1]
    assert group.refused is found(group, "room")
    assert diagnosis.groups[0].refused is found(diagnosis.groups[0], "room")


def test_an_init_that_does_not_come_back_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "LIMIT", 2.0)
    group = booted(tmp_path / "a.rom", plain(SPIN)).groups[-1]
    assert group.refused is found(group, "post")
    assert "The ROM's init did not come back." in group.answer


@pytest.mark.parametrize(
    ("code", "said"), [(EXIT, "debug-exit"), (REBOOT, "reset")], ids=["exit", "reset"]
)
def test_an_init_that_ends_the_machine_is_found_out(tmp_path: Path, code: bytes, said: str) -> None:
    group = booted(tmp_path / "a.rom", plain(code)).groups[-1]
    assert group.refused is found(group, "post")
    assert f"ended during POST by: {said}" in group.answer


def test_a_rom_that_takes_over_the_boot_is_not_waited_for(tmp_path: Path) -> None:
    group = booted(tmp_path / "a.rom", plain(TAKE_BOOT)).groups[-1]
    assert found(group, "run").verdict == "pass"
    assert found(group, "post").verdict == "note"
    assert "INT 19h" in found(group, "post").detail


def test_a_vmi_rom_that_linux_would_refuse_is_refused_from_memory_too(
    images: dict[str, Image], tmp_path: Path
) -> None:
    content = spoilt(images["native"].content, 0x60, b"BSD\0")
    diagnosis = booted(tmp_path / "a.rom", content)
    assert found(diagnosis, "run").verdict == "pass"
    assert found(diagnosis, "linux-probe").verdict == FAIL
