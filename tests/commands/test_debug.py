"""`inv debug`: GDB on the ROM with sources, in both modes, and what a script makes of it."""

import re
from pathlib import Path

import pytest

from tests.commands.toys import guest
from tests.commands.verbs import Done, Inv
from tests.machine.toys import EXIT_42, TRIPLE_FAULT


def debug(inv: Inv, script: str, *words: str) -> Done:
    """Debug by a script of GDB commands."""
    (inv.folder / "script.gdb").write_text(script)
    return inv("debug", "--commands", "script.gdb", *words)


@pytest.mark.parametrize(
    ("backend", "guest_name"),
    [("native", "checks"), ("bare", "checks"), ("bare", "paged")],
    ids=["native", "bare", "paged"],
)
def test_it_stops_at_init_and_a_breakpoint_in_the_wedge_is_hit_later(
    inv: Inv, backend: str, guest_name: str
) -> None:
    script = """
info symbol $pc
info line *$pc
print $cs
break EnableInterrupts
continue
info symbol $pc
backtrace 1
list
"""
    done = debug(inv, script, "--backend", backend, "--guest", guest_name)
    assert done.returncode == 0, done.stderr
    assert "VMI_Init in section .rom of" in done.stdout
    assert re.search(r'Line \d+ of "rom/wedge/init.s" starts at address', done.stdout)
    assert "$1 = 8" in done.stdout
    assert re.search(r"^=> 0x[0-9a-f]+ <VMI_Init>:\tpush", done.stdout, re.M)
    place = rf"^{backend}-3\.0\.rom is at 0x[cd][0-9a-f]{{4}}, its RAM block at 0x[89a-e]"
    assert re.search(place, done.stdout, re.M)
    assert re.search(rf"EnableInterrupts \(\) at rom/backends/{backend}\.s:\d+", done.stdout)
    assert "EnableInterrupts in section .wedge of" in done.stdout
    assert re.search(r"^\d+\tEnableInterrupts:$", done.stdout, re.M)


def test_a_checkout_with_spaces_in_its_name_has_its_symbols_and_sources(
    inv: Inv, copy: Path
) -> None:
    done = debug(inv.of(copy), "info symbol $pc\nlist\n", "--at", "ready")
    assert done.returncode == 0, done.stderr
    assert "ready in section .text of" in done.stdout
    assert re.search(r"^\d+\tready:$", done.stdout, re.M)


def test_it_stops_in_the_16_bit_init_in_real_mode(inv: Inv) -> None:
    script = """
print/x $cs & 0xff
print ($cr0 & 1)
info line *$eip
stepi
list *$eip
real
"""
    done = debug(inv, script, "--at", "post")
    assert done.returncode == 0, done.stderr
    assert "$1 = 0x0\n$2 = 0" in done.stdout
    assert re.search(r'Line \d+ of "rom/wedge/post.s" starts at address', done.stdout)
    assert "pushw %ds" in done.stdout
    assert "post_init:" in done.stdout


def test_it_stops_at_ready_with_the_guests_source(inv: Inv) -> None:
    done = debug(inv, "info symbol $pc\nlist *$pc\ninfo symbol EnableInterrupts", "--at", "ready")
    assert done.returncode == 0, done.stderr
    assert "ready in section .text of" in done.stdout
    assert "is at guests/checks/start.s:" in done.stdout
    assert "EnableInterrupts in section .wedge of" in done.stdout


@pytest.mark.parametrize("script", ["quit 3", "no-such-command"])
def test_a_script_that_fails_fails_the_verb(inv: Inv, script: str) -> None:
    assert debug(inv, script).returncode == 1


def test_a_prompt_ends_with_its_input(inv: Inv) -> None:
    done = inv("debug")
    assert done.returncode == 0
    assert "(gdb)" in done.stdout


@pytest.mark.parametrize(
    ("code", "said"),
    [(TRIPLE_FAULT, "The guest triple faulted"), (EXIT_42, "The guest wrote 42")],
    ids=["triple-fault", "exit"],
)
def test_a_guest_that_ends_before_the_stop_is_told(inv: Inv, code: bytes, said: str) -> None:
    done = inv("debug", "--guest", guest(inv.folder, code), "--timeout", "20")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: The guest did not come to init. {said}")
    assert "0xc0880" not in done.stderr
