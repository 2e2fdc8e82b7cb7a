"""The timeline: one column an event, one row a piece of state."""

from harness.report.log import Event
from harness.report.timeline import timeline

EVENTS = (
    Event("masked", "returned", False, True, (), None, ""),
    Event("arrives", "DisableInterrupts+0x8", False, False, (0x21, 0x20), None, ""),
    Event("delivered", "entry_20", True, True, (0x21,), 0x20, ""),
)

PLAIN = """\
            masked    arrives                delivered
virtual IF  _________________________________-----------
real IF     ----------_______________________-----------
pending     -         0x21 0x20              0x21
handler     -         -                      0x20
at          returned  DisableInterrupts+0x8  entry_20
"""


def test_the_picture_in_plain_characters() -> None:
    assert timeline(EVENTS, blocks=False) == PLAIN.splitlines()


def test_the_picture_with_blocks_is_the_same_but_for_the_flags() -> None:
    low, high = "\N{LOWER ONE EIGHTH BLOCK}", "\N{UPPER ONE EIGHTH BLOCK}"
    lines = PLAIN.splitlines()
    for row, name in ((1, "virtual IF"), (2, "real IF")):
        drawn = lines[row].removeprefix(name).replace("_", low).replace("-", high)
        lines[row] = name + drawn
    assert timeline(EVENTS) == lines


def test_no_events_make_no_picture() -> None:
    assert timeline([]) == []


def test_an_event_is_as_wide_as_its_widest_cell() -> None:
    [event] = EVENTS[:1]
    lines = timeline([event, event], blocks=False)
    assert lines[0] == "            masked    masked"
    assert {len(line) for line in lines[1:3]} == {len("virtual IF  ") + 2 * len("returned  ")}
