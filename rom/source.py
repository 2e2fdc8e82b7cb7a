"""Lines of assembly text that remember the file they come from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rom.errors import RomError

_LABEL = re.compile(r"\s*([A-Za-z_.$][\w.$]*):")
_STRING_OR_CHARACTER = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\\])\''
_COMMENT = re.compile(rf"({_STRING_OR_CHARACTER})|#.*")
_SEPARATOR = re.compile(rf"{_STRING_OR_CHARACTER}|(;)")


class SourceError(RomError):
    """A source file that cannot be read as text."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of assembly: its text as written, and where it stands."""

    text: str
    file: str
    number: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A line taken apart: `labels` at its start, and the `parts` that `;` separates after them."""

    labels: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The mnemonic or directive of each part, in small letters."""
        return _words(self.parts)


@cache
def _words(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.split(None, 1)[0].lower() for part in parts)


def read_source(path: Path, shown: str) -> tuple[Line, ...]:
    """Read a `.s` file; `shown` is its name in messages, listings and debug information.

    Raises SourceError when the file is missing or is not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(f"{shown}: cannot be read: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{shown}: byte {error.start} is not UTF-8; save it as UTF-8") from error
    return generated(text.split("\n")[: -1 if text.endswith("\n") else None], shown)


def generated(text_lines: Iterable[str], name: str) -> tuple[Line, ...]:
    """Give lines made by a program the name of what made them, numbered from 1."""
    return tuple(Line(text, name, number) for number, text in enumerate(text_lines, start=1))


def strip_comment(text: str) -> str:
    """Drop a `#` comment and the white space before it, leaving `#` in quotes alone."""
    if "#" not in text:
        return text.rstrip()
    return _COMMENT.sub(lambda match: match[1] or "", text).rstrip()


@cache  # the guard, the lint and the listing all ask, of the same lines
def parse(text: str) -> Statement:
    """Take a line apart into labels and parts; the comment is dropped."""
    text = strip_comment(text)
    labels = []
    while ":" in text and (match := _LABEL.match(text)):
        labels.append(match[1])
        text = text[match.end() :]
    text = text.strip()
    return Statement(tuple(labels), _split(text) if text else ())


def _split(text: str) -> tuple[str, ...]:
    if ";" not in text:
        return (text,)
    cuts = [match.start() for match in _SEPARATOR.finditer(text) if match[1]]
    starts, ends = [0, *(cut + 1 for cut in cuts)], [*cuts, len(text)]
    parts = (text[start:end].strip() for start, end in zip(starts, ends, strict=True))
    return tuple(part for part in parts if part)
