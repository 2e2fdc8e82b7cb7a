"""The checks of a guest: each defect is found at its step, and at none before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom.interface import accepted, probe
from rom.interface.headers import PciData, VmiRomHeader

PCI, LICENSE = 0x20, 0x60


def rom(license_text: bytes = b"GPL\0") -> bytearray:
    header = VmiRomHeader(
        rom_signature=0xAA55,
        rom_length=1,
        vrom_signature=0x696D5663,
        api_version_maj=3,
        license_offs=LICENSE,
        pci_header_offs=PCI,
    ).dumps()
    image = bytearray(header.ljust(512, b"\xff"))
    image[PCI : PCI + 24] = PciData(signature=b"PCIR", vendor=0x15AD, device=0x0801).dumps()
    image[LICENSE : LICENSE + len(license_text)] = license_text
    return image


@pytest.mark.parametrize("license_text", [b"GPL\0", b"GPL v2\0"])
def test_a_good_rom_passes_all_steps_in_order(license_text: bytes) -> None:
    steps = probe(bytes(rom(license_text)), init_eax=0)
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert all(step.passed and step.message == "" for step in steps)
    assert accepted(steps)


def test_without_an_answer_of_init_the_seventh_step_is_left_out() -> None:
    steps = probe(bytes(rom()))
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6]
    assert accepted(steps)


@pytest.mark.parametrize(
    ("offset", "defect", "number", "found"),
    [
        (0x00, b"\x55\xab", 1, "0xAB55"),
        (0x08, b"cVmj", 2, "0x6A6D5663"),
        (0x0D, b"\x0d", 3, "0x0D"),
        (0x18, b"\0\0", 4, "0x0000"),
        (0x16, b"\0\0", 6, "no offset"),
        (LICENSE, b"GPLv2\0", 6, "'GPLv2'"),
        (LICENSE, b"GPL \0", 6, "'GPL '"),
        (LICENSE, b"gpl\0", 6, "'gpl'"),
        (LICENSE, b"\0", 6, "''"),
        (LICENSE, b"G" * 64, 6, "no string ended by a NUL"),
    ],
)
def test_a_single_fatal_defect_ends_the_probe_at_its_step(
    offset: int, defect: bytes, number: int, found: str
) -> None:
    image = rom()
    image[offset : offset + len(defect)] = defect
    steps = probe(bytes(image), init_eax=0)
    last = steps[-1]
    assert [step.number for step in steps] == list(range(1, number + 1))
    assert [step.number for step in steps if not step.passed] == [number]
    assert (last.fatal, last.found) == (True, found)
    assert last.message.endswith(".")
    assert not accepted(steps)


@pytest.mark.parametrize(("field", "value"), [(4, b"\x86\x80"), (6, b"\x02\x08")])
def test_a_foreign_pci_id_is_reported_but_accepted(field: int, value: bytes) -> None:
    image = rom()
    image[PCI + field : PCI + field + 2] = value
    steps = probe(bytes(image), init_eax=0)
    assert [step.number for step in steps if not step.passed] == [5]
    assert len(steps) == 7
    assert "accepts" in steps[4].message
    assert accepted(steps)


def test_an_init_that_fails_is_the_seventh_step() -> None:
    steps = probe(bytes(rom()), init_eax=0xFFFFFFFF)
    assert (steps[-1].number, steps[-1].passed, steps[-1].found) == (7, False, "0xFFFFFFFF")
    assert not accepted(steps)


def test_the_first_of_two_defects_is_the_one_reported() -> None:
    image = rom()
    image[0x08] = image[0x0D] = 0
    assert probe(bytes(image))[-1].number == 2


def test_neither_length_nor_checksum_nor_minor_version_nor_pcir_is_checked() -> None:
    image = rom()
    image[0x02], image[0x07], image[0x0C] = 0, 0x5A, 9
    image[PCI : PCI + 4] = b"none"
    assert accepted(probe(bytes(image), init_eax=0))


@pytest.mark.parametrize(
    ("size", "number"), [(0, 1), (1, 1), (2, 2), (11, 2), (13, 3), (25, 4), (0x60, 6), (0x63, 6)]
)
def test_what_a_short_window_lacks_fails_its_check(size: int, number: int) -> None:
    last = probe(bytes(rom()[:size]))[-1]
    assert (last.number, last.passed) == (number, False)


def test_a_step_says_where_it_looked() -> None:
    offsets = [step.offset for step in probe(bytes(rom()), init_eax=0)]
    assert offsets == [0x00, 0x08, 0x0D, 0x18, PCI + 4, LICENSE, 0x80]


@given(st.binary(max_size=160), st.none() | st.integers(0, 0xFFFFFFFF))
def test_any_content_gets_an_answer(tail: bytes, eax: int | None) -> None:
    steps = probe(bytes(rom()[:14]) + tail, eax)
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert all(step.passed or not step.fatal for step in steps[:-1])
