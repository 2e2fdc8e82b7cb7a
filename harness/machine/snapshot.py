"""Saves a machine's whole state and brings it back, many times."""

import struct
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import MachineError
from harness.machine.control import Control

if TYPE_CHECKING:
    from harness.machine.process import Machine

CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS


def empty_qcow2(path: Path, size: int = CLUSTER) -> None:
    """Write an empty disk image for savevm: four clusters, 256 KiB.

    size: bytes of the virtual disk; savevm stores beyond them. The layout is QEMU's
    docs/interop/qcow2.txt, version 3: header, refcount table, one refcount block, L1 table.
    """
    l1_entries = -(-size // (CLUSTER * CLUSTER // 8))
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        *(b"QFI\xfb", 3),
        *(0, 0),  # no backing file
        *(CLUSTER_BITS, size),
        0,  # no encryption
        *(l1_entries, 3 * CLUSTER),
        *(CLUSTER, 1),  # refcount table: where, clusters
        *(0, 0),  # no snapshots yet
        *(0, 0, 0),  # feature bits
        *(4, 104),  # 16-bit refcounts, header length
    )
    refcount_table = struct.pack(">Q", 2 * CLUSTER)
    refcount_block = struct.pack(">4H", 1, 1, 1, 1)
    clusters = (header, refcount_table, refcount_block, b"")
    path.write_bytes(b"".join(cluster.ljust(CLUSTER, b"\0") for cluster in clusters))


class Snapshot:
    """A named state of a machine whose configuration says `snapshot=True`.

    controls: the wires and debuggers that must forget what they know when the state comes back.
    """

    def __init__(self, machine: "Machine", name: str, controls: Collection[Control] = ()) -> None:
        if not machine.config.snapshot:
            raise MachineError("This machine has no place for snapshots; configure snapshot=True.")
        self._machine = machine
        self._name = name
        self._controls = tuple(controls)

    def save(self) -> None:
        """Save the state under this name, in place of an older one.

        Raises MachineError for a processor in HLT: brought back, it would not leave HLT for an EIP
        that is written from outside. Park the guest in a loop instead.
        """
        if self._machine.monitor.processor().halted:
            raise MachineError("The processor is in HLT; park the guest in a loop to save it.")
        self._hmp("savevm")

    def restore(self) -> None:
        """Bring the saved state back; a guest that had ended can then go on."""
        if self._machine.monitor.status() in ("shutdown", "internal-error"):
            self._machine.monitor.system_reset()
        self._hmp("loadvm")
        for control in self._controls:
            control.flush()

    def _hmp(self, command: str) -> None:
        # The human monitor says nothing when all went well, and prints its errors.
        if said := self._machine.monitor.hmp(f"{command} {self._name}").strip():
            why = " ".join(line.strip().removesuffix(".") for line in said.splitlines())
            folder = self._machine.gdb_socket.parent
            raise MachineError(
                f"QEMU could not {command} {self._name!r}: {why}; is there room in {folder}, "
                "and is its disk sound? TMPDIR names another."
            )
