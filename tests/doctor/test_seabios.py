"""SeaBIOS's own checks: each made to fail by spoiling one thing, and no other fails with it."""

from collections.abc import Mapping

import pytest

from harness.doctor.check import Group
from harness.doctor.optionrom import AREA, ROOM, seabios
from harness.report.log import FAIL
from rom.image import Image
from tests.doctor.samples import (
    ENTRY,
    NAME,
    PNP,
    found,
    names,
    network_card,
    plain,
    spoilt,
    summed,
)


def diagnosed(content: bytes) -> Group:
    return seabios(content, len(content))


def failing(group: Group) -> list[str]:
    return [check.id for check in group.checks if check.verdict == FAIL]


@pytest.mark.parametrize("backend", ["native", "bare"])
def test_our_roms_pass_every_check_in_the_order_of_the_bios(
    images: Mapping[str, Image], backend: str
) -> None:
    group = diagnosed(images[backend].content)
    assert {check.verdict for check in group.checks} == {"pass"}
    assert names(group) == [
        "room",
        "signature",
        "size",
        "file-size",
        "checksum",
        "init",
        "pnp",
        "pnp-checksum",
        "boot-entry",
    ]
    assert group.answer == "SeaBIOS runs it, given by -option-rom: yes."


REFUSED = {
    "signature": (0, b"\x55\xab", "55 ab"),
    "size": (2, b"\0", "0x00"),
    "checksum": (0x200, None, "0x01"),
}


@pytest.mark.parametrize(("name", "spoil"), REFUSED.items(), ids=REFUSED)
def test_a_spoilt_byte_fails_its_check_and_decides_the_answer(
    images: Mapping[str, Image], name: str, spoil: tuple[int, bytes | None, str]
) -> None:
    image = images["native"].content
    offset, data, value = spoil
    content = spoilt(image, offset, data or bytes((image[offset] + 1 & 0xFF,)), mend=False)
    group = diagnosed(content)
    check = found(group, name)
    assert (failing(group), check.value) == ([f"seabios/{name}"], value)
    assert f"no, because of {name}. {check.detail}" in group.answer
    assert check.detail
    assert check.advice


def test_the_advice_for_a_wrong_checksum_mends_it(images: Mapping[str, Image]) -> None:
    content = bytearray(images["native"].content)
    content[0x200] ^= 0x40
    check = found(diagnosed(bytes(content)), "checksum")
    assert check.offset is not None
    content[check.offset] = int(check.advice.split()[-1].rstrip("."), 16)
    assert failing(diagnosed(bytes(content))) == []


@pytest.mark.parametrize(
    ("start", "said"),
    [(b"MZ", "EFI"), (b"\x7fELF", "objcopy"), (b":1000", "HEX"), (b"\xaa\x55", "swapped")],
)
def test_a_file_of_another_kind_is_named(start: bytes, said: str) -> None:
    check = found(diagnosed(start + bytes(600)), "signature")
    assert (check.verdict, check.offset) == (FAIL, 0)
    assert said in check.detail + check.advice


def test_an_image_behind_something_else_is_found() -> None:
    check = found(diagnosed(bytes(0x400) + plain()), "signature")
    assert check.verdict == FAIL
    assert "0x400" in check.advice


def test_what_fits_in_no_machine_fails_and_what_may_not_is_a_note() -> None:
    content = plain()
    assert found(seabios(content, ROOM), "room").verdict == "pass"
    assert found(seabios(content, ROOM + 1), "room").verdict == "note"
    assert found(seabios(content, len(AREA) + 1), "room").verdict == FAIL


def test_a_file_shorter_than_its_size_byte_says_is_noted_and_summed_as_qemu_does() -> None:
    short = summed(spoilt(plain(), 2, b"\x02", mend=False))
    group = diagnosed(short)
    assert (found(group, "file-size").verdict, failing(group)) == ("note", [])
    assert "512 earlier" in found(group, "file-size").detail


def test_a_file_longer_than_its_size_byte_says_is_summed_in_part() -> None:
    group = diagnosed(plain() + b"\xff" * 512)
    assert (found(group, "file-size").verdict, failing(group)) == ("note", [])


@pytest.mark.parametrize(
    ("code", "verdict", "said"),
    [
        (b"\xcb", "pass", "returns at once"),
        (b"\xeb\x10", "pass", "jumps to 0x15"),
        (b"\xe9\x00\x01", "pass", "jumps to 0x106"),
        (b"\xe9\x00\x10", "note", "jumps to 0x1006"),
        (b"\xeb\x80", "note", "outside"),
        (b"\0\0\0", "note", "no code"),
        (b"\xff\xff\xff", "note", "no code"),
        (b"\xb8\x00\x00", "pass", ""),
    ],
)
def test_the_entry_of_the_init_is_looked_at(code: bytes, verdict: str, said: str) -> None:
    check = found(diagnosed(plain(code)), "init")
    assert (check.verdict, check.offset) == (verdict, 3)
    assert said in check.detail


def test_a_rom_without_pnp_header_runs_late() -> None:
    group = diagnosed(plain())
    assert found(group, "pnp").verdict == "note"
    assert "its init runs last" in found(group, "pnp").detail
    assert "boot-entry" not in names(group)


def test_a_boot_entry_is_shown_with_its_name() -> None:
    check = found(diagnosed(network_card()), "boot-entry")
    assert (check.verdict, check.offset, check.value) == ("pass", PNP + 0x1A, f"BEV {ENTRY:#06x}")
    assert '"Some card"' in check.detail


def test_a_boot_entry_outside_the_image_is_noted() -> None:
    check = found(diagnosed(network_card(bev=0x4000)), "boot-entry")
    assert (check.verdict, "outside the image" in check.detail) == ("note", True)


def test_a_connection_vector_is_told_from_a_bootstrap_entry() -> None:
    content = bytearray(network_card(bev=0))
    content[PNP + 0x16 : PNP + 0x18] = ENTRY.to_bytes(2, "little")
    check = found(diagnosed(summed(content)), "boot-entry")
    assert check.value == f"BCV {ENTRY:#06x}"


def test_a_wrong_checksum_of_the_pnp_header_is_noted() -> None:
    content = bytearray(network_card())
    content[PNP + 9] ^= 1
    assert found(diagnosed(summed(content)), "pnp-checksum").verdict == "note"


def test_pnp_headers_that_lead_in_a_circle_end() -> None:
    content = bytearray(network_card())
    content[PNP + 6 : PNP + 8] = PNP.to_bytes(2, "little")
    check = found(diagnosed(summed(content)), "pnp-next")
    assert (check.verdict, check.offset) == ("note", PNP + 6)


def test_a_second_pnp_header_is_looked_at_too() -> None:
    content = bytearray(network_card())
    content[0xC0:0xE0] = content[PNP : PNP + 32]
    content[PNP + 6] = 0xC0
    group = diagnosed(summed(content))
    assert names(group).count("boot-entry") == 2
    assert "pnp-next" not in names(group)


def test_control_characters_in_a_name_are_not_shown() -> None:
    content = bytearray(network_card())
    content[NAME : NAME + 4] = b"\x1b[2J"
    assert "\x1b" not in found(diagnosed(summed(content)), "boot-entry").detail
