"""A guest's serial console as lines that are safe to print on a terminal of ours."""

import codecs
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


_BREAK = re.compile(rf"{_PLACE.pattern}|\r+")
"""What begins a line where none was begun: a terminal would write over the old one."""

_UNFINISHED = re.compile(r"(\x1b(\[[0-9;?]{0,32}|[()])?|\r+)\Z")
"""The start of a sequence whose end may come with the next bytes."""


class LiveText:
    """The same for a console that is read as it grows: bytes in, text to print at once out.

    Blank lines stay, and what is left of a line is not waited for.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._line_begun = False

    def feed(self, data: bytes, final: bool = False) -> str:
        """The text of the next bytes; `final`: no more come, and the last line is ended."""
        text = self._held + self._decoder.decode(data, final)
        self._held = ""
        if not final and (unfinished := _UNFINISHED.search(text)):
            self._held = unfinished[0]
            text = text[: unfinished.start()]
        shown: list[str] = []
        for number, part in enumerate(_BREAK.split(re.sub(r"\r+\n", "\n", text))):
            if number:
                self._end_line(shown)
            if part := _CONTROL.sub("", part):
                shown.append(part)
                self._line_begun = not part.endswith("\n")
        if final:
            self._end_line(shown)
        return "".join(shown)

    def _end_line(self, shown: list[str]) -> None:
        if self._line_begun:
            shown.append("\n")
        self._line_begun = False
