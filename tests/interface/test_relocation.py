"""The record of GetRelocationInfo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom.interface import InterfaceError, Relocation, RelocationType

RELOCATIONS = st.builds(Relocation, st.integers(0, 0xFFFFFFFF), st.sampled_from(RelocationType))


@given(RELOCATIONS)
def test_a_record_is_read_back_as_it_was_packed(relocation: Relocation) -> None:
    assert Relocation.unpack(relocation.pack()) == relocation


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        (RelocationType.NONE, 0x00_C00C8123),
        (RelocationType.CALL_REL, 0x01_C00C8123),
        (RelocationType.JUMP_REL, 0x02_C00C8123),
        (RelocationType.NOP, 0x03_C00C8123),
    ],
)
def test_the_type_is_in_dl_and_the_eip_in_eax(kind: RelocationType, record: int) -> None:
    assert Relocation(0xC00C8123, kind).pack() == record


@given(RELOCATIONS, st.integers(1, 0xFFFFFF))
def test_reserved_bits_are_refused(relocation: Relocation, reserved: int) -> None:
    with pytest.raises(InterfaceError, match="reserved bits set"):
        Relocation.unpack(relocation.pack() | reserved << 40)


@given(st.integers(4, 0xFF))
def test_a_type_that_is_not_known_is_refused(kind: int) -> None:
    with pytest.raises(InterfaceError, match=f"has type {kind}, which is not known"):
        Relocation.unpack(kind << 32)


@pytest.mark.parametrize("eip", [-1, 1 << 32])
def test_an_eip_of_more_than_32_bits_is_refused(eip: int) -> None:
    with pytest.raises(InterfaceError, match="not a 32-bit address"):
        Relocation(eip, RelocationType.CALL_REL).pack()
