"""The machine code of the real ROM and guest: GNU as agrees, and the fast calls are short."""

from collections.abc import Mapping

import pytest

from guests.build import Guest
from harness.booted import Booted
from rom.assembler import Assembly
from rom.backends import BACKENDS
from rom.image import Image
from rom.lint import check_prefixes, differences, gnu_assembly

PARTS = ["guest", *(f"{name}/{part}" for name in BACKENDS for part in ("head", "wedge"))]


@pytest.fixture(params=PARTS)
def part(request: pytest.FixtureRequest, images: Mapping[str, Image], guest: Guest) -> Assembly:
    """The guest, and the head and the wedge of each backend in turn."""
    name, _, piece = request.param.partition("/")
    if name == "guest":
        return guest.assembly
    return images[name].head if piece == "head" else images[name].wedge.assembly


def test_gnu_as_makes_the_same_code_of_the_same_lines(part: Assembly) -> None:
    check_prefixes(part)
    gnu = gnu_assembly([row.line for row in part.rows], part.base)
    if gnu is None:
        pytest.skip("only the prefixes were checked: GNU as is missing, apt-get install binutils")
    assert differences(part, gnu) == []


def test_without_gnu_as_a_stray_prefix_is_still_found(
    images: Mapping[str, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    wedge = images["native"].wedge.assembly
    assert gnu_assembly([row.line for row in wedge.rows], wedge.base) is None
    row = next(row for row in wedge.rows if row.line.text.strip() == "iretl" and row.bits == 32)
    code = bytearray(wedge.code)
    code[row.address - 1 : row.address + 1] = b"\x90\x66"
    with pytest.raises(Exception, match="'iretl': 66 has an operand of 16 bits, not 32"):
        check_prefixes(Assembly(wedge.base, bytes(code), wedge.labels, wedge.rows))


LONGEST = {
    "DisableInterrupts": 2,
    "GetInterruptMask": 3,
    "EnableInterrupts": 4,
    "SetInterruptMask": 6,
}
"""Instructions of the longest way through, nothing being pending, RET included."""


def listed(image: Image, call: str) -> list[str]:
    """The instructions in the listing from a stub's label to the first RET."""
    wedge = image.listing.split("the wedge, from the start of the RAM block", 1)[1].splitlines()
    start = next(index for index, line in enumerate(wedge) if line.endswith(f"  {call}:"))
    lines = []
    for line in wedge[start + 1 :]:
        # A long instruction goes on in a line that names no source.
        if "rom/" in line:
            lines.append(line)
        if line.split()[-1] == "ret":
            return lines
    raise AssertionError(f"{call} has no RET")


@pytest.mark.parametrize("call", LONGEST)
def test_a_fast_call_is_as_short_in_the_listing_as_promised(
    images: Mapping[str, Image], call: str
) -> None:
    assert len(listed(images["bare"], call)) <= LONGEST[call]


@pytest.mark.parametrize(
    ("call", "eax", "enabled"),
    [
        ("DisableInterrupts", 0, False),
        ("DisableInterrupts", 0, True),
        ("GetInterruptMask", 0, False),
        ("GetInterruptMask", 0, True),
        ("EnableInterrupts", 0, False),
        ("EnableInterrupts", 0, True),
        ("SetInterruptMask", 0, True),
        ("SetInterruptMask", 0x200, False),
        ("SetInterruptMask", 0x200, True),
    ],
)
def test_a_fast_call_executes_no_more_than_promised(
    bare: Booted, call: str, eax: int, enabled: bool
) -> None:
    bare.call("SetInterruptMask", eax=0x200 * enabled)
    bare.prepare(call, eax=eax)
    executed = 1
    while bare.control.step() != bare.label("returned"):
        executed += 1
        assert executed <= LONGEST[call]
