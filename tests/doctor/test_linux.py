"""Linux's probe: each of its checks, and what it calls afterwards, made to fail."""

from collections.abc import Mapping

import pytest

from harness.doctor.probe import linux
from harness.report.log import FAIL
from rom.image import Image
from tests.doctor.samples import found, names, plain, spoilt


@pytest.mark.parametrize("backend", ["native", "bare"])
def test_our_roms_pass_every_check_in_the_order_of_linux(
    images: Mapping[str, Image], backend: str
) -> None:
    group = linux(images[backend].content)
    assert {check.verdict for check in group.checks} == {"pass"}
    assert names(group)[:6] == [
        "signature",
        "vmi-signature",
        "version",
        "pci-header",
        "pci-ids",
        "licence",
    ]


SPOILT = {
    "signature": (0, b"\0", FAIL),
    "vmi-signature": (8, b"cVmj", FAIL),
    "version": (0x0D, b"\x02", FAIL),
    "pci-header": (0x18, b"\0\0", FAIL),
    "pci-ids": (0x24, b"\x86\x80", "note"),
    "licence": (0x60, b"BSD\0", FAIL),
    "vmi-init": (0x80, bytes(8), FAIL),
    "get-relocation-info": (0x88, b"\xe9\xff\xff\xff\x7f", FAIL),
}


@pytest.mark.parametrize(("name", "spoil"), SPOILT.items(), ids=SPOILT)
def test_each_check_can_fail(
    images: Mapping[str, Image], name: str, spoil: tuple[int, bytes, str]
) -> None:
    offset, data, verdict = spoil
    group = linux(spoilt(images["native"].content, offset, data))
    check = found(group, name)
    assert (check.verdict, check.offset) == (verdict, offset)
    assert check.detail
    assert check.advice
    others = [one.id for one in group.checks if one.verdict != "pass" and one is not check]
    assert others == []


def test_the_first_of_several_decides_and_the_others_are_shown_too(
    images: Mapping[str, Image],
) -> None:
    content = spoilt(images["native"].content, 0x0D, b"\x02")
    group = linux(spoilt(content, 0x60, b"BSD\0"))
    assert group.refused is found(group, "version")
    assert found(group, "licence").verdict == FAIL


@pytest.mark.parametrize(("major", "age"), [(6, "2005"), (13, "2006")])
def test_an_older_interface_is_named(images: Mapping[str, Image], major: int, age: str) -> None:
    check = found(linux(spoilt(images["native"].content, 0x0D, bytes((major,)))), "version")
    assert age in check.detail


def test_of_a_rom_that_is_no_vmi_rom_nothing_more_is_said() -> None:
    group = linux(plain())
    assert names(group) == ["signature", "vmi-signature"]
    assert group.refused is found(group, "vmi-signature")


@pytest.mark.parametrize("length", [1, 2, 8, 11, 13, 0x19, 0x61, 0x81, 0x8F])
def test_a_header_that_is_half_there_is_refused(images: Mapping[str, Image], length: int) -> None:
    group = linux(images["native"].content[:length])
    assert group.refused is not None
    assert group.refused.detail


@pytest.mark.parametrize("length", [0x88, 0x89, 0x8F])
def test_an_entry_that_is_cut_off_is_refused(images: Mapping[str, Image], length: int) -> None:
    check = found(linux(images["native"].content[:length]), "get-relocation-info")
    assert (check.verdict, f"ends at {length:#x}" in check.detail) == (FAIL, True)


def test_what_the_size_byte_leaves_out_is_not_there_for_linux(images: Mapping[str, Image]) -> None:
    content = spoilt(images["bare"].content, 2, b"\x01")
    check = found(linux(content), "get-relocation-info")
    assert (check.verdict, "outside the image" in check.detail) == (FAIL, True)


def test_a_hole_for_the_hypervisor_is_shown(images: Mapping[str, Image]) -> None:
    content = spoilt(images["native"].content, 0x10, b"\0\0\0\xfc")
    assert "FC000000" in found(linux(content), "virtual-top").detail
