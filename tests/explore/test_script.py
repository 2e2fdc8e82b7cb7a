"""Scripts: what is printed is read back, and what makes no sense is refused by its line."""

from collections.abc import Callable

import pytest

from harness.booted import Booted
from harness.explore.beside import Beside, play
from harness.explore.script import Event, Script, ScriptError, parse

TEXT = """\
events bare 0123abcd
raise 5
lower 5
nmi
call SetInterruptMask 0x200
eoi slave 1
eoi master
gate 5 trap
gate 5 none
fault
switch
int 0x80
iret
resume off
user
sysexit
sysenter
"""


def test_a_script_is_printed_as_it_was_read() -> None:
    assert str(parse(TEXT)) == TEXT


def test_comments_and_empty_lines_say_nothing() -> None:
    read = parse("\n# why\nevents native 12  # the build\n\n  raise 0x5 # a line\n")
    assert read == Script("native", "12", (Event("raise", ("0x5",)),))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("jump 5", "no event is called 'jump'"),
        ("raise", "'raise' is not raise N"),
        ("raise five", "'raise five' is not raise N"),
        ("raise -1", "'raise -1' is not raise N"),
        ("eoi third", "'eoi third' is not eoi master or"),
        ("gate 5 task", "'gate 5 task' is not gate N interrupt or gate N trap"),
        ("nmi twice", "'nmi twice' is not nmi"),
    ],
)
def test_a_line_that_is_no_event_is_named(line: str, told: str) -> None:
    with pytest.raises(ScriptError, match=f"^Line 3: {told}"):
        parse(f"events bare 12\nraise 5\n{line}\n")


@pytest.mark.parametrize("text", ["", "raise 5\n", "events bare\n"])
def test_a_text_without_its_first_line_is_no_script(text: str) -> None:
    with pytest.raises(ScriptError, match="begins with a line `events BACKEND BUILD`"):
        parse(text)


def test_a_difference_prints_as_a_script_that_shows_it_again(
    booted: Booted, machine_again: Callable[[], Booted]
) -> None:
    both = Beside(booted)
    assert both.happen(Event("raise", ("5",))) is None
    both.model.delivered.append(0x99)  # as if the ROM had lost one
    found = both.happen(Event("call", ("EnableInterrupts",)))
    assert found is not None
    assert "delivered: (153, 37) by the model, (37,) by the ROM" in str(found)
    text = str(found).partition("The events:\n")[2]
    assert parse(text) == found.script
    assert play(machine_again(), parse(text).events) is None
