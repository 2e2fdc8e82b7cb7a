"""The disk is full, for logs and for snapshots; or what is on it is not what was written."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.guest import GuestFile
from harness.machine.config import DEBUG_LOG, SNAPSHOT_IMAGE, MachineConfig
from harness.machine.logs import Logs
from harness.machine.process import Machine
from harness.machine.snapshot import Snapshot
from harness.rom import Rom
from tests.commands.toys import say
from tests.faults.kit import Kit
from tests.machine import toys

NO_SPACE = '[inject-error]\nevent = "write_aio"\nerrno = "28"\nonce = "off"\n'
"""QEMU's blkdebug: each write to the image finds the disk full (ENOSPC)."""

FULL_LOG = 'ln -s /dev/full "$folder/{}"; exec qemu-system-i386 "$@"'

GARBLE = 'head -c 262144 /dev/urandom >"$folder/snapshot.qcow2"; exec qemu-system-i386 "$@"'

FAILING = """for word; do
    shift
    case $word in *{image}) word=${{word%,file=*}},file.driver=blkdebug,file.config={rules}\
,file.image.filename=$folder/{image};; esac
    set -- "$@" "$word"
done
exec qemu-system-i386 "$@"
"""
"""QEMU with its snapshot image behind blkdebug and these rules."""


def with_snapshot(kit: Kit, qemu: str = "") -> MachineConfig:
    """A machine that counts, and can be saved."""
    kernel = toys.multiboot(kit.folder, toys.COUNT)
    return MachineConfig(kernel=kernel, snapshot=True, qemu=qemu)


def test_a_report_that_finds_the_disk_full_is_no_verdict(
    kit: Kit, roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> None:
    qemu = kit.fake(FULL_LOG.format(DEBUG_LOG))
    answer = kit.boot(wedge_guest.path, roms["native"].path, qemu=qemu)
    assert answer.status == 2
    assert "The guest is at `ready` and what it reported is not whole" in answer.said
    assert "set TMPDIR to another folder" in answer.said


def test_a_disk_that_is_full_before_the_start_is_named(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(MachineError, match=r"folder /\S+ cannot be used: No space.*set TMPDIR"):
        Machine(MachineConfig(snapshot=True)).start()


def test_output_that_finds_the_disk_full_is_an_error(kit: Kit) -> None:
    def verb() -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"all held")

    answer = kit.ask(verb)
    assert (answer.status, answer.said) == (2, "error: No space left on device")


def test_a_file_that_cannot_be_used_is_named_whichever_it_is(kit: Kit) -> None:
    answer = kit.ask((kit.folder / "gone").read_bytes)
    assert answer.status == 2
    assert answer.said == f"error: {kit.folder}/gone: No such file or directory"


def test_a_text_that_may_have_been_lost_is_no_failed_check(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(logs: Logs) -> None:
        raise MachineError(f"{logs} takes no more")

    guest = say("good bye") + toys.RESET
    assert kit.boot(guest, until="hello").status == 1
    monkeypatch.setattr(Logs, "check_room", full)
    assert kit.boot(guest, until="hello").status == 2
    assert kit.boot(guest, until="good bye").status == 0


def test_a_folder_with_no_room_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"gone takes no more \(.*\).* lost; make room"):
        Logs(tmp_path / "gone", ()).check_room()


def test_a_snapshot_that_finds_the_disk_full_is_an_error(kit: Kit) -> None:
    rules = kit.folder / "rules"
    rules.write_text(NO_SPACE)
    qemu = kit.fake(FAILING.format(image=SNAPSHOT_IMAGE, rules=rules))

    def verb() -> None:
        with Machine(with_snapshot(kit, qemu)) as machine:
            machine.wire().run_to(toys.ENTRY)
            Snapshot(machine, "ready").save()

    answer = kit.ask(verb)
    assert answer.status == 2
    assert "QEMU could not savevm 'ready': " in answer.said
    assert f"is there room in {kit.temporary}/wedge-" in answer.said


def test_an_image_that_is_garbled_before_the_start_is_refused_in_qemus_words(kit: Kit) -> None:
    answer = kit.ask(lambda: Machine(with_snapshot(kit, kit.fake(GARBLE))).start())
    assert answer.status == 2
    assert "Image is not in qcow2 format" in answer.said


def test_an_image_that_is_garbled_after_a_snapshot_is_an_error(kit: Kit) -> None:
    def verb() -> None:
        with Machine(with_snapshot(kit)) as machine:
            machine.wire().run_to(toys.ENTRY)
            snapshot = Snapshot(machine, "ready", [machine.wire()])
            snapshot.save()
            image = machine.gdb_socket.parent / SNAPSHOT_IMAGE
            with image.open("r+b") as file:
                file.write(b"\xa5" * image.stat().st_size)
            snapshot.restore()

    answer = kit.ask(verb)
    assert answer.status == 2
    assert "QEMU could not loadvm 'ready': " in answer.said
    assert "is its disk sound?" in answer.said
