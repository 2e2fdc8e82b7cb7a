"""Commands that see another file system in the place of a folder, as root in a namespace has it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path


def with_tmpfs(folder: Path, options: str, command: Sequence[str]) -> list[str] | None:
    """The command with a tmpfs on this folder; None where no mount namespace may be made.

    options: of the tmpfs, as mount(8) has them.
    """
    script = 'mount -t tmpfs -o "$0" none "$1" && shift && exec "$@"'
    there = ["unshare", "-rm", "sh", "-c", script, options, str(folder)]
    allowed = subprocess.run([*there, "true"], capture_output=True, timeout=20, check=False)
    return [*there, *command] if allowed.returncode == 0 else None
