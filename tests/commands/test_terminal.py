"""What a verb shows on a terminal, and to a reader that goes away."""

import re
import subprocess

from tests.commands.toys import exit_with, guest
from tests.commands.verbs import LIMIT, Inv

GREEN_PASS = re.compile(r"\x1b\[[0-9;]*32m(pass) +\x1b\[0m")


def test_a_terminal_gets_colours_and_progress(inv: Inv) -> None:
    with inv.started("boot", "--guest", guest(inv.folder, exit_with(0))) as verb:
        assert verb.status() == 0
    assert GREEN_PASS.search(verb.said)
    assert "booting toy" in verb.said


def test_no_color_leaves_the_colours_out(inv: Inv) -> None:
    with inv.started("boot", "--guest", guest(inv.folder, exit_with(0)), NO_COLOR="1") as verb:
        assert verb.status() == 0
    assert "pass" in verb.said
    assert not re.search(r"\x1b\[[0-9;]*3[0-7][;m]", verb.said)


def test_a_reader_that_goes_away_gets_no_complaint(inv: Inv) -> None:
    with subprocess.Popen(
        inv.command("build", "--out", "out"),
        cwd=inv.folder,
        env=inv.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as verb:
        assert verb.stdout is not None
        verb.stdout.close()
        assert verb.stderr is not None
        assert verb.stderr.read() == b""
        verb.wait(LIMIT)
