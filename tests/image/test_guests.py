"""The kit's guests as they lie in memory."""

import re

import pytest

from guests.build import GUESTS, WORKLOADS, build_guest
from rom.assembler import Row
from rom.source import parse

PAGE = 4096
STORE = re.compile(
    r"(?:mov|add|sub|adc|sbb|and|or|xor|inc|dec|not|neg|xchg|pop|set[a-z]+?)[bwl]?\s+"
    r"(?:.*,\s*)?([a-z_]\w*)(?:[+-]\w+)*(?:\(.*\))?"
)
"""An instruction that stores to memory at a label."""


def pages_of_code(rows: tuple[Row, ...]) -> set[int]:
    found = set()
    for row in rows:
        if any(not word.startswith(".") for word in parse(row.line.text).words):
            found |= set(range(row.address // PAGE, (row.address + row.size - 1) // PAGE + 1))
    return found


@pytest.mark.parametrize("name", sorted({*GUESTS, *WORKLOADS}))
def test_a_guest_stores_to_no_page_that_holds_its_code(name: str) -> None:
    guest = build_guest(name)
    code = pages_of_code(guest.assembly.rows)
    stored = {label for label in guest.labels if label.endswith("_stack")}
    for row in guest.assembly.rows:
        for part in parse(row.line.text).parts:
            if (found := STORE.fullmatch(part.strip())) and found[1] in guest.labels:
                stored.add(found[1])
    assert len(stored) > 5
    among_code = {label for label in stored if guest.labels[label] // PAGE in code}
    assert among_code == set(), "begin the data of its file with .data"
