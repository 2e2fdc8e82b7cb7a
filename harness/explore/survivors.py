"""The list of mutants that survive, with the reason of each: a Markdown file that people read.

A heading `## BACKEND` begins what is said of one; a paragraph is the reason for the list items that
follow it, each the key of a mutant in backquotes.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from harness.errors import HarnessError

_ITEM = re.compile(r"^- `(.+)`$")


def read_survivors(path: Path, backend: str) -> Mapping[str, str]:
    """The reasons for a backend, by the mutants' keys.

    Raises HarnessError for a file that cannot be read, and for a mutant with no reason or two.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"The list of survivors {path} cannot be read: {error}.") from None
    reasons: dict[str, str] = {}
    paragraph: list[str] = []
    here = ended = False
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            here, paragraph = line == f"## {backend}", []
        elif item := _ITEM.match(line):
            ended = True
            if not here:
                continue
            if not paragraph or item[1] in reasons:
                what = "is there twice" if paragraph else "has no reason before it"
                raise HarnessError(f"{path}:{number}: {item[1]} {what}.")
            reasons[item[1]] = " ".join(paragraph)
        elif line.strip():
            paragraph = [*([] if ended else paragraph), line.strip()]
            ended = False
    return reasons
