"""The layouts, by offsets and golden bytes that were counted by hand."""

import pytest

from rom.interface import InterfaceError, offset_of
from rom.interface.constants import EFLAGS_IF, AlarmFlag, Eflags, PageType, PteFlag
from rom.interface.headers import (
    LAYOUTS,
    PROBE_END,
    PROBE_START,
    PROBE_STEP,
    ROM_SIGNATURE,
    SIZES,
    VROM_SIGNATURE,
    PciData,
    PnpExpansion,
    TableRegister,
    VmiApState,
    VmiRomHeader,
)


@pytest.mark.parametrize(
    ("layout", "field", "offset"),
    [
        ("vmi_rom_header", "rom_signature", 0x00),
        ("vmi_rom_header", "rom_length", 0x02),
        ("vmi_rom_header", "rom_entry", 0x03),
        ("vmi_rom_header", "checksum", 0x07),
        ("vmi_rom_header", "vrom_signature", 0x08),
        ("vmi_rom_header", "api_version_min", 0x0C),
        ("vmi_rom_header", "api_version_maj", 0x0D),
        ("vmi_rom_header", "jump_slots", 0x0E),
        ("vmi_rom_header", "virtual_top", 0x10),
        ("vmi_rom_header", "license_offs", 0x16),
        ("vmi_rom_header", "pci_header_offs", 0x18),
        ("vmi_rom_header", "pnp_header_offs", 0x1A),
        ("vmi_rom_header", "free", 0x20),
        ("vmi_rom_header", "vmi_init", 0x80),
        ("vmi_rom_header", "get_relocation_info", 0x88),
        ("pci_data", "vendor", 4),
        ("pci_data", "device", 6),
        ("pci_data", "length", 0x0A),
        ("pci_data", "class_code", 0x0D),
        ("pci_data", "image_length", 0x10),
        ("pci_data", "rom_version_maj", 0x13),
        ("pci_data", "indicator", 0x15),
        ("pnp_expansion", "checksum", 9),
        ("pnp_expansion", "device_id", 0x0A),
        ("pnp_expansion", "manufacturer_offs", 0x0E),
        ("pnp_expansion", "product_offs", 0x10),
        ("pnp_expansion", "bootstrap_offs", 0x1A),
        ("vmi_ap_state", "efer", 16),
        ("vmi_ap_state", "eip", 24),
        ("vmi_ap_state", "esp", 48),
        ("vmi_ap_state", "cs", 64),
        ("vmi_ap_state", "gdtr_limit", 78),
        ("vmi_ap_state", "gdtr_base", 80),
        ("vmi_ap_state", "idtr_base", 84),
        ("vmi_ap_state", "idtr_limit", 88),
        ("table_register", "base", 2),
    ],
)
def test_a_field_is_at_the_offset_that_the_interface_gives(
    layout: str, field: str, offset: int
) -> None:
    assert offset_of(layout, field) == offset


def test_a_layout_can_be_given_as_its_type() -> None:
    assert offset_of(PciData, "device") == 6


def test_each_layout_has_the_size_of_its_structure() -> None:
    sizes = {name: getattr(LAYOUTS, name).size for name in SIZES}
    assert sizes == {
        "vmi_rom_header": 0x90,
        "pci_data": 24,
        "pnp_expansion": 32,
        "vmi_ap_state": 92,
        "table_register": 6,
    }


def test_a_rom_header_has_the_bytes_that_a_guest_looks_for() -> None:
    header = VmiRomHeader(
        rom_signature=ROM_SIGNATURE,
        rom_length=4,
        rom_entry=[0xEB, 0x7B, 0x90, 0x90],
        vrom_signature=VROM_SIGNATURE,
        api_version_maj=3,
        virtual_top=0xFC000000,
        license_offs=0x60,
        pci_header_offs=0x20,
        pnp_header_offs=0x40,
        vmi_init=[0xE9, 1, 2, 3, 4, 0x90, 0x90, 0x90],
    ).dumps()
    assert header[:0x20] == bytes.fromhex(
        "55aa04eb7b9090006356 6d69 00030000 000000fc 0000 6000 2000 4000 00000000"
    )
    assert header[0x20:0x80] == bytes(96)
    assert header[0x80:0x90] == bytes.fromhex("e901020304909090 0000000000000000")


def test_a_pci_data_structure_has_its_golden_bytes() -> None:
    data = PciData(
        signature=b"PCIR",
        vendor=0x15AD,
        device=0x0801,
        length=24,
        class_code=[1, 2, 3],
        image_length=4,
        rom_version_min=5,
        rom_version_maj=6,
        indicator=0x80,
    ).dumps()
    assert data == b"PCIR" + bytes.fromhex("ad150108 0000 1800 00 010203 0400 0506 00 80 0000")


def test_a_pnp_header_is_read_from_its_bytes() -> None:
    raw = b"$PnP" + bytes.fromhex(
        "01 02 0000 00 7f 78563412 6000 7000 000102 e4 0000 0000 3412 0000 0000"
    )
    header = PnpExpansion(raw)
    assert header.checksum == 0x7F
    assert header.device_id == 0x12345678
    assert (header.manufacturer_offs, header.product_offs) == (0x60, 0x70)
    assert header.bootstrap_offs == 0x1234


def test_an_ap_state_has_64_bit_efer_and_a_padded_end() -> None:
    raw = VmiApState(cr0=0x80050023, efer=1 << 63, eip=0xC0100000, idtr_limit=0x7FF).dumps()
    assert raw[:4] == bytes.fromhex("23000580")
    assert raw[16:28] == bytes.fromhex("0000000000000080 000010c0")
    assert raw[88:] == bytes.fromhex("ff070000")


def test_a_table_register_is_limit_then_base() -> None:
    assert TableRegister(limit=0x7FF, base=0xC0100000).dumps() == bytes.fromhex("ff07000010c0")


def test_an_unknown_field_or_layout_is_refused_with_those_there_are() -> None:
    with pytest.raises(InterfaceError, match=r"pci_data has no field 'length2'; .*vendor"):
        offset_of("pci_data", "length2")
    with pytest.raises(InterfaceError, match=r"no layout is named 'pcir'; choose from .*pci_data"):
        offset_of("pcir", "length")


def test_a_guest_probes_64_addresses() -> None:
    assert len(range(PROBE_START, PROBE_END, PROBE_STEP)) == 64


def test_the_low_flags_of_pages_and_entries_agree_and_the_others_share_bits() -> None:
    for name in ("PT", "PD", "PDP", "PML4"):
        assert int(PageType[name]) == int(PteFlag[name])
    assert int(PageType.PAE) == int(PteFlag.CURRENT_AS) == 0x10
    assert int(PageType.CLONE) == int(PteFlag.DEFER) == 0x20


def test_flags_have_the_values_of_the_interface() -> None:
    assert int(Eflags.IF) == EFLAGS_IF == 0x200
    assert int(AlarmFlag.PERIODIC | AlarmFlag.LVTT) == 0x10100
