"""The assembly this kit accepts: what keystone and GNU as both take, and take alike.

keystone drops some directives without a word, and crashes or never returns on others. Each of
those is refused here, before keystone sees it, with a sentence that says what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache

from rom.errors import RomError
from rom.source import Line, Statement

RESERVED = "W__"
"""Prefix of the labels that the assembler adds; no source may use it."""

DATA_WIDTH = {
    ".byte": 1,
    ".word": 2,
    ".short": 2,
    ".2byte": 2,
    ".int": 4,
    ".long": 4,
    ".4byte": 4,
    ".quad": 8,
}
STRINGS = frozenset({".ascii", ".asciz", ".string"})
SPACES = frozenset({".space", ".skip", ".zero", ".fill"})
ALIGNMENTS = frozenset({".align", ".balign", ".p2align"})
SYMBOLS = frozenset({".set", ".equ"})
SILENT = frozenset({".globl", ".global", ".type", ".size", ".code16", ".code32"})
DIRECTIVES = (
    frozenset(DATA_WIDTH) | STRINGS | SPACES | ALIGNMENTS | SYMBOLS | SILENT | frozenset({".org"})
)

_FAR = "emit it: '.byte 0xea' (or 0x9a for a call), '.long OFFSET', '.word SELECTOR'"
_ONE_SECTION = "there is one section; compose the parts in Python"
_IN_PYTHON = "generate the lines in Python"
_INSTEAD = {
    ".text": _ONE_SECTION,
    ".data": _ONE_SECTION,
    ".bss": _ONE_SECTION,
    ".section": _ONE_SECTION,
    ".include": "read the file with read_source and add its lines",
    ".error": "check it in Python",
    ".warning": "check it in Python",
    ".local": "leave it out, labels are seen in this source only",
    ".weak": "leave it out, labels are seen in this source only",
    ".loc": "leave it out, line numbers are recorded for each line",
    ".file": "leave it out, file names are recorded for each line",
    ".hword": "write '.word'",
    ".macro": _IN_PYTHON,
    ".rept": _IN_PYTHON,
    ".irp": _IN_PYTHON,
    ".if": _IN_PYTHON,
    ".att_syntax": "leave it out, AT&T syntax is the only one",
    ".intel_syntax": "write AT&T syntax",
    ".code16gcc": "write '.code16'",
    "ljmp": _FAR,
    "ljmpl": _FAR,
    "ljmpw": _FAR,
    "lcall": _FAR,
    "lcalll": _FAR,
    "lcallw": _FAR,
    "data32": "write the operand size as a suffix, or '.byte 0x66'",
    "data16": "write the operand size as a suffix, or '.byte 0x66'",
    "addr32": "write a 32-bit register, or '.byte 0x67'",
    "addr16": "write a 16-bit register, or '.byte 0x67'",
}
_SHAPE = re.compile(r"[A-Za-z.][\w.]*(?:\s|$)")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\\])\'')
_DECIMAL = re.compile(rf"{_QUOTED.pattern}|(?<![\w.])(?<!\w\$)([1-9]\d+)(?!\w)")
_NUMERIC_LABEL = re.compile(r"\s*\d+:")
_NUMERIC_TARGET = re.compile(r"[\s,$(*+-]\d+[bf](?:$|[\s,()+-])")
_TOKEN = re.compile(r"%?[A-Za-z_.][\w.$]*|[-+(),]")
_NAME = re.compile(r"(?<![\w.$%])[A-Za-z_.$][\w.$]*")


class AssemblyError(RomError):
    """A line that cannot be assembled: `file`, `number`, its `text`, and the `reason`."""

    def __init__(self, line: Line, reason: str):
        """Name the line; the message reads `FILE:NUMBER: 'TEXT': REASON`."""
        self.file, self.number = line.file, line.number
        self.text, self.reason = line.text.strip(), reason
        super().__init__(f"{self.file}:{self.number}: {self.text!r}: {reason}")


@cache
def in_hexadecimal(part: str) -> str:
    """The same statement part with its decimal numbers of two digits and more in hexadecimal.

    What is quoted stays; so do numbers that start with 0, which are octal to all.
    """
    return _DECIMAL.sub(lambda found: hex(int(found[1])) if found[1] else found[0], part)


def names_in(text: str) -> list[str]:
    """Symbols that the operands of one statement part name, registers and quotes left out."""
    operands = _QUOTED.sub(" ", text.partition(" ")[2].replace("\t", " "))
    return [name for name in _NAME.findall(operands.replace("$", " ")) if name != "."]


def check(lines: Sequence[Line], statements: Sequence[Statement]) -> None:
    """Refuse what keystone mistreats and what GNU as would take otherwise.

    Raises AssemblyError for such a line, and for a label defined twice.
    """
    places: dict[str, Line] = {}
    constants: set[str] = set()
    for line, statement in zip(lines, statements, strict=True):
        for label in statement.labels:
            if label.startswith(RESERVED):
                raise AssemblyError(line, f"labels that start with {RESERVED} are the assembler's")
            if label in places:
                first = places[label]
                raise AssemblyError(
                    line, f"label {label} is already defined at {first.file}:{first.number}"
                )
            places[label] = line
        for part in statement.parts:
            reason = _refusal(part, constants)
            if reason:
                raise AssemblyError(line, reason)
    for line, statement in zip(lines, statements, strict=True):
        for part in statement.parts:
            if "-" in part and _negates_a_label(part, places):
                # keystone would take the distance from the field itself, without a word.
                raise AssemblyError(line, "a label is subtracted from what is no address")


def _negates_a_label(part: str, labels: Collection[str]) -> bool:
    """Whether an operand subtracts more labels than it adds."""
    if part.split(None, 1)[0].lower() in SYMBOLS:
        return False
    outer, sign, totals = [1], 1, [0]
    operands = _QUOTED.sub(" ", part).partition(" ")[2].replace("$", " ")
    for token in _TOKEN.findall(operands):
        if token == "(":
            outer.append(sign)
        elif token == ")":
            sign = outer.pop() if len(outer) > 1 else 1
        elif token == "," and len(outer) == 1:
            sign = 1
            totals.append(0)
        elif token in "+-":
            sign = outer[-1] if token == "+" else -outer[-1]
        elif token == "." or token in labels:
            totals[-1] += sign
    return min(totals) < 0


def _refusal(part: str, constants: set[str]) -> str:
    """Why `part` is refused, or ''; adds to `constants` what a `.set` makes one."""
    reason = _shape_refusal(part)
    if reason or not part.startswith("."):
        return reason
    word, _, operands = part.replace("\t", " ").partition(" ")
    return _directive_refusal(word.lower(), operands, part, constants)


@cache  # the same instructions come again and again
def _shape_refusal(part: str) -> str:
    """Why `part` is refused whatever stands before it, or ''."""
    bare = _QUOTED.sub(" ", part) if '"' in part or "'" in part else part
    if '"' in bare:
        return "the string has no closing quote"
    if "//" in bare or "/*" in bare:
        return "only # starts a comment"
    if _NUMERIC_LABEL.match(bare) or _NUMERIC_TARGET.search(bare):
        return "numeric labels are not supported; give the label a name"
    if ":" in bare and bare.split(":")[0].strip().isidentifier():
        return "a label stands at the start of a line; put it on a line of its own"
    if not _SHAPE.match(part):
        return "this is neither a label, a directive nor an instruction"
    word, _, operands = part.replace("\t", " ").partition(" ")
    word = word.lower()
    if word in _INSTEAD:
        return f"{word} is not supported; {_INSTEAD[word]}"
    if word == "jmpl" and "*" not in operands:
        return "jmpl to a label is not supported; write 'jmp'"
    return ""


def _directive_refusal(word: str, operands: str, part: str, constants: set[str]) -> str:
    if word not in DIRECTIVES:
        return f"directive {word} is not supported; there are {', '.join(sorted(DIRECTIVES))}"
    if word in SYMBOLS:
        name, comma, value = operands.partition(",")
        if not comma:
            return f"{word} needs a name and a value: '{word} NAME, VALUE'"
        if constants.issuperset(names_in(f"{word} {value}")) and ".-" not in value:
            constants.add(name.strip())
    elif word in SPACES or word in ALIGNMENTS:
        unknown = [name for name in names_in(part) if name not in constants]
        if unknown or "." in operands:
            return (
                f"the size after {word} must be a constant set above, not a difference of labels; "
                "use .org LABEL+SIZE"
            )
    return ""
