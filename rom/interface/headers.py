"""Layouts of what is read by others than the ROM: its headers and the structures calls point to.

All are little-endian and packed. The layouts are checked at import, so that a slip of the pen in
one of them is an InterfaceError and not a ROM that nobody finds.
"""

from collections.abc import Mapping
from typing import Any

from dissect.cstruct import cstruct

from rom.interface.errors import InterfaceError

ROM_SIGNATURE = 0xAA55
"""Word at the start of each option ROM (PCI Firmware Specification, "ROM header")."""
VROM_SIGNATURE = 0x696D5663
"""Dword at offset 8 of a VMI ROM: "cVmi" in memory."""
PCI_SIGNATURE = b"PCIR"
PNP_SIGNATURE = b"$PnP"
PCI_VENDOR = 0x15AD
PCI_DEVICE = 0x0801
"""The PCI ids that Linux expects of a VMI ROM; with others it warns."""

PROBE_START, PROBE_END, PROBE_STEP = 0xC0000, 0xE0000, 2048
"""Guest-physical addresses at which a guest looks for the ROM: range(start, end, step)."""
ROM_UNIT = 512
"""Bytes in one unit of rom_length and image_length."""

VMI_INIT = 0x80
"""Offset of the 8 bytes of code behind which VMI_Init is."""
GET_RELOCATION_INFO = 0x88
"""Offset of the 8 bytes of code behind which GetRelocationInfo is."""

LICENSES = (b"GPL", b"GPL v2")
"""The licence strings that Linux accepts, each ended by a NUL in the ROM."""

LAYOUTS: Any = cstruct(endian="<").load("""
struct vmi_rom_header {             /* generation 3.0 */
    uint16 rom_signature;
    uint8  rom_length;              /* units of 512 bytes */
    uint8  rom_entry[4];            /* 16-bit code, entered by the BIOS, returns far */
    uint8  checksum;                /* makes the sum of all bytes 0; the interface calls it a pad */
    uint32 vrom_signature;
    uint8  api_version_min;
    uint8  api_version_maj;
    uint8  jump_slots;              /* Linux does not read it */
    uint8  reserved1;
    uint32 virtual_top;             /* lowest linear address of the hypervisor, 0: none */
    uint16 reserved2;
    uint16 license_offs;
    uint16 pci_header_offs;
    uint16 pnp_header_offs;         /* 0: none */
    uint32 reserved3;
    uint8  free[96];                /* for the other headers */
    uint8  vmi_init[8];             /* 32-bit code */
    uint8  get_relocation_info[8];  /* 32-bit code */
};

struct pci_data {
    char   signature[4];
    uint16 vendor;
    uint16 device;
    uint16 vpd_offs;
    uint16 length;                  /* of this structure */
    uint8  revision;
    uint8  class_code[3];
    uint16 image_length;            /* units of 512 bytes */
    uint8  rom_version_min;
    uint8  rom_version_maj;
    uint8  code_type;
    uint8  indicator;               /* 0x80: last image */
    uint16 reserved;
};

struct pnp_expansion {
    char   signature[4];
    uint8  revision;
    uint8  length;                  /* units of 16 bytes */
    uint16 next_offs;
    uint8  reserved;
    uint8  checksum;
    uint32 device_id;
    uint16 manufacturer_offs;
    uint16 product_offs;
    uint8  device_type[3];
    uint8  device_indicators;
    uint16 boot_connection_offs;
    uint16 disconnect_offs;
    uint16 bootstrap_offs;
    uint16 reserved2;
    uint16 static_resource_offs;
};

struct vmi_ap_state {               /* what SetInitialAPState points to */
    uint32 cr0;
    uint32 cr2;
    uint32 cr3;
    uint32 cr4;
    uint64 efer;
    uint32 eip;
    uint32 eflags;
    uint32 eax;
    uint32 ebx;
    uint32 ecx;
    uint32 edx;
    uint32 esp;
    uint32 ebp;
    uint32 esi;
    uint32 edi;
    uint16 cs;
    uint16 ss;
    uint16 ds;
    uint16 es;
    uint16 fs;
    uint16 gs;
    uint16 ldtr;
    uint16 gdtr_limit;
    uint32 gdtr_base;
    uint32 idtr_base;
    uint16 idtr_limit;
    uint16 pad;
};

struct table_register {             /* operand of LGDT and LIDT: Intel SDM vol 2, LGDT */
    uint16 limit;
    uint32 base;
};
""")

VmiRomHeader: Any = LAYOUTS.vmi_rom_header
PciData: Any = LAYOUTS.pci_data
PnpExpansion: Any = LAYOUTS.pnp_expansion
VmiApState: Any = LAYOUTS.vmi_ap_state
TableRegister: Any = LAYOUTS.table_register

SIZES: Mapping[str, int] = {
    "vmi_rom_header": 0x90,
    "pci_data": 24,
    "pnp_expansion": 32,
    "vmi_ap_state": 92,
    "table_register": 6,
}
"""Bytes of each layout, by its name in LAYOUTS."""


def _layout(layout: Any) -> Any:
    if not isinstance(layout, str):
        return layout
    if layout not in SIZES:
        raise InterfaceError(f"no layout is named {layout!r}; choose from {', '.join(SIZES)}")
    return getattr(LAYOUTS, layout)


def fields_of(layout: Any) -> dict[str, int]:
    """Answer the offsets in bytes of all fields of a layout, named or given as its type."""
    return {name: int(field.offset) for name, field in _layout(layout).fields.items()}


def offset_of(layout: Any, field: str) -> int:
    """Answer the offset in bytes of a field of a layout, named ("pci_data") or given as its type.

    Raises InterfaceError when the layout or the field is not known.
    """
    fields = fields_of(layout)
    if field not in fields:
        name = _layout(layout).__name__
        raise InterfaceError(f"{name} has no field {field!r}; its fields are {', '.join(fields)}")
    return fields[field]


def _check() -> None:
    for name, size in SIZES.items():
        if (is_size := getattr(LAYOUTS, name).size) != size:
            raise InterfaceError(f"layout {name} has {is_size} bytes, not {size}; correct a field")
    entries = {"vmi_init": VMI_INIT, "get_relocation_info": GET_RELOCATION_INFO}
    for field, offset in entries.items():
        if offset_of("vmi_rom_header", field) != offset:
            raise InterfaceError(f"field {field} of vmi_rom_header is not at {offset:#x}; move it")


_check()
