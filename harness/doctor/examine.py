"""A ROM file, and everything that BIOS, Linux and this kit say about it."""

import stat
from collections.abc import Callable
from pathlib import Path

from harness.doctor.boot import boot_rom
from harness.doctor.check import Diagnosis
from harness.doctor.kit import own_manifest, this_kit
from harness.doctor.optionrom import seabios
from harness.doctor.pci import pci_card
from harness.doctor.probe import linux
from harness.errors import HarnessError

READ_LIMIT = 1 << 20
"""Bytes that are looked at; more than any firmware reads, and files may be of any size."""


def examine(
    path: Path, boot: bool = False, progress: Callable[[str], None] = lambda text: None
) -> Diagnosis:
    """Check a file as an option ROM; `boot` boots QEMU with it, and looks what became of it.

    Raises HarnessError for a file that cannot be read, and what a machine raises.
    """
    content, size = read_rom(path)
    groups = (
        seabios(content, size),
        pci_card(content),
        linux(content),
        this_kit(path, content, size),
    )
    if not boot:
        return Diagnosis(str(path), groups)
    booted = boot_rom(path, content, own_manifest(path, content, size), progress)
    return Diagnosis(str(path), (*groups, booted.group), booted.said, booted.placed)


def read_rom(path: Path) -> tuple[bytes, int]:
    """The start of a file, READ_LIMIT bytes at most, and its size in bytes.

    Raises HarnessError for what is missing, unreadable, empty, or no regular file.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # to open a pipe might wait for ever
            what = "a folder" if stat.S_ISDIR(about.st_mode) else "a device or a pipe"
            raise HarnessError(f"The ROM {path} is {what}; name a file.")
        with path.open("rb") as file:
            content = file.read(READ_LIMIT)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise HarnessError(f"The ROM {path} cannot be read: {said}; name another.") from error
    if not content:
        raise HarnessError(f"The ROM {path} is empty; build it again, or name another.")
    return content, max(about.st_size, len(content))
