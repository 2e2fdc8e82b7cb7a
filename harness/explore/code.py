"""The ROM's code as a person reads it: for each instruction its label and its line of the listing.

Code that the listing does not have, a guest's or a patched ROM's, is disassembled from memory.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from capstone import CS_ARCH_X86, CS_MODE_32, CS_OPT_SYNTAX_ATT, Cs

from harness.errors import MachineError
from harness.explore.stage import Stage
from harness.rom import Rom

LONGEST = 15
"""Bytes of the longest instruction (Intel SDM vol 2, 2.3.11)."""

_ROW = re.compile(r"^([0-9a-f]{8})  ((?:[0-9a-f]{2} )*[0-9a-f]{2})?(?: +(\S+:\d+))?(?:  (.*))?$")
_LABELS = re.compile(r"^\s*(?:[\w.$]+:\s*)*")
_COMMENT = re.compile(r"\s*#\s*(.*)$")
_FIELD = re.compile(r"virtual_cpu\+(\d+)")
_ADDRESS = re.compile(r"(?<!\$)\b0x([0-9a-f]{4,})\b(?!\()")
_SITE = re.compile(r"site_\d+$")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its text in AT&T syntax, the comment beside it, and its source line."""

    text: str
    comment: str = ""
    source: str = ""


def read_listing(rom: Rom) -> dict[int, Instruction]:
    """The instructions of the ROM's RAM block by their offset there; none without a listing.

    A field of the virtual CPU has its name, as in the source. A line with several instructions is
    taken apart, and each has the text that a disassembler gives it.
    """
    path = rom.path.with_suffix(".lst")
    if not path.exists():
        return {}
    fields = {
        int(where["offset"]): name for name, where in rom.manifest.get("virtual_cpu", {}).items()
    }
    labels = Labels({name: at for name, (part, at) in rom.symbols.items() if part == ".wedge"})
    return {at: found for row in _rows(path) for at, found in _instructions(*row, fields, labels)}


def _rows(path: Path) -> Iterator[tuple[int, bytes, str, str]]:
    """Offset, bytes, source line and text of each line with code; bytes that go on are joined."""
    lines = path.read_text().splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("the wedge")), len(lines))
    row: tuple[int, bytes, str, str] | None = None
    for line in lines[start:]:
        found = _ROW.match(line)
        if found is None or found[2] is None:
            continue
        code = bytes.fromhex(found[2])
        if found[3] is None and row is not None:
            row = (row[0], row[1] + code, *row[2:])
            continue
        if row is not None:
            yield row
        row = (int(found[1], 16), code, found[3] or "", found[4] or "")
    if row is not None:
        yield row


def _instructions(
    offset: int,
    code: bytes,
    source: str,
    text: str,
    fields: Mapping[int, str],
    labels: "Labels",
) -> Iterator[tuple[int, Instruction]]:
    comment = _COMMENT.search(text)
    said = comment[1] if comment else ""
    text = _LABELS.sub("", _COMMENT.sub("", text), count=1)
    text = " ".join(_FIELD.sub(lambda at: _field(int(at[1]), fields), text).split())
    decoded = list(_decode(code, offset))
    if len(decoded) == 1 and not text.startswith("."):
        yield offset, Instruction(text, said, source)
        return
    for at, disassembled in decoded:
        yield at, Instruction(labels.in_text(disassembled), said, source)


def _field(offset: int, fields: Mapping[int, str]) -> str:
    """A place in the virtual CPU by the field that it is in, or one byte before."""
    if offset in fields:
        return fields[offset]
    if offset + 1 in fields:
        return f"{fields[offset + 1]}-1"
    return f"virtual_cpu+{offset}"


def _decode(code: bytes, address: int) -> Iterator[tuple[int, str]]:
    for at, _, mnemonic, operands in _decoder().disasm_lite(code, address):
        yield at, f"{mnemonic} {operands}".strip()


@cache
def _decoder() -> Cs:
    decoder = Cs(CS_ARCH_X86, CS_MODE_32)
    decoder.syntax = CS_OPT_SYNTAX_ATT
    return decoder


class Labels:
    """The label nearest before an address, of the names that are given with their addresses."""

    def __init__(self, names: Mapping[str, int]) -> None:
        self._names = sorted((address, name) for name, address in names.items())

    def nearest(self, address: int) -> tuple[str, int]:
        """The label, and the distance from it; no label and the address when none is before."""
        index = bisect_right(self._names, (address, "\uffff"))
        if not index:
            return "", address
        at, name = self._names[index - 1]
        return name, address - at

    def in_text(self, text: str) -> str:
        """A disassembled instruction with names for the addresses that have one."""

        def named(found: re.Match[str]) -> str:
            label, distance = self.nearest(int(found[1], 16))
            return label if label and not distance else found[0]

        return _ADDRESS.sub(named, text)


class Code:
    """The code in a stage's machine."""

    def __init__(self, stage: Stage, listing: Mapping[int, Instruction]) -> None:
        self._stage = stage
        self._listing = listing
        labels = stage.booted.guest.labels
        # Where the guest calls is of interest to those alone who patch its call sites.
        self._labels = Labels({name: at for name, at in labels.items() if not _SITE.match(name)})
        self._end = max(labels.values(), default=0)
        self._known: dict[int, Instruction] = {}

    def of_rom(self, address: int) -> bool:
        """Whether an address is in the ROM's RAM block."""
        rom = self._stage.booted.rom
        return rom.block <= address < rom.block + int(rom.rom.manifest["block"]["size"])

    def place(self, address: int) -> str:
        """An address as `label+offset`, of the ROM or the guest; else in hexadecimal."""
        if self.of_rom(address):
            return self._stage.view.place_of(address)
        label, distance = self._labels.nearest(address)
        if not label or address > self._end:
            return f"{address:#x}"
        return f"{label}+{distance:#x}" if distance else label

    def at(self, address: int) -> Instruction:
        """The instruction at an address."""
        if address not in self._known:
            offset = address - self._stage.booted.rom.block
            listed = self._listing.get(offset)
            unchanged = listed is not None and not self._stage.is_patched(offset, LONGEST)
            self._known[address] = listed if listed and unchanged else self._read(address)
        return self._known[address]

    def _read(self, address: int) -> Instruction:
        try:
            code = self._stage.booted.control.read(address, LONGEST)
        except MachineError:
            return Instruction("(no memory)")
        text = next((text for _, text in _decode(code, address)), "(no instruction)")
        stub = _ADDRESS.search(text)
        if stub and self.of_rom(int(stub[1], 16)):
            return Instruction(text.replace(stub[0], self.place(int(stub[1], 16))))
        return Instruction(self._labels.in_text(text))
