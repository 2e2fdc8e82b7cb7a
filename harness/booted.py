"""Our guest at `ready` in a machine with a ROM: call anything, and look at what happened."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import HarnessError, MachineError, WaitTimeout
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.control import Control, read_u32, write_u32
from harness.machine.debugger import Debugger
from harness.machine.ending import DIED
from harness.machine.process import Machine
from harness.machine.snapshot import Snapshot
from harness.rom import LocatedRom, Rom, locate_rom

IF = 0x200
"""EFLAGS.IF, and the mask that GetInterruptMask answers while enabled."""

RESUME = 1 << 16
"""EFLAGS.RF: QEMU 10 and later set it in the image that an external interrupt pushes."""

LOG_SIZE, LOG_ENTRY = 64, 32
"""Entries, and bytes an entry, of the guest's log (`guests/checks/handlers.s`)."""


SOURCE_ROOT = Path(__file__).parent.parent
"""What the file names in our debug information are relative to."""


class GuestFailed(HarnessError):
    """The guest did not come to `ready`: it said why, hung, or took the machine with it."""


@dataclass(frozen=True)
class Entered:
    """One entry of the guest's log: what a handler saw when it was entered.

    `frame` is the address of EIP on its stack, `eflags` the image there without RF, `mask` what
    GetInterruptMask answered in the handler, `depth` how many handlers ran, itself included.
    """

    vector: int
    eip: int
    cs: int
    eflags: int
    frame: int
    mask: int
    error: int
    depth: int


class Booted:
    """A machine whose guest stands at `ready`; `control` steers it, a wire or a debugger."""

    def __init__(self, machine: Machine, rom: LocatedRom, guest: GuestFile, control: Control):
        self.machine = machine
        self.rom = rom
        self.guest = guest
        self.control = control

    def label(self, name: str) -> int:
        """The linear address of a label of the guest."""
        return self.guest.labels[name]

    def word(self, name: str) -> int:
        """The dword at a label of the guest, such as `entered`."""
        return read_u32(self.control, self.label(name))

    def set_word(self, name: str, value: int) -> None:
        """Write the dword at a label of the guest: one of its knobs."""
        write_u32(self.control, self.label(name), value)

    def field(self, name: str) -> int:
        """A field of the virtual CPU."""
        return self.rom.field(self.control, name)

    def recorded(self) -> list[int]:
        """Vectors that were accepted and not delivered, in the order of arrival."""
        fields = self.rom.rom.manifest["virtual_cpu"]
        count = self.field("pending") & 0xFF
        where = [
            self.rom.block + fields[f"arrival_{name}"]["offset"] for name in ("vector", "line")
        ]
        vectors, lines = (self.control.read(address, count) if count else b"" for address in where)
        return [vector for vector, line in zip(vectors, lines, strict=True) if line == 0xFF]

    def real_if(self) -> bool:
        """The processor's own IF."""
        return bool(self.control.registers()["eflags"] & IF)

    def virtual_if(self) -> bool:
        """The IF that the guest has: a word of the virtual CPU, or the processor's own."""
        if self.rom.rom.manifest["lazy"]:
            return self.field("virtual_if") != 0
        return self.real_if()

    def pending(self) -> list[int]:
        """Vectors that wait: recorded by the ROM, or else requested at the 8259s."""
        if self.rom.rom.manifest["lazy"]:
            return self.recorded()
        read = self.machine.injector.inb
        requested = read(0x20) | read(0xA0) << 8  # what a read gives unless another OCW3 was sent
        return [0x20 + line for line in range(16) if requested >> line & 1 and line != 2]

    def prepare(self, call: str, stack: Sequence[int] = (), **registers: int) -> None:
        """Stand at the first instruction of a call's stub, as after the guest's CALL.

        `stack` holds the arguments past the third, the fourth first. Registers not named keep
        what they hold, but for ESP, which is at the top of the guest's stack.
        """
        self.prepare_at(self.rom.stub(call), (self.label("returned"), *stack), **registers)

    def prepare_at(self, address: int, stack: Sequence[int] = (), **registers: int) -> None:
        """Stand at an address with these dwords on the stack, the lowest address first."""
        esp = registers.pop("esp", self.label("kernel_stack_top")) - 4 * len(stack)
        data = b"".join((value & 0xFFFFFFFF).to_bytes(4, "little") for value in stack)
        if data:
            self.control.write(esp, data)
        self.control.set_registers(esp=esp, eip=address, **registers)

    def finish(self, *addresses: int, timeout: float = 10.0) -> dict[str, int]:
        """Run to one of the addresses, `returned` unless told, and answer the registers there."""
        self.control.run_to(*(addresses or (self.label("returned"),)), timeout=timeout)
        return self.control.registers()

    def call(self, call: str, stack: Sequence[int] = (), **registers: int) -> dict[str, int]:
        """Make a VMI call from the guest, and answer the registers at its return."""
        self.prepare(call, stack, **registers)
        return self.finish()

    def settle(self) -> None:
        """Let the guest run a little at `returned`, so that what can arrive arrives."""
        for _ in range(2):
            self.control.run_to(self.label("returned"))

    def log(self) -> list[Entered]:
        """What the handlers noted since `clear_log`, the oldest first; LOG_SIZE at the most."""
        entries = []
        for index in range(self.word("entered")):
            at = self.label("log") + index % LOG_SIZE * LOG_ENTRY
            data = self.control.read(at, LOG_ENTRY)
            words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, LOG_ENTRY, 4)]
            words[3] &= ~RESUME
            entries.append(Entered(*words))
        return entries

    def clear_log(self) -> None:
        """Forget what the handlers noted."""
        for name in ("entered", "depth", "deepest"):
            self.set_word(name, 0)


