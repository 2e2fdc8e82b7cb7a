"""The 64-bit record that GetRelocationInfo answers in EDX:EAX (VMI ABI, "GetRelocationInfo")."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from rom.interface.errors import InterfaceError


class RelocationType(IntEnum):
    """How the guest reaches a call."""

    NONE = 0  # not provided: the guest keeps its native code
    CALL_REL = 1  # by CALL to the EIP
    JUMP_REL = 2  # by JMP to the EIP; only for calls that do not return
    NOP = 3  # not at all: the operation is removed


@dataclass(frozen=True)
class Relocation:
    """Where a call is and how it is reached: EIP in bits 0-31, type in bits 32-39, the rest 0."""

    eip: int
    type: RelocationType

    def pack(self) -> int:
        """Answer the record, EDX in its high half; raise InterfaceError for an EIP over 32 bits."""
        if not 0 <= self.eip <= 0xFFFFFFFF:
            raise InterfaceError(f"EIP {self.eip:#x} of a relocation is not a 32-bit address")
        return self.type << 32 | self.eip

    @classmethod
    def unpack(cls, record: int) -> Self:
        """Read a record, EDX in its high half.

        Raises InterfaceError for reserved bits that are not 0 and for a type that is not known.
        """
        reserved, kind = record >> 40, record >> 32 & 0xFF
        if reserved:
            raise InterfaceError(
                f"relocation record {record:#x} has reserved bits set: bits 40 to 63 must be 0"
            )
        try:
            return cls(record & 0xFFFFFFFF, RelocationType(kind))
        except ValueError:
            raise InterfaceError(
                f"relocation record {record:#x} has type {kind}, which is not known; "
                "bits 32 to 39 are 0 NONE, 1 CALL_REL, 2 JUMP_REL or 3 NOP"
            ) from None
