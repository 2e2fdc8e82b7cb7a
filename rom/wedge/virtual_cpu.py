"""The virtual CPU: its layout, and the one place that knows where it is (`get_cpu`).

The virtual CPU stands at offset 0 of the RAM block that the ROM owns, so with one processor its
address is a constant once the wedge is relocated. Assembly never spells that address: it writes
`cpu(FIELD)` or `cpu(FIELD, %INDEX)`, and `expand` turns that into an operand. Memory goes through
SS, since a guest may call with user selectors in DS and ES (VMI ABI, section 2).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dissect.cstruct import cstruct

LABEL = "virtual_cpu"
"""The label that the wedge's source gives to the virtual CPU."""

MOST_ARRIVALS = 24
"""Entries of the virtual PIC's stack: fifteen lines of two 8259s, and room to spare."""

RECORDED = 0xFF
"""`arrival_line` of a vector that was accepted and waits; else the line of one that was entered."""

ARRIVALS = 0xFF
"""Bits of `pending` that count the entries of the stack."""

HELD = 0x100
"""Bit of `pending`: the real IF may be off with nothing recorded: enabling must turn it on."""

LEFT = 0x200
"""Bit of `pending`: the guest has left for user mode, from where SYSENTER comes with the real IF
off, or changes stacks: enabling must turn it on."""

WAS_OPEN = 1 << 31
"""Bit of an EFLAGS image, a reserved one: closed code was interrupted while `real_if` was on."""

WAS_LEFT = 1 << 30
"""The same: closed code was interrupted with LEFT set, which its handlers do not find set."""

_LAYOUT = cstruct()
_LAYOUT.load(
    f"""
    struct virtual_cpu {{
        uint32 virtual_if;       // 0x200 enabled, 0 masked: what GetInterruptMask answers
        uint32 pending;          // ARRIVALS, HELD, LEFT; 0: enabling is a store
        uint32 real_if;          // 0x200 or 0: the real IF that guest code runs with just now
        uint16 gdt_limit;        // the guest's GDTR, six bytes as SetGDT was given them
        uint32 gdt_base;
        uint16 idt_limit;        // the guest's IDTR
        uint32 idt_base;
        uint16 ldt;              // selectors of SetLDT and SetTR
        uint16 tr;
        uint16 code;             // the guest's code selector, for gates that it does not give
        uint32 linked_at;        // linear address that the wedge is relocated to
        uint32 initialised;      // 1 once VMI_Init has succeeded
        uint32 owner;            // 1 + APIC ID of the processor whose virtual CPU this is; 0: none
        uint32 to_first;         // bytes from the first processor's block to this one
        uint32 blocks_size;      // bytes of all processors' blocks, which stand in one piece
        uint8 arrival_vector[{MOST_ARRIVALS}];  // accepted vectors, the latest last
        uint8 arrival_line[{MOST_ARRIVALS}];    // RECORDED, or the 8259 line in service
    }};
    """
)

SIZE = 128
"""Bytes kept for the virtual CPU at the start of the RAM block."""


@dataclass(frozen=True)
class Field:
    """Where one field of the virtual CPU is: offset and size in bytes, from the block's start."""

    offset: int
    size: int


def _fields() -> Mapping[str, Field]:
    struct = _LAYOUT.virtual_cpu
    fields = {field.name: Field(int(field.offset), len(field.type)) for field in struct.__fields__}
    assert len(struct) <= SIZE, "the virtual CPU has outgrown its place"
    return fields


FIELDS: Mapping[str, Field] = _fields()
"""The fields by name; the manifest hands them to debuggers and tests."""

_OPERAND = re.compile(r"cpu\((\w+)([+-]\d+)?(?:,\s*(%\w+))?\)")


def operand(field: str, index: str = "", displacement: int = 0) -> str:
    """The AT&T operand of a field of this processor's virtual CPU.

    `index` is a register such as `%ecx` that picks an entry of an array field, `displacement` a
    number of bytes to add. Raises KeyError for a field that the layout does not have.
    """
    place = f"%ss:{LABEL}+{FIELDS[field].offset + displacement}"
    return f"{place}({index})" if index else place


def expand(text: str) -> str:
    """Replace each `cpu(FIELD)` and `cpu(FIELD-1, %INDEX)` of a line by its operand."""
    return _OPERAND.sub(lambda found: operand(found[1], found[3] or "", int(found[2] or 0)), text)


def constants() -> list[str]:
    """The `.set` lines that give the assembly its names for the layout's numbers."""
    lines = [f".set CPU_{name.upper()}, {field.offset}" for name, field in FIELDS.items()]
    return [
        *lines,
        f".set CPU_SIZE, {SIZE}",
        f".set MOST_ARRIVALS, {MOST_ARRIVALS}",
        f".set RECORDED, {RECORDED:#x}",
        f".set ARRIVALS, {ARRIVALS:#x}",
        f".set HELD, {HELD:#x}",
        f".set LEFT, {LEFT:#x}",
        f".set WAS_OPEN, {WAS_OPEN:#x}",
        f".set WAS_LEFT, {WAS_LEFT:#x}",
        ".set IF, 0x200",
        ".set IOPL, 0x3000",
        ".set NT, 0x4000",
        ".set VM_BYTE, 2",
        ".set NMI, 2",
    ]
