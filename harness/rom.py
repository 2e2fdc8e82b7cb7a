"""A ROM as the harness knows it: its image, manifest and symbols, and where a boot put it."""

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from harness.errors import HarnessError
from harness.machine.control import Control

T = TypeVar("T")

MANIFEST = frozenset(
    {"backend", "block", "build_id", "calls", "generation", "lazy", "post", "virtual_cpu"}
)
"""What a manifest has at least."""

OPTION_ROM_AREA = range(0xC0000, 0xE0000, 2048)
"""Where a guest looks for the ROM: it may start at each step (VMI ABI, section 1)."""

_CHECKSUM_OFFSET = 7
_FIXED_HEADER = 0x80


@dataclass(frozen=True)
class Rom:
    """The files of a ROM. `symbols` maps a label to its section and its offset there.

    A ROM of another kit may have no manifest and no symbols; then both are empty.
    """

    path: Path
    content: bytes
    manifest: Mapping[str, Any]
    symbols: Mapping[str, tuple[str, int]]

    @property
    def symbol_file(self) -> Path:
        """The ELF object for a debugger."""
        return self.path.with_suffix(".elf")


def load_rom(path: Path) -> Rom:
    """Read `NAME.rom`, and `NAME.json` and `NAME.elf` where they stand beside it.

    Raises HarnessError for a file that cannot be read, and for an image that is no option ROM.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise HarnessError(f"The ROM {path} cannot be read: {error.strerror}.") from error
    if content[:2] != b"\x55\xaa":
        raise HarnessError(
            f"{path} is no option ROM: it starts with {content[:2].hex(' ')} and not with 55 aa."
        )
    manifest, symbols = path.with_suffix(".json"), path.with_suffix(".elf")
    return Rom(
        path,
        content,
        _beside(manifest, _read_manifest) if manifest.exists() else {},
        _beside(symbols, read_symbols) if symbols.exists() else {},
    )


def _beside(path: Path, read: Callable[[Path], Mapping[str, T]]) -> Mapping[str, T]:
    """What a file beside an image holds."""
    try:
        return read(path)
    except (OSError, ValueError, LookupError, TypeError, ELFError, ConstructError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error) or "it is cut short"
        raise HarnessError(
            f"{path} cannot be read: {reason}; build the ROM again, or remove the file."
        ) from error


def _read_manifest(path: Path) -> Mapping[str, Any]:
    manifest = json.loads(path.read_text())
    if not isinstance(manifest, dict) or not manifest.keys() >= MANIFEST:
        raise ValueError("it is no manifest of a ROM of this kit")
    return manifest


def read_symbols(path: Path) -> dict[str, tuple[str, int]]:
    """The labels of an ELF file: section name and `st_value` (an offset in an object file)."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection):
            return {}
        return {
            symbol.name: (elf.get_section(symbol["st_shndx"]).name, symbol["st_value"])
            for symbol in table.iter_symbols()
            if symbol.name and isinstance(symbol["st_shndx"], int)
        }


