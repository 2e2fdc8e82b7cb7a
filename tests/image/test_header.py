"""The image's headers as the build leaves them (VMI ABI, section 1; PCI Firmware and PnP BIOS)."""

import struct
from collections.abc import Mapping

import pytest

from rom.backends import BACKENDS
from rom.image import Image
from rom.interface import accepted, probe

GOLDEN = """
55 aa .. e9 .. .. 90 .. 63 56 6d 69 00 03 02 00
00 00 00 00 00 00 60 00 20 00 40 00 00 00 00 00
50 43 49 52 ad 15 01 08 00 00 18 00 00 00 80 05
.. 00 01 00 00 80 00 00 00 00 00 00 00 00 00 00
24 50 6e 50 01 02 00 00 00 .. 00 00 00 00 .. ..
.. .. 00 80 05 00 00 00 00 00 00 00 00 00 00 00
47 50 4c 20 76 32 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
e9 .. .. .. .. 00 00 00 e9 .. .. .. .. 00 00 00
"""
"""The first 144 bytes, two dots for each that depends on the size of the code."""


@pytest.fixture(params=sorted(BACKENDS))
def image(request: pytest.FixtureRequest, images: Mapping[str, Image]) -> Image:
    """Each backend's image in turn."""
    return images[request.param]


def word(image: Image, offset: int) -> int:
    return int(struct.unpack_from("<H", image.content, offset)[0])


def text(image: Image, offset: int) -> str:
    return image.content[offset:].split(b"\0")[0].decode()


def test_the_header_has_its_golden_bytes(image: Image) -> None:
    golden = GOLDEN.split()
    found = image.content[: len(golden)].hex(" ").split()
    wrong = {
        f"{offset:#x}": f"{is_now} and not {wanted}"
        for offset, (wanted, is_now) in enumerate(zip(golden, found, strict=True))
        if wanted not in ("..", is_now)
    }
    assert len(golden) == 0x90
    assert wrong == {}


def test_both_lengths_count_the_whole_image_in_units_of_512_bytes(image: Image) -> None:
    assert image.content[0x02] * 512 == len(image.content)
    assert word(image, 0x30) * 512 == len(image.content)


def test_the_bytes_of_the_image_sum_to_zero(image: Image) -> None:
    assert sum(image.content) % 256 == 0


def test_the_bytes_of_the_pnp_header_sum_to_zero(image: Image) -> None:
    assert sum(image.content[0x40:0x60]) % 256 == 0


def test_the_bios_enters_the_16_bit_init(image: Image) -> None:
    target = 0x06 + struct.unpack_from("<h", image.content, 0x04)[0]
    assert target == image.head.labels["post_init"]
    [row] = [r for r in image.head.rows if r.address == target and r.size]
    assert row.bits == 16


@pytest.mark.parametrize(
    ("entry", "call"), [(0x80, "VMI_Init"), (0x88, "GetRelocationInfo")], ids=["80", "88"]
)
def test_the_guests_entries_jump_to_their_code(image: Image, entry: int, call: str) -> None:
    distance = struct.unpack_from("<i", image.content, entry + 1)[0]
    assert entry + 5 + distance == image.head.labels[call]
    [row] = [r for r in image.head.rows if r.address == entry + 5 + distance and r.size]
    assert row.bits == 32


def test_the_strings_are_where_the_headers_say(image: Image) -> None:
    assert text(image, word(image, 0x16)) == "GPL v2"
    assert text(image, word(image, 0x4E)) == "Wedge"
    assert text(image, word(image, 0x50)) == f"VMI ROM, {image.backend.name}"


def test_linux_accepts_the_image_step_by_step(image: Image) -> None:
    steps = probe(image.content, init_eax=0)
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert [step.message for step in steps] == [""] * 7
    assert accepted(steps)


def test_the_ranges_of_the_image_that_post_writes_are_zero_in_the_file(image: Image) -> None:
    for name in ("rom_physical", "block_physical", "post_status"):
        at = image.head.labels[name]
        assert image.content[at : at + 4] == bytes(4)
