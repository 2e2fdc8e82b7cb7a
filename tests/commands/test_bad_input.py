"""What cannot be asked ends with status 2 and a sentence that says what to do; no verdict."""

import json
import shutil
from pathlib import Path

import pytest

from tests.commands.toys import guest
from tests.commands.verbs import Inv, program
from tests.machine.toys import SPIN

WRONG = {
    "an unknown verb": ("nonsense", "inv: No idea what 'nonsense' is"),
    "help on an unknown verb": ("--help nonsense", "inv: No idea what 'nonsense' is"),
    "an unknown option": ("boot --nonsense", "inv: No idea what '--nonsense' is"),
    "an option without its value": ("boot --smp", "needed value"),
    "memory that is no number": ("boot --memory x", "'x'"),
    "no processor": ("boot --smp 0", "smp >= 1"),
    "a time that is none": ("boot --timeout nan", "timeout > 0"),
    "an unknown accelerator": ("boot --accel xtc", "tcg or kvm"),
    "calls to be counted under kvm": ("boot --count --accel kvm", "tcg counts calls"),
    "a text for a guest of the kit": ("boot --until x", "is for foreign guests"),
    "an unknown backend to boot": ("boot --backend zen", "choose from native, bare"),
    "an unknown backend to count": ("bench --backend zen", "choose from native, bare"),
    "an unknown generation": ("build --generation 9.9", "choose from 3.0"),
    "an unknown stop": ("debug --at noon", "choose from init, post, ready"),
    "a GDB script that is missing": ("debug --commands no.gdb", "no.gdb is not a file"),
    "a guest that is missing": ("boot --guest no-such-guest", "No such file"),
    "an initrd that is missing": ("boot --initrd no-such-disk", "no-such-disk is not a file"),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_one_sentence_says_what_is_wrong(inv: Inv, words: str, said: str) -> None:
    done = inv(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


MAGIC = 0x1BADB002
HEADER = b"".join((word & 0xFFFFFFFF).to_bytes(4, "little") for word in (MAGIC, 0, -MAGIC))
NO_GUESTS = {
    "text": (b"Dear kernel,\n" * 100, "neither a multiboot image"),
    "64-bit": (b"\x7fELF\x02\x01\x01".ljust(64, b"\0") + HEADER, "a 64-bit ELF"),
}


@pytest.mark.parametrize(("content", "said"), NO_GUESTS.values(), ids=NO_GUESTS)
def test_a_file_that_is_no_guest_is_refused(inv: Inv, content: bytes, said: str) -> None:
    (inv.folder / "file").write_bytes(content)
    done = inv("boot", "--guest", "file")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: The guest file is {said}")
    assert len(done.stderr.splitlines()) == 1


def test_the_figures_of_what_could_not_be_asked_say_error(inv: Inv) -> None:
    done = inv("boot", "--guest", "nothing", "--json", "out.json")
    figures = json.loads((inv.folder / "out.json").read_text())
    assert figures["verdict"] == "error"
    assert done.stderr == f"error: {figures['message']}\n"


def test_figures_that_cannot_be_written_are_named_once(inv: Inv) -> None:
    (inv.folder / "file").write_text("")
    done = inv("build", "--backend", "native", "--out", "out", "--json", "file/out.json")
    assert done.returncode == 2
    assert done.stderr.startswith("error: file/out.json: cannot be written")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("verb", "missing", "package"),
    [("boot", "qemu-system-i386", "qemu-system-x86"), ("debug", "gdb", "gdb")],
    ids=["QEMU", "GDB"],
)
def test_a_tool_that_is_not_installed_is_named_with_its_package(
    inv: Inv, tmp_path: Path, verb: str, missing: str, package: str
) -> None:
    (tmp_path / "bin").mkdir()
    done = inv(verb, PATH=str(tmp_path / "bin"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{missing} was not found; install the Debian package {package}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_qemu_that_dies_at_start_is_quoted(inv: Inv) -> None:
    fake = program(inv.folder / "fake", "echo no can do >&2; exit 1")
    done = inv("boot", "--qemu", fake)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no can do" in done.stderr
    assert f"command line: {fake}" in done.stderr


def test_a_machine_type_that_qemu_does_not_know_is_refused_in_its_words(inv: Inv) -> None:
    done = inv("boot", "--machine", "pc-nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unsupported machine type" in done.stderr


def test_a_gdb_that_crashes_is_no_verdict(inv: Inv) -> None:
    program(inv.folder / "gdb", "ulimit -c 0; kill -SEGV $$")
    qemu = shutil.which("qemu-system-i386")
    assert qemu is not None
    done = inv("debug", "--qemu", qemu, PATH=str(inv.folder))
    assert done.returncode == 2
    assert done.stderr == "error: GDB was ended by the signal SIGSEGV.\n"


@pytest.mark.parametrize("at", ["init", "ready"])
def test_a_guest_that_never_calls_the_rom_cannot_be_debugged(inv: Inv, at: str) -> None:
    toy = guest(inv.folder, SPIN)
    done = inv("debug", "--guest", toy, "--at", at, "--timeout", "0.5")
    assert (done.returncode, done.stdout) == (2, "")
    said = {"init": "did not come to init within 0.5 s", "ready": "Only a guest of ours has a"}
    assert said[at] in done.stderr
