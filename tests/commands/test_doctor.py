"""`inv doctor`: its statuses, what it prints, and the file it writes."""

import json
from pathlib import Path

import pytest

from rom.build import write_image
from rom.image import Image
from tests.commands.verbs import Inv, program
from tests.doctor.samples import plain


def test_this_machine_is_ready(inv: Inv) -> None:
    done = inv("doctor", "--json", "out.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("This machine is ready: yes.\n")
    data = json.loads((inv.folder / "out.json").read_text())
    assert (data["verdict"], data["subject"]) == ("pass", "")
    assert "machine/qemu-system-i386" in [check["id"] for check in data["checks"]]


def test_a_machine_that_is_not_ready_is_a_failure(inv: Inv) -> None:
    program(inv.folder / "gdb", "exit 1")
    done = inv("doctor", PATH=f"{inv.folder}:/usr/bin:/bin")
    assert done.returncode == 1
    assert "This machine is ready: no, because of gdb." in done.stdout
    assert "Install the Debian package gdb." in done.stdout


@pytest.fixture
def rom(images: dict[str, Image], inv: Inv) -> Path:
    """Our ROM, by a name that needs care."""
    folder = inv.folder / "ein Ordner, schön"
    return write_image(images["native"], folder)


def test_a_good_rom_has_status_0(inv: Inv, rom: Path) -> None:
    done = inv("doctor", rom)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if ": yes." in line or ": no," in line] == [
        "SeaBIOS runs it, given by -option-rom: yes.",
        "A BIOS finds it on a PCI device: yes.",
        "Linux's VMI probe takes it, once it is in memory: yes.",
        "This kit can use it: yes.",
    ]


def test_a_spoilt_rom_has_status_1_and_the_file_says_where(inv: Inv, rom: Path) -> None:
    content = bytearray(rom.read_bytes())
    content[0x60:0x64] = b"BSD\0"
    rom.write_bytes(content)
    done = inv("doctor", "--json", "out.json", rom)
    assert done.returncode == 1
    data = json.loads((inv.folder / "out.json").read_text())
    assert data["verdict"] == "fail"
    assert [answer["holds"] for answer in data["answers"]] == [False, True, False, False]
    failed = {
        check["id"]: check["offset"] for check in data["checks"] if check["verdict"] == "fail"
    }
    assert failed == {"seabios/checksum": 7, "linux/licence": 0x60, "kit/manifest": None}
    keys = {"id", "verdict", "offset", "value", "wanted", "detail", "advice"}
    assert all(check.keys() == keys for check in data["checks"])


def test_a_boot_adds_what_seabios_said(inv: Inv, rom: Path) -> None:
    done = inv("doctor", rom, "--boot", "--json", "out.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "SeaBIOS ran it in a real boot: yes." in done.stdout
    data = json.loads((inv.folder / "out.json").read_text())
    assert any("Running option rom at" in said["line"] for said in data["log"])
    assert "this ROM" in [placed["what"] for placed in data["roms"]]


def test_no_colour_is_printed_where_none_is_wanted(inv: Inv, rom: Path) -> None:
    with inv.started("doctor", str(rom), NO_COLOR="1") as started:
        assert started.status() == 0
    assert "\x1b[3" not in started.said


WRONG = {
    "no file": (("missing.rom",), "No such file"),
    "a folder": (("a folder",), "is a folder"),
    "an empty file": (("empty.rom",), "is empty"),
    "two files": (("plain.rom", "plain.rom"), "No idea what 'plain.rom' is"),
    "a boot of nothing": (("--boot",), "name its file"),
    "a file that cannot be written": (("plain.rom", "--json", "a folder"), "cannot be written"),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_asked_is_one_sentence_with_status_2(
    inv: Inv, words: tuple[str, ...], said: str
) -> None:
    (inv.folder / "a folder").mkdir()
    (inv.folder / "empty.rom").touch()
    (inv.folder / "plain.rom").write_bytes(plain())
    done = inv("doctor", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_boot_without_qemu_is_status_2(inv: Inv, rom: Path) -> None:
    done = inv("doctor", rom, "--boot", PATH=str(inv.folder))
    assert done.returncode == 2
    assert "qemu-system-x86" in done.stderr
