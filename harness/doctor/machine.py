"""Is this machine ready: tools, packages, and places to write to."""

import os
import shutil
import tempfile
from pathlib import Path

from harness.doctor.check import NOTE, Check, Diagnosis, Group
from harness.doctor.packages import check_packages
from harness.doctor.tools import check_tools
from harness.machine.config import QTEST_SOCKET
from harness.machine.process import SOCKET_PATH_LIMIT
from harness.report.log import FAIL, PASS

KVM = Path("/dev/kvm")
MIB = 1 << 20
ROOM = 200 * MIB
"""Bytes free in a folder that a suite writes to: logs, snapshots and images, with some to spare."""

MACHINE_FOLDER = "wedge-12345678"
"""A name as long as that of the folder that a running machine has below the temporary one."""


def this_machine(build: Path) -> Diagnosis:
    """Look at this machine; build: the folder that the kit builds into. Takes under a second."""
    checks = (*check_packages(), *check_tools(), _kvm(), _temporary(), _build(build))
    return Diagnosis("", (Group("This machine is ready", checks),))


def _kvm() -> Check:
    name, wanted = "machine/kvm", "readable and writable, for --accel kvm"
    if not KVM.exists():
        value, why = "not there", f"{KVM} is not there"
        advice = "Nothing to do: tcg is the default. Else load the module kvm_intel or kvm_amd."
    elif not os.access(KVM, os.R_OK | os.W_OK):
        value, why = "no access", f"{KVM} is not for this user"
        advice = "Nothing to do: tcg is the default. Else join the group kvm."
    else:
        return Check(name, PASS, None, "accessible", wanted)
    return Check(name, NOTE, None, value, wanted, f"{why}, so --accel kvm will not work.", advice)


def _temporary() -> Check:
    name = "machine/temporary-folder"
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:
        detail = "No temporary folder can be written, and a machine's sockets live in one."
        return Check(name, FAIL, None, "none", "a folder", detail, "Set TMPDIR to one that can.")
    socket = folder / MACHINE_FOLDER / QTEST_SOCKET
    if len(os.fsencode(socket)) > SOCKET_PATH_LIMIT:
        detail = f"{folder} has too long a name: a machine's sockets in it cannot be opened."
        wanted = f"{SOCKET_PATH_LIMIT} bytes for {socket.name}"
        return Check(name, FAIL, None, "too long", wanted, detail, "Set TMPDIR to a shorter one.")
    return _folder(name, folder, "Set TMPDIR to another folder.")


def _build(build: Path) -> Check:
    """The nearest folder above that is there, if the build folder is not made yet."""
    while not build.exists() and build != build.parent:
        build = build.parent
    return _folder("machine/build-folder", build, "Take another checkout, or `--out` for a build.")


def _folder(name: str, folder: Path, advice: str) -> Check:
    wanted = f"{ROOM // MIB} MiB free"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
        free = shutil.disk_usage(folder).free
    except OSError as error:
        detail = f"{folder} cannot be written: {error.strerror}."
        return Check(name, FAIL, None, "not writable", wanted, detail, advice)
    value = f"{free // MIB} MiB free"
    if free < ROOM:
        detail = f"{folder} is nearly full."
        return Check(name, FAIL, None, value, wanted, detail, f"Make room. {advice}")
    return Check(name, PASS, None, value, wanted, str(folder))
