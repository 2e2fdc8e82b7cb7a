"""Commands that see another file system in the place of a folder, as root in a namespace has it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

LEFT_BEHIND = 99
"""An exit status that no verb has."""

SCRIPT = f"""\
folder=$1; shift
mount -t tmpfs -o "$0" none "$folder" || exit
"$@"
status=$?
test -z "$(ls -A "$folder")" || exit {LEFT_BEHIND}
exit $status
"""


def with_tmpfs(folder: Path, options: str, command: Sequence[str]) -> list[str] | None:
    """The command with a tmpfs on this folder; None where no mount namespace may be made.

    options: of the tmpfs, as mount(8) has them. The exit status is the command's, or LEFT_BEHIND
    when something is on the tmpfs at the end, which goes with the namespace.
    """
    there = ["unshare", "-rm", "sh", "-c", SCRIPT, options, str(folder)]
    allowed = subprocess.run([*there, "true"], capture_output=True, timeout=20, check=False)
    return [*there, *command] if allowed.returncode == 0 else None
