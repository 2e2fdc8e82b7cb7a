"""QEMU versions side by side: Debian's packages unpacked into prefixes, one folder each.

A prefix needs no root and no chroot: its wrapper starts QEMU by the loader and with the libraries
of the suite that it came from. Prefixes are in a cache folder and found there without network.
"""

import fcntl
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from ci.matrix.archive import Apt, Archive
from ci.matrix.child import run
from ci.matrix.plan import Version
from harness.errors import HarnessError

CACHE_VARIABLE = "WEDGE_CACHE"
PROGRAM = "qemu-system-i386"
COMPLETE = "complete.json"
"""Written last: a prefix without it is not used."""

UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/icons")
"""What no QEMU reads, removed to save a tenth of the room."""

UNPACK_LIMIT = 120.0  # seconds a package

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Prefix:
    """A QEMU that can be started: `program` is its wrapper, `package` Debian's version of it."""

    folder: Path
    package: str

    @property
    def program(self) -> Path:
        """What to name as the QEMU to use."""
        return self.folder / "bin" / PROGRAM


def cache_folder() -> Path:
    """Where prefixes are kept: $WEDGE_CACHE, or `wedge` in the user's cache folder."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).absolute()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home).absolute() / "wedge"


def find_prefix(version: Version, cache: Path) -> Prefix | None:
    """The prefix of a version, None when there is none that is complete."""
    folder = _folder(version, cache)
    try:
        package = json.loads((folder / COMPLETE).read_text())["package"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    found = Prefix(folder, str(package))
    return found if os.access(found.program, os.X_OK) else None


def make_prefix(
    version: Version,
    cache: Path,
    archive: Archive,
    stop: threading.Event,
    progress: Progress = lambda text: None,
) -> Prefix:
    """The prefix of a version, from the cache or else from the archive.

    Raises HarnessError when its suite is not to be had on any of the mirrors, has another QEMU, or
    the folder cannot be written; Stopped when the stop was called. Half of a prefix is never found.
    """
    try:
        with _turn(cache, version):
            found = find_prefix(version, cache)
            return found or _make(version, cache, archive, stop, progress)
    except OSError as error:
        raise HarnessError(
            f"QEMU {version.version} cannot be kept in {cache}: {error.strerror or error}; "
            f"set {CACHE_VARIABLE} to a folder with 400 MB of room."
        ) from error


def remove_prefixes(cache: Path) -> list[Path]:
    """Remove all prefixes, complete or not, and answer their folders. Raises HarnessError."""
    folder = cache / "qemu"
    found = sorted(path for path in folder.glob("*") if path.is_dir())
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
            if not any(cache.iterdir()):
                cache.rmdir()
    except OSError as error:
        raise HarnessError(f"{folder} cannot be removed: {error.strerror or error}.") from error
    return found


def wrapper(root: Path) -> str:
    """The shell script that starts the QEMU unpacked in `root`, from the folder beside it.

    QEMU's modules, its firmware and every library come from the same suite: none of the host's.
    The script finds them by its own place, so that a cache folder may be moved. Raises
    HarnessError when no QEMU, or no loader for it, was unpacked.
    """
    program = root / "usr" / "bin" / PROGRAM
    if program.is_file() and program.read_bytes().startswith(b"#!"):
        program = (
            root / "usr" / "libexec" / PROGRAM
        )  # what is in bin is a script that may run Xen's
    try:
        with program.open("rb") as file:
            [segment] = ELFFile(file).iter_segments("PT_INTERP")
            loader = _inside(root, segment.data().rstrip(b"\0").decode())
    except (OSError, ELFError, ValueError):
        raise HarnessError(f"The packages hold no {PROGRAM} that can be started.") from None

    def place(path: Path) -> str:
        return f'"$root/{path.relative_to(root)}"'

    libraries = ":".join(map(place, sorted({path.parent for path in root.glob("**/lib*.so.*")})))
    modules = sorted(root.glob("usr/lib/**/qemu"))
    firmware = " ".join(f'-L "$root/usr/share/{name}"' for name in ("seabios", "qemu"))
    lines = ["#!/bin/sh", 'root=$(dirname "$(readlink -f "$0")")/../root']
    lines += [f"export QEMU_MODULE_DIR={place(path)}" for path in modules]
    lines += [f'exec {place(loader)} --library-path {libraries} {place(program)} {firmware} "$@"']
    return "\n".join(lines) + "\n"


def _make(
    version: Version, cache: Path, archive: Archive, stop: threading.Event, progress: Progress
) -> Prefix:
    final = _folder(version, cache)
    beside = final.with_name(f"{final.name}.new")
    for left in (final, beside):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        apt, package = _choose(version, beside / "apt", archive, stop, progress)
        progress(f"QEMU {package}: downloading")
        packages = apt.download(stop)
        root = beside / "root"
        root.mkdir()
        for number, path in enumerate(packages, 1):
            progress(f"QEMU {package}: unpacking {number} of {len(packages)}")
            done = run(
                ["dpkg-deb", "-x", str(path), str(root)], beside / "unpack.log", UNPACK_LIMIT, stop
            )
            if done.status != 0:
                raise HarnessError(f"{path.name} cannot be unpacked: {done.last_line}.")
            path.unlink()
        for name in UNUSED:
            shutil.rmtree(root / name, ignore_errors=True)
        shutil.rmtree(beside / "apt")
        (beside / "unpack.log").unlink(missing_ok=True)
        made = Prefix(beside, package)
        made.program.parent.mkdir()
        made.program.write_text(wrapper(root))
        made.program.chmod(0o755)
        (beside / COMPLETE).write_text(json.dumps({"package": package}) + "\n")
        beside.rename(final)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Prefix(final, package)


def _choose(
    version: Version, folder: Path, archive: Archive, stop: threading.Event, progress: Progress
) -> tuple[Apt, str]:
    """The first mirror that has the suite, and in it the version; and the package's version."""
    troubles = []
    for number, mirror in enumerate(archive.mirrors):
        progress(f"QEMU {version.version}: lists of {version.suites[0]}")
        apt = Apt(folder / str(number), archive, mirror, version.suites)
        try:
            apt.update(stop)
            package = apt.candidate(stop)
        except HarnessError as error:
            if stop.is_set():
                raise
            troubles.append(str(error))
            continue
        if is_of(package, version.version):
            return apt, package
        troubles.append(
            f"The suite {version.suites[0]} has QEMU {package} and not {version.version}; "
            "name the one or the other anew in ci/matrix.toml."
        )
    raise HarnessError(troubles[0])


def is_of(package: str, version: str) -> bool:
    """Whether Debian's version of a package, such as 1:7.2+dfsg-7, is of this upstream version."""
    upstream = package.partition(":")[2] or package
    rest = upstream.removeprefix(version)
    return rest != upstream and not rest[:1].isdigit()


def _folder(version: Version, cache: Path) -> Path:
    return cache / "qemu" / f"{version.version}-{version.suites[0]}"


@contextmanager
def _turn(cache: Path, version: Version) -> Iterator[None]:
    """Two runs that want the same prefix take turns."""
    (cache / "qemu").mkdir(parents=True, exist_ok=True)
    with (cache / "qemu" / f"{version.version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _inside(root: Path, path: str) -> Path:
    """A path of the suite's own file system, in its merged-/usr form or the older one."""
    for folder in (root, root / "usr"):
        found = folder / path.lstrip("/")
        if found.is_symlink():
            target = found.readlink()
            found = root / target.relative_to("/") if target.is_absolute() else found
        if found.exists():
            return found
    raise HarnessError(f"The packages hold no loader {path}.")
