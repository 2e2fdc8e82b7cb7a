"""What a state means: the virtual CPU in it, and the places of the ROM's code."""

from collections.abc import Iterator
from itertools import pairwise

from capstone import CS_ARCH_X86, CS_MODE_32, Cs

from harness.booted import IF
from harness.explore.state import CPU, State
from harness.rom import LocatedRom
from rom.wedge.source import PAGE
from rom.wedge.virtual_cpu import LEFT


class View:
    """A ROM's view of states: its virtual CPU, its closed code, its labels."""

    def __init__(self, rom: LocatedRom) -> None:
        self._rom = rom
        self._places: dict[int, str] = {}
        self.lazy = bool(rom.rom.manifest["lazy"])

    def place_of(self, address: int) -> str:
        """An address as `label+offset`, or in hexadecimal outside of the ROM."""
        if address not in self._places:
            self._places[address] = self._rom.place(address)
        return self._places[address]

    def instructions(self, block: bytes) -> frozenset[int]:
        """The addresses of all instructions in the RAM block, from its bytes."""
        return frozenset(self._instructions(block))

    def _instructions(self, block: bytes) -> Iterator[int]:
        labels = {at for section, at in self._rom.rom.symbols.values() if section == ".wedge"}
        marks = sorted({at for at in labels if PAGE <= at < len(block)} | {len(block)})
        decoder = Cs(CS_ARCH_X86, CS_MODE_32)
        for first, last in pairwise(marks):
            for address, *_ in decoder.disasm_lite(block[first:last], self._rom.block + first):
                yield address

    def virtual_if(self, at: State) -> bool:
        """The IF that the guest has in a state; user code's is the real one.

        With LEFT in `pending`, the kernel whose real IF is off came by SYSENTER: it is masked.
        """
        real = bool(at["eflags"] & IF)
        if not self.lazy or at["cs"] & 3:
            return real
        if self.field(at, "pending") & LEFT and not real and not self.closed(at["eip"]):
            return False
        return self.field(at, "virtual_if") != 0

    def closed(self, address: int) -> bool:
        """Whether an address is in the ROM's closed code, which runs with the real IF off."""
        rom = self._rom
        closed = rom.rom.manifest["block"]["closed"]
        return bool(closed) and closed[0] <= address - rom.block < closed[1]

    def field(self, at: State, name: str) -> int:
        """A field of the virtual CPU in a state."""
        where = self._rom.rom.manifest["virtual_cpu"][name]
        data = at.memory[CPU][where["offset"] : where["offset"] + where["size"]]
        return int.from_bytes(data, "little")

    def recorded(self, at: State) -> list[int]:
        """Vectors that the ROM has accepted and not delivered, in the order of arrival."""
        if not self.lazy:
            return []
        fields = self._rom.rom.manifest["virtual_cpu"]
        count = min(self.field(at, "pending") & 0xFF, fields["arrival_line"]["size"])
        first, second = (fields[f"arrival_{name}"]["offset"] for name in ("vector", "line"))
        data = at.memory[CPU]
        return [data[first + i] for i in range(count) if data[second + i] == 0xFF]
