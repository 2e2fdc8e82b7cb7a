"""What a guest bound: the calls that it asked the ROM for, and how often it entered each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.errors import HarnessError
from harness.machine.config import LINEAR_BASES
from harness.rom import LocatedRom


class BoundUnknown(HarnessError):
    """Why it is not known what a guest bound."""


@dataclass(frozen=True)
class BoundCall:
    """A call of the ROM, as the guest of one boot used it.

    type: what GetRelocationInfo answers. asked: whether the guest asked for it once VMI_Init had
    succeeded. calls: how often its stub was entered, None where that was not counted. Calls of one
    stub share its count.
    """

    number: int
    name: str
    type: str
    asked: bool
    calls: int | None

    @property
    def bound(self) -> bool:
        """Whether the guest was given a way into the ROM."""
        return self.asked and self.type != "NONE"


def bound_calls(
    rom: LocatedRom,
    read: Callable[[int, int], bytes],
    entries: Mapping[int, int] | None,
) -> list[BoundCall]:
    """All calls of a ROM in their order, from the notes that the ROM keeps in its block.

    rom: at its guest-physical place. read: bytes of guest-physical memory, given an address and a
    length. entries: how often the machine came to each linear address, None: not counted. Raises
    BoundUnknown for a ROM that keeps no notes, one that was never initialised, and one that is
    called elsewhere than where calls are counted.
    """
    manifest = rom.rom.manifest
    place = manifest.get("block", {}).get("asked")
    if place is None or not rom.block:
        raise BoundUnknown("The ROM does not note what it is asked for.")
    if not _field(rom, read, "initialised"):
        raise BoundUnknown("The guest did not initialise the ROM.")
    rows = manifest["calls"]
    asked = read(rom.block + place, len(rows))
    linear = _field(rom, read, "linked_at")
    if entries is not None and linear - rom.block not in LINEAR_BASES:
        text = f"The guest calls the ROM at {linear:#x}, where calls cannot be counted."
        raise BoundUnknown(text)

    def calls(row: Mapping[str, int | None]) -> int | None:
        if entries is None:
            return None
        stub = row[rom.stubs]
        return 0 if stub is None else entries.get(linear + stub, 0)

    return [
        BoundCall(row["number"], row["name"], row["type"], bool(asked[index]), calls(row))
        for index, row in enumerate(rows)
    ]


def _field(rom: LocatedRom, read: Callable[[int, int], bytes], name: str) -> int:
    field = rom.rom.manifest["virtual_cpu"][name]
    return int.from_bytes(read(rom.block + field["offset"], field["size"]), "little")
