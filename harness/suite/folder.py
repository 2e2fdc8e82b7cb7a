"""The folder of a failed test: all that somebody needs who looks into it, and was not there."""

import hashlib
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harness.machine.process import Machine
from harness.report.results import MachineSeen
from harness.suite.look import Used
from harness.suite.names import FAILURES

LONGEST_NAME = 100
"""Characters of a folder's name at the most; file systems bear 255 bytes."""

BESIDE_ROM = (".rom", ".json", ".elf", ".lst")
LARGEST = 64 << 20
"""Bytes of a guest that is copied; one that is larger is named alone."""


def folder_name(node: str) -> str:
    """A test's node id as the name of a folder: letters, digits, dot, dash and underline."""
    path, _, rest = node.removeprefix("tests/").partition(".py::")
    plain = ".".join(part for part in (path.replace("/", "."), rest) if part)
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-.") or "test"
    if len(safe) <= LONGEST_NAME:
        return safe
    digest = hashlib.sha256(node.encode()).hexdigest()[:8]
    return f"{safe[: LONGEST_NAME - 9]}-{digest}"


def make_folder(report: Path, node: str) -> Path:
    """A new folder for a test that failed; one that is there already is another test's, or run's.

    Raises OSError.
    """
    name = folder_name(node)
    for number in range(1, 1000):
        folder = report / FAILURES / (name if number == 1 else f"{name}.{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise FileExistsError(17, "there are a thousand folders of this test", name)


def fill_folder(
    folder: Path, text: str, machines: Sequence[tuple[Used, MachineSeen]], again: str
) -> None:
    """Write what is known of a failure, and copy what its machines were made of. Raises OSError.

    text: the failure as pytest tells it. again: the command that leads to it in GDB.
    """
    (folder / "failure.txt").write_text(f"{text}\n\nin GDB, where it failed:\n{again}\n")
    for number, (used, seen) in enumerate(machines):
        place = folder if len(machines) == 1 else folder / f"machine-{number + 1}"
        place.mkdir(exist_ok=True)
        (place / "machine.txt").write_text(_text(seen))
        (place / "command-line.txt").write_text(f"{seen.command_line}\n")
        for name, log in used.machine.logs().items():
            if log:
                (place / name).write_text(log)
        _copy_files(used.machine, place)


def _text(seen: MachineSeen) -> str:
    lines = [f"The machine of {seen.name}", ""]
    lines += [f"{title}: {value}" for title, value in seen.facts]
    lines += ["", seen.state, ""]
    if seen.did:
        lines += ["What the test did to it:", *(f"  {line}" for line in seen.did)]
    return "\n".join(lines) + "\n"


def _copy_files(machine: Machine, place: Path) -> None:
    rom, kernel = machine.config.option_rom, machine.config.kernel
    files = [rom.with_suffix(suffix) for suffix in BESIDE_ROM] if rom is not None else []
    files += [rom] if rom is not None and rom not in files else []
    files += [kernel] if kernel is not None else []
    for file in files:
        if file.is_file() and file.stat().st_size <= LARGEST:
            shutil.copy(file, place / file.name)


def near(path: Path, here: Path) -> Path:
    """A path as short as it is clear: relative to the folder `here` when it lies below it."""
    return path.relative_to(here) if path.is_relative_to(here) else path
