"""Two 8259s as a PC has them: what they request, what is in service, what an EOI ends.

Edge-triggered, all lines open, fully nested mode, the second one on line 2 of the first (Intel
8259A data sheet, "fully nested mode" and "the cascade mode"). A request stays when its line falls,
as in QEMU; the real chip would answer the acknowledgement with a spurious line 7.
"""

FIRST_VECTOR = 0x20
"""Vector of line 0; line n has this plus n."""

CASCADE = 2
"""The input of the master that the slave is wired to, so no line of its own."""

LINES = tuple(line for line in range(16) if line != CASCADE)

CHIPS = ("master", "slave")


def master_input(line: int) -> int:
    """The input of the master by which a line comes; the smaller one is served first."""
    return line if line < 8 else CASCADE


class Pic:
    """The pair. Lines are 0 to 7 of the master, 8 to 15 of the slave.

    `in_service` holds CASCADE for the bit that the master keeps for the slave.
    """

    def __init__(self) -> None:
        self.up: set[int] = set()
        self.requested: set[int] = set()
        self.in_service: set[int] = set()

    def raise_line(self, line: int) -> None:
        """An edge is a request; a line that is up already makes none."""
        if line not in self.up:
            self.requested.add(line)
        self.up.add(line)

    def lower_line(self, line: int) -> None:
        """The next raise is an edge again."""
        self.up.discard(line)

    def due(self) -> int | None:
        """The line that the pair asks the processor to take, None while it asks for none."""
        found = self._due_at(8, 16)
        inputs = {line for line in self.requested if line < 8}
        if found is not None:
            inputs.add(CASCADE)
        first = min(inputs, default=8)
        if first >= min((line for line in self.in_service if line < 8), default=8):
            return None
        return found if first == CASCADE else first

    def _due_at(self, start: int, end: int) -> int | None:
        first = min((line for line in self.requested if start <= line < end), default=end)
        busy = min((line for line in self.in_service if start <= line < end), default=end)
        return first if first < busy else None

    def acknowledge(self, line: int) -> None:
        """The processor takes a line: it is in service until its EOI."""
        self.requested.remove(line)
        self.in_service.add(line)
        if line >= 8:
            self.in_service.add(CASCADE)

    def eoi(self, chip: str, line: int | None = None) -> int | None:
        """End of interrupt at one chip: of its input `line`, or of its highest in service.

        Answers what was in service until then, None when nothing was.
        """
        base = 8 * CHIPS.index(chip)
        ours = {each for each in self.in_service if base <= each < base + 8}
        if line is not None:
            ours &= {base + line}
        ended = min(ours, default=None)
        self.in_service -= {ended}
        return ended

    def registers(self) -> tuple[int, int]:
        """The in-service registers of master and slave, as a read of them answers."""
        bits = sum(1 << line for line in self.in_service)
        return bits & 0xFF, bits >> 8
