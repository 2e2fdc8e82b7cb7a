"""A guest's serial console as lines that are safe to print on a terminal of ours."""

import re

_PLACE = re.compile(r"\x1b\[[0-9;]*[Hf]")
"""Cursor placements; a guest that paints a screen has no other ends of lines."""

_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][0-9A-Za-z]|\x1b.|[^\n\t\x20-\x7e\xa0-\uffff]"
)
"""Escape sequences and control characters (ECMA-48, 5.4)."""


def readable(text: str) -> list[str]:
    """The lines of a console without control sequences, and without those that are blank."""
    placed = _PLACE.sub("\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = (line.rstrip() for line in _CONTROL.sub("", placed).split("\n"))
    return [line for line in lines if line]
