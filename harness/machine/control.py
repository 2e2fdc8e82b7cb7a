"""What the wire and the debugger have in common: registers, memory, and where to stop."""

from typing import Protocol

REGISTERS = (
    *("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags"),
    *("cs", "ss", "ds", "es", "fs", "gs"),
)
"""The registers of i386 in the order of GDB's remote protocol."""


class Control(Protocol):
    """Controls a machine from outside. Addresses are the guest's linear ones, in bytes.

    Everything but `interrupt` wants the machine stopped, and raises MachineError while it runs.
    """

    def registers(self) -> dict[str, int]:
        """All of REGISTERS by name, unsigned; a segment register gives its selector."""

    def set_registers(self, **values: int) -> None:
        """Write the registers named, and no others."""

    def read(self, address: int, length: int) -> bytes:
        """Read memory through the page tables; raises MachineError where nothing is mapped."""

    def write(self, address: int, data: bytes) -> None:
        """Write memory through the page tables, write-protected ROM included."""

    def linear_eip(self) -> int:
        """The linear address of the next instruction: CS base plus EIP."""

    def run_to(self, *addresses: int, timeout: float = 10.0) -> int:
        """Continue until the next instruction is at one of the addresses; returns which.

        A machine that already is at one of them first executes that instruction, with interrupts
        held off. Raises WaitTimeout after `timeout` seconds, saying where it is, and MachineError
        when the machine stops elsewhere by itself; it is left stopped either way.
        """

    def step(self, interrupts: bool = False) -> int:
        """Execute one instruction and return EIP; a HLT that nothing ends raises WaitTimeout.

        Interrupts are held off unless `interrupts`. With it, a pending one may show as a stop at
        the old EIP first and at the handler's first instruction with the next step.
        """

    def cont(self) -> None:
        """Let the machine run, and return at once."""

    def interrupt(self) -> int:
        """Stop the machine, if it runs, and return EIP."""

    def flush(self) -> None:
        """The machine's state was changed from elsewhere: forget what was read of it, and have QEMU
        forget its translation of code that was written.
        """

    def monitor(self, text: str) -> str:
        """Run a line of QEMU's human monitor and return what it printed."""


def read_u16(control: Control, address: int) -> int:
    """The little-endian word of 2 bytes at a linear address."""
    return int.from_bytes(control.read(address, 2), "little")


def read_u32(control: Control, address: int) -> int:
    """The little-endian word of 4 bytes at a linear address."""
    return int.from_bytes(control.read(address, 4), "little")


def write_u16(control: Control, address: int, value: int) -> None:
    """Write a little-endian word of 2 bytes at a linear address."""
    control.write(address, value.to_bytes(2, "little"))


def write_u32(control: Control, address: int, value: int) -> None:
    """Write a little-endian word of 4 bytes at a linear address."""
    control.write(address, value.to_bytes(4, "little"))


def not_reached(addresses: tuple[int, ...], timeout: float, linear: int) -> str:
    """The sentence for a run that reached none of the addresses in time."""
    wanted = _wanted(addresses)
    return f"Execution did not reach {wanted} within {timeout:g} s; it is stopped at {linear:#x}."


GUEST_ENDED = "the guest reset, powered off, triple faulted or wrote the debug-exit port"
"""Why a machine stopped of which QEMU's GDB server reports SIGQUIT; `Machine.ending` knows more."""


def stopped_elsewhere(addresses: tuple[int, ...], reason: str, linear: int) -> str:
    """The sentence for a machine that stopped by itself before it reached an address."""
    wanted = _wanted(addresses)
    return f"The machine stopped at {linear:#x} before it reached {wanted}: {reason}."


def _wanted(addresses: tuple[int, ...]) -> str:
    return " or ".join(f"{address:#x}" for address in addresses) or "the next instruction"
