"""SeaBIOS's log of a boot, as it comes from the port 0x402: what its lines mean for a ROM.

SeaBIOS as distributions build it logs at level 1. It then says nothing of a ROM without a signature
or of size 0, and nothing of a good one but that it runs.
"""

import re
from collections.abc import Callable

from harness.doctor.check import Said
from harness.machine.console import readable

POST_OVER = "enter handle_19"
"""In the line that SeaBIOS writes when it begins to boot: option ROMs have been run by then."""

ROMS_DONE = "Space available for UMB"
"""In the line that SeaBIOS writes when no further option ROM will be run."""

_VERSION = re.compile(r"^SeaBIOS \(version (\S+)\)", re.M)
_RUN = re.compile(r"^Running option rom at ([0-9a-f]{4}):([0-9a-f]{4})$", re.M)
_BAD_SUM = re.compile(
    r"^Found option rom with bad checksum: loc=0x([0-9a-f]+) len=(\d+) sum=([0-9a-f]+)$", re.M
)
_NO_ROOM = re.compile(r"^WARNING - Unable to allocate resource at (\w+:\d+)!$", re.M)
_FREE = re.compile(r"^Space available for UMB: ([0-9a-f]+)-([0-9a-f]+)", re.M)
_PMM = {"0": "allocate memory", "1": "find a block", "2": "free a block"}

Match = re.Match[str]
_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[Match, int | None], str]], ...] = (
    (_VERSION, lambda found, base: "The BIOS that ran."),
    (
        re.compile(r"^Scan for option roms$"),
        lambda found, base: "From here on option ROMs are copied, checked and run.",
    ),
    (_RUN, lambda found, base: _ran(found, base)),
    (_BAD_SUM, lambda found, base: "It is not run, and what was copied is overwritten."),
    (_NO_ROOM, lambda found, base: _no_room(found)),
    (
        re.compile(r"^WARNING! Found unaligned PCI rom"),
        lambda found, base: "A PCI data structure is not at a multiple of 4.",
    ),
    (
        re.compile(r"^pmm call arg1=([0-2])$"),
        lambda found, base: f"The ROM asks the POST Memory Manager to {_PMM[found[1]]}.",
    ),
    (
        re.compile(r'^PnP optionrom ".*" .*captured int19'),
        lambda found, base: "The ROM took over the boot, and SeaBIOS took it back.",
    ),
    (
        _FREE,
        lambda found, base: f"ROMs end at {found[1].upper()}; to {found[2].upper()} is free.",
    ),
    (
        re.compile(rf"^{POST_OVER}"),
        lambda found, base: "POST is over; the ROM area is write-protected from here on.",
    ),
)


def said(log: str, base: int | None) -> tuple[Said, ...]:
    """The lines that tell of option ROMs, each once, with their meaning.

    base: where the ROM was found, or None.
    """
    found = []
    for line in readable(log):
        for pattern, meaning in _MEANINGS:
            if match := pattern.match(line):
                found.append(Said(line, meaning(match, base)))
                break
    return tuple(dict.fromkeys(found))


def version(log: str) -> str:
    """SeaBIOS's version; "" when the log is of no SeaBIOS."""
    found = _VERSION.search(log)
    return found[1] if found else ""


def runs(log: str) -> list[tuple[int, int]]:
    """The segment and offset of each entry into an option ROM, in their order."""
    return [(int(segment, 16), int(offset, 16)) for segment, offset in _RUN.findall(log)]


def bad_sums(log: str) -> list[tuple[int, int, int]]:
    """Address, size in bytes and sum of each ROM that was refused for its checksum."""
    return [
        (int(place, 16), int(size), int(total, 16)) for place, size, total in _BAD_SUM.findall(log)
    ]


def refused_for_room(log: str) -> str:
    """The function of SeaBIOS that found no room for an option ROM; "" when all had room."""
    found = next((place for place in _NO_ROOM.findall(log) if "rom" in place), "")
    return str(found)


def free_memory(log: str) -> tuple[int, int] | None:
    """What is free behind the option ROMs: from, and to where SeaBIOS's own memory begins."""
    found = _FREE.search(log)
    return (int(found[1], 16), int(found[2], 16)) if found else None


def _ran(found: Match, base: int | None) -> str:
    place = int(found[1], 16) << 4
    if place == base:
        what = "this ROM's 16-bit init" if found[2] == "0003" else "a boot entry of this ROM"
        return f"SeaBIOS calls {what}."
    return "SeaBIOS calls another ROM, one that QEMU brings along."


def _no_room(found: Match) -> str:
    if "rom" in found[1]:
        return "There is no room for an option ROM; it is left out."
    return "SeaBIOS ran out of memory, not for an option ROM."
