"""`inv boot --guest FILE`: guests of others end by themselves, by a text, or by the time limit."""

import json
import shutil
import signal

import pytest

from harness.guest import GuestFile
from tests.commands.toys import HALT, exit_with, guest, say
from tests.commands.verbs import Inv
from tests.machine.toys import POWER_OFF, SPIN, TRIPLE_FAULT


def test_a_text_on_the_serial_console_ends_a_guest_well(inv: Inv) -> None:
    toy = guest(inv.folder, say("Hello, wedge\n") + SPIN)
    done = inv("boot", "--guest", toy.name, "--until", "wedge", "--json", "out.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Hello, wedge\n\nbare-3.0 ")
    data = json.loads((inv.folder / "out.json").read_text())
    verdicts = {check["id"]: check["verdict"] for check in data["checks"]}
    assert verdicts == {"guest/says-the-text": "pass", "rom/is-in-place": "pass"}
    assert (data["verdict"], data["machine"]["memory"], data["events"]) == ("pass", 128, [])
    assert f"at {data['rom']['base']:05X}" in done.stdout


def test_the_serial_console_is_shown_while_the_guest_runs(inv: Inv) -> None:
    toy = guest(inv.folder, say("\x1b[31mone\r\n\x1b[2Jlogin: ") + SPIN)
    with inv.started("boot", "--guest", toy, "--timeout", "600") as verb:
        verb.read_until("one\r\nlogin: ")
        verb.process.send_signal(signal.SIGINT)
        assert verb.status() == 130
    assert "\x1b[31mone" not in verb.said
    assert verb.said.endswith("login: \r\n\r\ninterrupted\r\n")


def test_the_file_has_the_guests_text_on_the_terminal_and_its_calls_in_it(inv: Inv) -> None:
    toy = guest(inv.folder, say("hello") + SPIN)
    done = inv("boot", "--guest", toy, "--until", "hello", "--count", "--json", "out.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("hello\n\nbare-3.0 ")
    data = json.loads((inv.folder / "out.json").read_text())
    assert (data["bound"], data["bound_note"]) == ([], "The guest did not initialise the ROM.")


@pytest.mark.parametrize(
    ("code", "note"),
    [
        (exit_with(0), "The guest ended QEMU, and its memory with it."),
        (POWER_OFF, "The guest did not initialise the ROM."),
    ],
    ids=["debug-exit", "power off"],
)
def test_why_a_guest_has_no_bound_calls_is_said(inv: Inv, code: bytes, note: str) -> None:
    done = inv("boot", "--guest", guest(inv.folder, code))
    assert done.returncode == 0
    assert f"calls that the guest asked for\n  {note}\n" in done.stdout


def test_a_text_that_never_comes_fails_and_shows_where_things_stand(inv: Inv) -> None:
    toy = guest(inv.folder, say("one\ntwo\n") + SPIN)
    done = inv("boot", "--guest", toy, "--until", "three", "--timeout", "2", "--append", "quiet")
    assert done.returncode == 1
    assert "  fail  guest/says-the-text" in done.stdout
    _, _, trouble = done.stdout.partition("what happened")
    assert "last lines of the serial console:\n  one\n  two\n" in trouble
    assert "EIP=0010" in trouble
    assert "-append quiet" in trouble


@pytest.mark.parametrize(("code", "halted"), [(HALT, 1), (SPIN, 0)], ids=["cli-hlt", "jmp"])
def test_a_guest_that_hangs_is_given_up_at_the_time_limit(
    inv: Inv, code: bytes, halted: int
) -> None:
    done = inv("boot", "--guest", guest(inv.folder, code), "--timeout", "2")
    assert done.returncode == 1
    assert "  fail  guest/ends  it ran for the 2 s of the time limit" in done.stdout
    assert f"HLT={halted}" in done.stdout


def test_a_triple_fault_fails_with_its_name_and_the_registers(inv: Inv) -> None:
    toy = guest(inv.folder, say("the end\n") + TRIPLE_FAULT)
    done = inv("boot", "--guest", toy, "--until", "end")
    assert done.returncode == 1
    assert "  pass  guest/says-the-text" in done.stdout
    assert "  fail  guest/does-not-triple-fault  it ended by: triple fault\n" in done.stdout
    assert "EAX=00000077" in done.stdout


@pytest.mark.parametrize(("value", "status"), [(0, 0), (42, 1)])
def test_the_value_at_the_debug_exit_port_is_the_guests_verdict(
    inv: Inv, value: int, status: int
) -> None:
    done = inv("boot", "--guest", guest(inv.folder, exit_with(value)))
    assert done.returncode == status
    assert f"The guest wrote {value} to the debug-exit port." in done.stdout


def test_a_guest_that_powers_off_has_ended_well(inv: Inv) -> None:
    done = inv("boot", "--guest", guest(inv.folder, POWER_OFF))
    assert done.returncode == 0
    assert "it ended by: shutdown" in done.stdout


def test_what_a_guest_writes_does_not_reach_the_terminal_as_control_sequences(
    inv: Inv,
) -> None:
    toy = guest(inv.folder, say("\x1b[31mred [bold]x[/]\x07\n") + exit_with(0))
    done = inv("boot", "--guest", toy)
    assert done.returncode == 0
    assert done.stdout.startswith("red [bold]x[/]\n")


def test_files_may_be_named_anything_and_an_initrd_is_given_on(inv: Inv) -> None:
    count_modules = bytes.fromhex("8b4314 48 e6f4 ebfe")  # mods_count - 1 to the debug-exit port
    toy = guest(inv.folder, count_modules, "a guest, é [x]")
    (inv.folder / "init rd, é").write_bytes(b"x")
    done = inv("boot", "--guest", toy.name, "--initrd", "init rd, é")
    assert done.returncode == 0, done.stdout
    assert "a guest, é [x], multiboot" in done.stdout


def test_the_kits_own_guest_is_known_wherever_it_lies(inv: Inv, wedge_guest: GuestFile) -> None:
    shutil.copy(wedge_guest.path, inv.folder / "renamed")
    done = inv("boot", "--guest", "renamed")
    assert done.returncode == 0
    assert "  pass  seed/delivered-exactly-once" in done.stdout
