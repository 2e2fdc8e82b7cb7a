"""A verb finds the disk full while it runs: it says so, and gives no verdict."""

import os
import re
import shutil
from collections.abc import Mapping

import pytest

from harness.bench.calls import count_calls
from harness.errors import MachineError
from harness.guest import GuestFile
from harness.machine.config import SNAPSHOT_IMAGE, MachineConfig
from harness.rom import Rom
from tests.commands.verbs import Done, Inv, program, run
from tests.faults.kit import Kit
from tests.faults.mounts import with_tmpfs
from tests.faults.test_disk import FAILING, NO_SPACE

PAGE = "size=4k"
"""A disk on which no two of a machine's logs find room."""

STAND_IN = """
import pathlib
import tempfile

def full(*_, **__):
    raise OSError(28, "No space left on device")

pathlib.Path.write_text = tempfile.TemporaryFile = full
"""
"""What such a disk does to the kit; it holds where no namespace may be made."""

FULL_LOGS = """for word; do case $word in unix:*/qmp.sock) folder=${{word#unix:}};; esac; done
for log in serial debug firmware; do ln -s /dev/full "${{folder%/qmp.sock}}/$log.log"; done
exec {qemu} "$@"
"""
"""The same for QEMU."""

VERBS = ("boot", "boot --guest every", "boot --count", "bench", "doctor {rom} --boot", "debug")


def on_a_full_disk(inv: Inv, *words: str) -> Done:
    """A verb whose folder for temporary files has one page."""
    if command := with_tmpfs(inv.temporary, PAGE, inv.command(*words)):
        return run(command, inv.folder, inv.environment())
    (inv.folder / "sitecustomize.py").write_text(STAND_IN)
    program(
        inv.folder / "qemu-system-i386", FULL_LOGS.format(qemu=shutil.which("qemu-system-i386"))
    )
    path = f"{inv.folder}{os.pathsep}{os.environ['PATH']}"
    environment = inv.environment(PYTHONPATH=str(inv.folder), PATH=path)
    return run(inv.command(*words), inv.folder, environment)


@pytest.mark.parametrize("words", VERBS)
def test_a_verb_that_finds_the_disk_full_gives_no_verdict(
    inv: Inv, roms: Mapping[str, Rom], words: str
) -> None:
    done = on_a_full_disk(inv, *words.format(rom=roms["bare"].path).split(" "))
    assert (done.returncode, "pass" in done.stdout) == (2, False), done.stdout
    assert re.search(r"The temporary folder /\S+ (takes no more|cannot be used)", done.stderr)
    assert "No space left on device" in done.stderr
    assert "set TMPDIR to another" in done.stderr


def test_a_snapshot_that_finds_no_room_is_no_finding_about_a_rom(
    kit: Kit, roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> None:
    rules = kit.folder / "rules"
    rules.write_text(NO_SPACE)
    config = MachineConfig(qemu=kit.fake(FAILING.format(image=SNAPSHOT_IMAGE, rules=rules)))
    with pytest.raises(MachineError, match=r"QEMU could not savevm 'ready': "):
        list(count_calls(roms["native"], wedge_guest, config))
