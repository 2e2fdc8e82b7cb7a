"""`inv boot` with the guest of the kit: what it prints, what it writes, and when it fails."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from guests.build import GUESTS
from rom.backends import BACKENDS
from rom.image import BLOCK_LIMIT
from tests.commands.verbs import Done, Inv, clean_inv, replace_line


class Boot(NamedTuple):
    backend: str
    machine: str
    done: Done
    data: dict[str, Any]


@pytest.fixture(
    scope="module",
    params=[("native", "pc"), ("bare", "pc"), ("bare", "isapc"), ("bare", "q35")],
    ids="-".join,
)
def boot(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boot]:
    """A boot of each backend, and on each machine type."""
    backend, machine = request.param
    with clean_inv(tmp_path_factory.mktemp("boot")) as inv:
        words = ("--backend", backend, "--machine", machine, "--json", "out.json")
        done = inv("boot", *words)
        yield Boot(backend, machine, done, json.loads((inv.folder / "out.json").read_text()))


def test_a_boot_holds(boot: Boot) -> None:
    assert (boot.done.returncode, boot.done.stderr) == (0, "")
    assert boot.data["verdict"] == "pass"
    assert {check["verdict"] for check in boot.data["checks"]} == {"pass"}


def test_the_file_tells_rom_and_machine(boot: Boot) -> None:
    rom, machine = boot.data["rom"], boot.data["machine"]
    assert (rom["backend"], rom["generation"]) == (boot.backend, "3.0")
    assert rom["size"] == Path(rom["path"]).stat().st_size
    assert 0xC0000 <= rom["base"] < 0xE0000
    assert (machine["machine"], machine["memory"], machine["smp"]) == (boot.machine, 32, 1)


def test_the_guest_reports_and_is_checked_from_outside(boot: Boot) -> None:
    checks = [check["id"] for check in boot.data["checks"]]
    assert len(set(checks)) == len(checks)
    assert {"probe/init", "guest/comes-to-ready", "seed/delivered-exactly-once"} <= set(checks)
    assert all(check.keys() == {"id", "verdict", "detail"} for check in boot.data["checks"])


def test_the_file_tells_the_calls_that_the_guest_bound(boot: Boot) -> None:
    calls = boot.data["bound"]
    assert [call["number"] for call in calls] == list(range(74))
    assert all(call.keys() == {"number", "name", "type", "asked", "calls"} for call in calls)
    assert {(call["asked"], call["calls"]) for call in calls} == {(True, None)}
    bound = sum(call["type"] != "NONE" for call in calls)
    assert boot.data["guest"]["bound"] == bound
    assert f", {bound} of 74 calls bound" in boot.done.stdout


def processors(guest: str) -> list[str]:
    """The processors that a guest wants, as options."""
    return ["--smp", "2"] if guest.startswith("two") else []


@pytest.mark.parametrize("guest", sorted(GUESTS.keys() - {"two-pae"}))  # it makes the calls of two
def test_calls_of_a_guest_of_the_kit_are_counted_up_to_ready(inv: Inv, guest: str) -> None:
    done = inv("boot", "--guest", guest, *processors(guest), "--count", "--json", "out.json")
    data = json.loads((inv.folder / "out.json").read_text())
    calls = {call["name"]: call["calls"] for call in data["bound"]}
    times = 2 if guest.startswith("two") else 1  # once a processor
    assert (calls["SetGDT"], calls["SetIDT"], calls["SetTR"]) == (times, times, times)
    assert calls["DisableInterrupts"] > 1
    # The guests of alarms never ask for the mask: a count there would be the ROM's own.
    assert (calls["GetInterruptMask"] > 1) == (not guest.startswith("alarm"))
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["3", "SetGDT", "CALL_REL", f"{times}"] in lines
    assert ["33", "IRET", "JUMP_REL", f"{calls['IRET']:,}"] in lines


@pytest.mark.parametrize("backend", BACKENDS)
def test_calls_are_counted_alike_with_one_processor_and_with_two(inv: Inv, backend: str) -> None:
    found = []
    for number in ("1", "2"):
        inv("boot", "--backend", backend, "--smp", number, "--count", "--json", "out.json")
        data = json.loads((inv.folder / "out.json").read_text())
        assert data["machine"]["smp"] == int(number)
        found.append({call["name"]: call["calls"] for call in data["bound"]})
    assert found[0] == found[1]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("processors", [2, 8])
def test_a_boot_holds_with_more_than_one_processor(inv: Inv, backend: str, processors: int) -> None:
    words = ("--backend", backend, "--smp", str(processors), "--json", "out.json")
    done = inv("boot", *words)
    rom = json.loads((inv.folder / "out.json").read_text())["rom"]
    assert (done.returncode, done.stderr) == (0, "")
    size, pages = rom["block"]["size"], rom["block"]["pages"]
    ram = f"RAM at {rom['block_base']:05X}: {size} bytes on {pages} pages"
    if backend == "native":
        assert rom["blocks"] == 1
    else:
        assert rom["blocks"] == min(processors, BLOCK_LIMIT // size)
        ram += f" for each of {rom['blocks']} processors"
    head = done.stdout.splitlines()
    assert head[0].endswith(ram)
    assert f", {processors} processors, " in head[1]


def test_the_events_are_those_of_the_seed_case(boot: Boot) -> None:
    found = [event["what"] for event in boot.data["events"]]
    kept = "held" if boot.backend == "native" else "recorded"
    assert found == ["masked", "arrives", kept, "enabled", "delivered", "returned"]
    [delivered] = [event for event in boot.data["events"] if event["what"] == "delivered"]
    assert (delivered["handler"], delivered["virtual_if"]) == (0x21, False)


def test_the_terminal_shows_rom_machine_and_guest(boot: Boot) -> None:
    rom, machine, guest = boot.done.stdout.splitlines()[:3]
    told = boot.data["rom"]
    assert rom.startswith(f"{boot.backend}-3.0 ")
    assert f"{told['size']} bytes, at {told['base']:05X}, RAM at {told['block_base']:05X}" in rom
    assert machine.startswith(f"machine  {boot.machine}, 32 MiB, 1 processor, QEMU ")
    assert guest.startswith("guest ")
    assert "calls bound" in guest


def test_the_terminal_shows_each_check_and_the_count(boot: Boot) -> None:
    lines = boot.done.stdout.splitlines()
    for check in boot.data["checks"]:
        assert f"  pass  {check['id']}  {check['detail']}".rstrip() in lines
    assert lines[-1] == f"pass  {len(boot.data['checks'])} checks, 0 failed"


def test_the_terminal_shows_the_timeline(boot: Boot) -> None:
    lines = boot.done.stdout.splitlines()
    picture = lines[lines.index("the seed case") + 1 :]
    assert picture[0].split() == [event["what"] for event in boot.data["events"]]
    titles = ["virtual IF", "real IF", "pending", "handler", "at"]
    for line, title in zip(picture[1:], titles, strict=False):
        assert line.strip().startswith(title)


def test_no_escape_codes_go_to_what_is_no_terminal(boot: Boot) -> None:
    assert "\x1b" not in boot.done.stdout


@pytest.mark.parametrize("name", sorted(GUESTS.keys() - {"checks"}))
def test_each_guest_of_the_kit_is_booted_by_its_name(inv: Inv, name: str) -> None:
    done = inv("boot", "--guest", name, *processors(name))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert f"{name}.elf, multiboot" in done.stdout.splitlines()[2]
    assert "  pass  seed/delivered-exactly-once" in done.stdout


def test_a_rom_that_forgets_what_is_pending_fails_by_name(inv: Inv, copy: Path) -> None:
    replace_line(copy / "rom/backends/bare.s", "jne enable_left", "    nop")
    done = inv.of(copy)("boot", "--json", "out.json", "--timeout", "20")
    data = json.loads((inv.folder / "out.json").read_text())
    failed = {check["id"] for check in data["checks"] if check["verdict"] == "fail"}
    assert done.returncode == 1
    assert data["verdict"] == "fail"
    assert {
        "interrupts/enable-delivers-once",
        "seed/delivered-before-enable-returns",
        "seed/delivered-exactly-once",
        "seed/nothing-pending-afterwards",
    } <= failed
    lines = done.stdout.splitlines()
    for check in failed:
        assert any(line.startswith(f"  fail  {check}") for line in lines)
    assert lines[-1] == f"fail  {len(data['checks'])} checks, {len(failed)} failed"


def test_a_rom_that_refuses_to_start_fails_with_what_the_guest_says(inv: Inv, copy: Path) -> None:
    replace_line(copy / "rom/wedge/init.s", "VMI_Init:", "VMI_Init: movl $2, %eax; ret")
    done = inv.of(copy)("boot")
    assert done.returncode == 1
    assert "  fail  probe/init  got 00000002 want 00000000" in done.stdout.splitlines()
    _, _, trouble = done.stdout.partition("what happened")
    assert "to the debug-exit port" in trouble
    assert "command line: " in trouble


def test_a_rom_that_hangs_fails_with_the_registers(inv: Inv, copy: Path) -> None:
    hang = "DisableInterrupts: jmp DisableInterrupts"
    replace_line(copy / "rom/backends/bare.s", "DisableInterrupts:", hang)
    done = inv.of(copy)("boot", "--timeout", "2")
    assert done.returncode == 1
    assert "  fail  guest/comes-to-ready  The guest was not ready within 2 s." in done.stdout
    _, _, trouble = done.stdout.partition("what happened")
    assert "EIP=" in trouble
    assert "last lines of the debug console:" in trouble
    assert "command line: " in trouble
