"""Write an image and what belongs to it: `NAME.rom`, `.elf`, `.lst` and `.json`."""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from rom.errors import RomError
from rom.image import Image


class BuildError(RomError):
    """A file of the build cannot be written."""


def write_file(path: Path, content: bytes) -> None:
    """Write beside, then rename: a reader finds the old file or the new one, never a half.

    A file that holds this already is left as it is, be it on a medium that cannot be written.
    Raises BuildError when the folder cannot be made or written.
    """
    with suppress(OSError):
        if path.stat().st_size == len(content) and path.read_bytes() == content:
            return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise BuildError(f"{path}: cannot be written: {error.strerror}; name another") from error
    try:
        os.close(handle)
        Path(beside).write_bytes(content)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException as error:
        Path(beside).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BuildError(f"{path}: cannot be written: {error.strerror}") from error
        raise


def write_image(image: Image, folder: Path) -> Path:
    """Write the four files into `folder` and answer the path of the `.rom`.

    The image comes last, so that what stands beside a new image is never older than it.
    Raises BuildError.
    """
    rom = folder / f"{image.name}.rom"
    manifest = json.dumps(image.manifest, indent=2) + "\n"
    write_file(rom.with_suffix(".elf"), image.symbols)
    write_file(rom.with_suffix(".lst"), image.listing.encode())
    write_file(rom.with_suffix(".json"), manifest.encode())
    write_file(rom, image.content)
    return rom
