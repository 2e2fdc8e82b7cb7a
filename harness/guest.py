"""A guest as the harness knows it: a file that QEMU can boot, and the symbols of one of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.rom import read_symbols

MULTIBOOT_MAGIC = (0x1BADB002).to_bytes(4, "little")
MULTIBOOT_WINDOW = 8192
"""The header lies in the first 8192 bytes (Multiboot Specification 0.6.96, section 3.1)."""

BZIMAGE_MAGIC_OFFSET = 0x202
"""Where a bzImage says "HdrS" (Linux, Documentation/x86/boot.rst)."""


@dataclass(frozen=True)
class GuestFile:
    """A guest on disk. `labels` holds the linear addresses of its symbols, if it has any."""

    path: Path
    kind: str
    labels: Mapping[str, int]

    @property
    def is_ours(self) -> bool:
        """Whether it reports on the debug console and ends in the loop at `ready`."""
        return {"ready", "returned", "call_target", "handler_logged"} <= self.labels.keys()


def load_guest(path: Path) -> GuestFile:
    """Look at a guest: a multiboot image or a Linux bzImage.

    Raises HarnessError when the file is missing or is neither.
    """
    try:
        with path.open("rb") as file:
            start = file.read(MULTIBOOT_WINDOW)
    except OSError as error:
        raise HarnessError(f"The guest {path} cannot be read: {error.strerror}.") from error
    if start[BZIMAGE_MAGIC_OFFSET : BZIMAGE_MAGIC_OFFSET + 4] == b"HdrS":
        return GuestFile(path, "bzImage", {})
    if not _has_multiboot_header(start):
        raise HarnessError(
            f"The guest {path} is neither a multiboot image (no header with 1badb002 in its first "
            f"{MULTIBOOT_WINDOW} bytes) nor a Linux bzImage (no HdrS at {BZIMAGE_MAGIC_OFFSET:#x})."
        )
    labels: dict[str, int] = {}
    if start[:5] == b"\x7fELF\x01":
        labels = {name: value for name, (_, value) in _symbols(path).items()}
    elif start[:4] == b"\x7fELF":
        raise HarnessError(f"The guest {path} is a 64-bit ELF; qemu-system-i386 boots 32-bit ones.")
    return GuestFile(path, "multiboot", labels)


def _has_multiboot_header(start: bytes) -> bool:
    for at in range(0, len(start) - 11, 4):
        if start[at : at + 4] == MULTIBOOT_MAGIC:
            words = (int.from_bytes(start[at + i : at + i + 4], "little") for i in (0, 4, 8))
            if sum(words) & 0xFFFFFFFF == 0:
                return True
    return False


def _symbols(path: Path) -> dict[str, tuple[str, int]]:
    try:
        return read_symbols(path)
    except Exception:  # a foreign ELF may be stripped, or odd in ways QEMU does not mind
        return {}