@dataclass(frozen=True)
class LocatedRom:
    """A ROM in a machine: `base` of the image and `block` of its RAM, as addresses to use there.

    `block` is 0 for a ROM that keeps no RAM block, or got none; it is the first processor's. The
    addresses are guest-physical ones, plus the guest's offset once `seen_at` was told it.
    `processors` is how many the ROM found: with more than one, guests are given other stubs;
    `blocks` is how many of them have a block.
    `first` is the first processor's block where `block` is another's: it has the stubs of all.
    """

    rom: Rom
    base: int
    block: int
    processors: int = 1
    blocks: int = 1
    first: int = 0

    def seen_at(self, base: int) -> "LocatedRom":
        """The same ROM at the linear address at which its guest found the image."""
        block, first = (place and place + base - self.base for place in (self.block, self.first))
        return replace(self, base=base, block=block, first=first)

    def of_processor(self, index: int) -> "LocatedRom":
        """The same ROM with the block of another processor, numbered as they came to the ROM.

        A ROM that leaves all state in the machine has one block for all. Raises HarnessError for a
        processor that has none.
        """
        if not self.rom.manifest["lazy"]:
            return self
        if not 0 <= index < self.blocks:
            raise HarnessError(f"{self.rom.path} has {self.blocks} blocks; there is no {index}.")
        first = self.first or self.block
        block = first + index * int(self.rom.manifest["block"]["size"])
        return replace(self, block=block, first=first)

    @property
    def sections(self) -> dict[str, int]:
        """Where a debugger should put the symbol file's sections."""
        return {".rom": self.base, ".wedge": self.block} if self.block else {".rom": self.base}

    def symbol(self, name: str) -> int:
        """The address of a label. Raises HarnessError for one that the ROM does not have."""
        if name not in self.rom.symbols:
            raise HarnessError(f"{self.rom.path} has no symbol {name!r}; see its listing.")
        section, offset = self.rom.symbols[name]
        return self.sections[section] + offset

    @property
    def stubs(self) -> str:
        """Which entry of a call's row in the manifest says where its stub is."""
        return "offset" if self.processors == 1 else "smp_offset"

    def stub(self, call: str) -> int:
        """The address of a call's stub. Raises HarnessError when the ROM does not provide it."""
        for row in self.rom.manifest["calls"]:
            if row["name"] == call and row["offset"] is not None:
                return (self.first or self.block) + int(row[self.stubs])
        raise HarnessError(f"{self.rom.path} does not provide the call {call}.")

    def place(self, address: int) -> str:
        """An address as `label+offset`, or in hexadecimal when it is not in the ROM."""
        index = bisect_right(self._labels, address, key=itemgetter(0))
        start, name = self._labels[index - 1] if index else (-1, "")
        inside = self.base <= address < self.base + len(self.rom.content) or (
            self.block and self.block <= address < self.block + self.rom.manifest["block"]["size"]
        )
        if not inside or not name:
            return f"{address:#x}"
        return name if start == address else f"{name}+{address - start:#x}"

    @cached_property
    def _labels(self) -> list[tuple[int, str]]:
        """Addresses of labels, in order, each with the last of the labels that it has."""
        sections = self.sections
        found = {
            sections[section] + offset: name
            for name, (section, offset) in self.rom.symbols.items()
            if section in sections
        }
        return sorted(found.items())

    def field(self, control: Control, name: str) -> int:
        """A field of the virtual CPU, unsigned. Raises HarnessError for one it does not have."""
        fields = self.rom.manifest.get("virtual_cpu", {})
        if name not in fields or not self.block:
            raise HarnessError(f"{self.rom.path} has no virtual CPU field {name!r} in RAM.")
        where = fields[name]
        data = control.read(self.block + where["offset"], where["size"])
        return int.from_bytes(data, "little")


def locate_rom(rom: Rom, read: Callable[[int, int], bytes]) -> LocatedRom | None:
    """Find the image in a machine that is past POST; None when no BIOS put it there.

    `read` answers bytes of guest-physical memory, given an address and a length. The header tells
    the image from other ROMs, all but the checksum, which POST code may mend.
    """
    header = _without_checksum(rom.content[:_FIXED_HEADER])
    for base in OPTION_ROM_AREA:
        if read(base, 2) != b"\x55\xaa":
            continue
        if _without_checksum(read(base, _FIXED_HEADER)) == header:
            post = rom.manifest.get("post")
            if not post:
                return LocatedRom(rom, base, 0)
            block, processors, blocks = (
                int.from_bytes(read(base + post[name], 4), "little")
                for name in ("block_physical", "processors", "blocks")
            )
            return LocatedRom(rom, base, block, max(processors, 1), blocks)
    return None


def _without_checksum(header: bytes) -> bytes:
    return header[:_CHECKSUM_OFFSET] + header[_CHECKSUM_OFFSET + 1 :]
