"""What a BIOS checks of the ROM of a PCI device, and how it walks over several images."""

from collections.abc import Mapping

import pytest

from harness.doctor.pci import pci_card
from harness.report.log import FAIL
from rom.image import Image
from tests.doctor.samples import PCI, found, names, network_card, plain, spoilt

EFI = 3


def test_our_rom_passes(images: Mapping[str, Image]) -> None:
    group = pci_card(images["bare"].content)
    assert {check.verdict for check in group.checks} == {"pass"}
    assert found(group, "ids").value == "15ad:0801"


SPOILT = {
    "the pointer is 0": (0x18, b"\0\0", "data-structure", FAIL),
    "the pointer leads out of the file": (0x18, b"\xf0\xff", "data-structure", FAIL),
    "the text is another": (PCI, b"PCIX", "data-structure", FAIL),
    "the structure is too short": (PCI + 0x0A, b"\x10\0", "length", "note"),
    "the image is for EFI": (PCI + 0x14, b"\x03", "last-image", FAIL),
    "the image's length is too small": (PCI + 0x10, b"\x01\0", "image-length", "note"),
}


@pytest.mark.parametrize(("offset", "data", "name", "verdict"), SPOILT.values(), ids=SPOILT)
def test_each_check_can_fail(offset: int, data: bytes, name: str, verdict: str) -> None:
    group = pci_card(spoilt(network_card(), offset, data))
    check = found(group, name)
    assert check.verdict == verdict
    assert check.detail
    assert check.advice
    assert [one.id for one in group.checks if one.verdict == FAIL] == (
        [check.id] if verdict == FAIL else []
    )


def test_a_structure_that_is_cut_off_is_told_from_one_that_is_missing() -> None:
    check = found(pci_card(network_card()[: PCI + 10]), "data-structure")
    assert (check.verdict, check.offset) == (FAIL, PCI)
    assert "cut off after 10 bytes" in check.detail


def test_a_structure_at_an_odd_place_is_noted() -> None:
    content = bytearray(network_card())
    content[PCI + 2 : PCI + 26] = content[PCI : PCI + 24]
    content[0x18] = PCI + 2
    assert found(pci_card(bytes(content)), "alignment").verdict == "note"


def test_a_rom_that_no_pci_device_has_says_so() -> None:
    check = found(pci_card(plain()), "data-structure")
    assert check.verdict == FAIL
    assert "Right for a ROM that no PCI device has" in check.advice


def test_the_walk_ends_at_the_first_image_for_a_bios() -> None:
    file = network_card(EFI, last=0) + network_card()
    group = pci_card(file)
    assert group.refused is None
    check = found(group, "image-2/code-type")
    assert (check.verdict, check.offset) == ("pass", 1024 + PCI + 0x14)
    assert names(pci_card(network_card() + file))[-1] == "image-length"


def test_an_image_of_no_length_does_not_go_round_for_ever() -> None:
    content = spoilt(network_card(EFI, last=0), PCI + 0x10, b"\0\0")
    check = found(pci_card(content), "image-length")
    assert (check.verdict, "for ever" in check.detail) == (FAIL, True)


def test_a_further_image_that_is_missing_is_found_missing() -> None:
    group = pci_card(network_card(EFI, last=0))
    assert group.refused is found(group, "image-2/signature")