def boot_to_ready(machine: Machine, rom: Rom, guest: GuestFile, timeout: float = 30.0) -> Booted:
    """Run a machine that was just started until its guest is at `ready`, by its wire.

    Raises GuestFailed when it does not come there within `timeout` seconds, with what the guest
    said and where it stands.
    """
    wire = machine.wire()
    try:
        wire.run_to(guest.labels["ready"], timeout=timeout)
    except WaitTimeout:
        raise GuestFailed(
            f"The guest was not ready within {timeout:g} s.\n{machine.picture()}"
        ) from None
    except MachineError as error:
        ending = machine.ending()
        if ending is None:
            raise MachineError(f"{error}\n{machine.picture()}") from error
        if ending.kind == DIED:
            raise
        raise GuestFailed(f"{ending.detail}\n{machine.picture()}") from error
    located = locate_rom(rom, wire.read_physical)
    if located is None:
        raise GuestFailed(f"The BIOS did not put {rom.path.name} between C0000 and E0000.")
    seen = located.seen_at(read_u32(wire, guest.labels["rom_base"]))
    return Booted(machine, seen, guest, wire)


class BootedMachine:
    """A machine that boots once and goes back to `ready` as often as wanted.

    with_gdb: steer it by GDB, with the symbols of ROM and guest, instead of by the wire.
    """

    def __init__(
        self, config: MachineConfig, rom: Rom, guest: GuestFile, with_gdb: bool = False
    ) -> None:
        config = replace(config, option_rom=rom.path, kernel=guest.path, snapshot=True)
        self.machine = Machine(config)
        self._rom = rom
        self._guest = guest
        self._with_gdb = with_gdb
        self._debugger: Debugger | None = None
        self._booted: Booted | None = None
        self._snapshot: Snapshot | None = None

    def ready(self) -> Booted:
        """The guest at `ready`, as after its boot."""
        if self._booted is None or self._snapshot is None:
            self.machine.start()
            self._booted = boot_to_ready(self.machine, self._rom, self._guest)
            if self._with_gdb:
                self._booted = self._by_gdb(self._booted)
            self._snapshot = Snapshot(self.machine, "ready", [self._booted.control])
            self._snapshot.save()
        else:
            self._snapshot.restore()
        self.machine.journal.clear()
        return self._booted

    def _by_gdb(self, booted: Booted) -> Booted:
        self.machine.wire().close()
        self._debugger = attach_gdb(self.machine, booted.rom, booted.guest)
        return Booted(self.machine, booted.rom, booted.guest, self._debugger)

    def close(self) -> None:
        """End the debugger and the machine."""
        if self._debugger is not None:
            self._debugger.close()
        self.machine.close()


def attach_gdb(machine: Machine, rom: LocatedRom, guest: GuestFile) -> Debugger:
    """GDB on a machine, with the symbols of the ROM where the boot put it, and of the guest."""
    debugger = Debugger(machine.gdb_socket, SOURCE_ROOT)
    debugger.add_symbols(rom.rom.symbol_file, rom.sections)
    if guest.labels:
        debugger.add_symbols(guest.path, {".text": guest.labels["multiboot_header"]})
    return debugger
