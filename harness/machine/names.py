"""Names of files that QEMU takes for what they are."""

from dataclasses import replace
from pathlib import Path

from harness.errors import MachineError
from harness.machine.config import MachineConfig

OPTION_ROM = "option.rom"

OWN_SUFFIX = ".bin"
"""What the names of QEMU's own option ROMs end with."""


def reachable(config: MachineConfig, folder: Path) -> MachineConfig:
    """The same machine with each file under a name that QEMU takes for what it is.

    QEMU cuts an initrd for a multiboot kernel at commas and spaces, and a firmware name for an
    option ROM after 55 bytes, and refuses an option ROM named as one that it loads by itself
    (kvmvapic.bin, multiboot_dma.bin, ...). Such files get a link in the folder.
    """

    def plain(path: Path | None, name: str) -> Path | None:
        if path is None or not path.is_file():
            return path  # a file that is missing is reported under its own name
        path = path.absolute()
        if _is_plain(path) and not (name == OPTION_ROM and path.suffix == OWN_SUFFIX):
            return path
        link = folder / name
        link.symlink_to(path)
        if name == "initrd" and not _is_plain(link):
            raise MachineError(f"QEMU cannot read an initrd by {link}; set TMPDIR to a plain name.")
        return link

    return replace(
        config,
        option_rom=plain(config.option_rom, OPTION_ROM),
        kernel=plain(config.kernel, "kernel"),
        initrd=plain(config.initrd, "initrd"),
    )


def _is_plain(path: Path) -> bool:
    return str(path).isascii() and not set(str(path)) & set(", ") and len(path.name) <= 40
