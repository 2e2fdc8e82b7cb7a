"""Bytes of an image as numbers and as text; what lies behind its end is None."""

from rom.interface.headers import ROM_UNIT

SIZE_OFFSET = 2
"""Offset of the byte that counts the image's units of 512 bytes."""


def number(content: bytes, offset: int, size: int) -> int | None:
    """The little-endian number of `size` bytes at an offset; None when it is not all there."""
    field = content[offset : offset + size]
    return int.from_bytes(field, "little") if len(field) == size else None


def shown(value: int | None, size: int) -> str:
    """The number in hexadecimal, with the digits of its size in bytes."""
    return "missing" if value is None else f"0x{value:0{2 * size}x}"


def raw(content: bytes, offset: int, size: int) -> str:
    """The bytes at an offset as they stand there, in hexadecimal."""
    return content[offset : offset + size].hex(" ") or "missing"


def text(content: bytes, offset: int) -> str:
    """The string at an offset up to its NUL, cut after 40 bytes and made safe to print."""
    found = content[offset : offset + 40].partition(b"\0")[0]
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in found)


def announced(content: bytes) -> int:
    """The size in bytes that the image claims for itself; 0 when it has no size byte."""
    return (number(content, SIZE_OFFSET, 1) or 0) * ROM_UNIT


def kept(content: bytes) -> bytes:
    """What of the file a BIOS leaves in memory: as much as the size byte says."""
    return content[: announced(content)] if announced(content) else content
