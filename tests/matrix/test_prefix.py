"""A QEMU in a prefix: made whole or not at all, found without network, run by its own loader."""

import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from ci.matrix import prefix
from ci.matrix.archive import Archive
from ci.matrix.plan import Version
from ci.matrix.prefix import (
    COMPLETE,
    cache_folder,
    find_prefix,
    is_of,
    make_prefix,
    remove_prefixes,
    wrapper,
)
from harness.errors import HarnessError

VERSION = Version("5.2", ("bullseye",), "Debian 11")
ARCHIVE = Archive(("file:/nowhere",), Path("/nowhere.gpg"))
GO = threading.Event()

needs_dpkg = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None, reason="dpkg-deb is missing: it comes with Debian's dpkg"
)


def tree(folder: Path) -> Path:
    """A root whose qemu-system-i386 is the machine's own echo, with the loader and library."""
    echo = Path(shutil.which("echo") or "/bin/echo").resolve()
    with echo.open("rb") as file:
        [segment] = ELFFile(file).iter_segments("PT_INTERP")
        loader = Path(segment.data().rstrip(b"\0").decode())
    libraries = folder / "usr/lib/some-triplet"
    for path in (folder / "usr/bin", libraries, folder / "usr/share/doc/qemu"):
        path.mkdir(parents=True)
    shutil.copy(echo, folder / "usr/bin/qemu-system-i386")
    at = folder / str(loader).lstrip("/")
    at.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(loader.resolve(), at)
    libc = next(loader.resolve().parent.glob("libc.so.6"))
    shutil.copy(libc, libraries / "libc.so.6")
    return folder


class FakeApt:
    """What Apt is, for a package made from a tree. `package` and `tree` are the test's."""

    package = "1:5.2+dfsg-11"
    build: Callable[[Path], Path] = staticmethod(tree)

    def __init__(self, folder: Path, *_: object) -> None:
        self._folder = folder
        folder.mkdir(parents=True)

    def update(self, stop: threading.Event) -> None:
        pass

    def candidate(self, stop: threading.Event) -> str:
        return self.package

    def download(self, stop: threading.Event) -> list[Path]:
        root = self.build(self._folder / "tree")
        (root / "DEBIAN").mkdir()
        control = "Package: qemu\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
        (root / "DEBIAN" / "control").write_text(control)
        path = self._folder / "qemu.deb"
        subprocess.run(
            ["dpkg-deb", "-Znone", "--build", root, path], check=True, capture_output=True
        )
        return [path]


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch) -> type[FakeApt]:
    """Takes the place of apt, for the time of a test."""

    class Fake(FakeApt):
        pass

    monkeypatch.setattr(prefix, "Apt", Fake)
    return Fake


def no_apt(*_: object) -> None:
    raise AssertionError("apt was asked")


@needs_dpkg
def test_a_prefix_is_made_from_packages_and_its_program_runs_by_its_own_loader(
    apt: type[FakeApt], tmp_path: Path
) -> None:
    cache = tmp_path / "a cache, ü"
    said: list[str] = []
    made = make_prefix(VERSION, cache, ARCHIVE, GO, said.append)
    assert made.package == "1:5.2+dfsg-11"
    done = subprocess.run(
        [made.program, "a b", "c"], capture_output=True, text=True, check=True, timeout=20
    )
    root = made.folder / "bin" / ".." / "root" / "usr" / "share"
    assert done.stdout == f"-L {root}/seabios -L {root}/qemu a b c\n"
    assert "QEMU 1:5.2+dfsg-11: unpacking 1 of 1" in said
    assert not (made.folder / "root/usr/share/doc").exists()
    assert sorted(path.name for path in made.folder.iterdir()) == ["bin", COMPLETE, "root"]


@needs_dpkg
def test_a_complete_prefix_is_found_again_without_apt_wherever_the_cache_is_moved(
    apt: type[FakeApt], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_prefix(VERSION, tmp_path / "cache", ARCHIVE, GO)
    monkeypatch.setattr(prefix, "Apt", no_apt)
    (tmp_path / "cache").rename(tmp_path / "moved")
    found = make_prefix(VERSION, tmp_path / "moved", ARCHIVE, GO)
    assert found == find_prefix(VERSION, tmp_path / "moved")
    assert subprocess.run([found.program, "x"], check=True, capture_output=True).stdout


@needs_dpkg
def test_half_of_a_prefix_is_not_used_and_is_made_anew(apt: type[FakeApt], tmp_path: Path) -> None:
    made = make_prefix(VERSION, tmp_path, ARCHIVE, GO)
    (made.folder / COMPLETE).unlink()
    assert find_prefix(VERSION, tmp_path) is None
    (made.folder / "root" / "left").touch()
    again = make_prefix(VERSION, tmp_path, ARCHIVE, GO)
    assert again == find_prefix(VERSION, tmp_path)
    assert not (again.folder / "root" / "left").exists()


@needs_dpkg
def test_packages_without_a_qemu_leave_nothing(apt: type[FakeApt], tmp_path: Path) -> None:
    def empty(folder: Path) -> Path:
        (folder / "usr/bin").mkdir(parents=True)
        return folder

    apt.build = staticmethod(empty)
    with pytest.raises(HarnessError, match="hold no qemu-system-i386"):
        make_prefix(VERSION, tmp_path, ARCHIVE, GO)
    assert [path.name for path in (tmp_path / "qemu").iterdir()] == ["5.2.lock"]


def test_a_suite_with_another_version_is_told(apt: type[FakeApt], tmp_path: Path) -> None:
    apt.package = "1:6.0+dfsg-1"
    with pytest.raises(HarnessError, match=r"suite bullseye has QEMU 1:6\.0\+dfsg-1 and not 5\.2"):
        make_prefix(VERSION, tmp_path, ARCHIVE, GO)
    assert find_prefix(VERSION, tmp_path) is None


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(HarnessError, match=r"cannot be kept in .*set WEDGE_CACHE"):
        make_prefix(VERSION, file, ARCHIVE, GO)


@pytest.mark.parametrize("complete", ["", "{}", "[]", '{"package": "1"}'])
def test_a_folder_without_all_of_it_is_no_prefix(tmp_path: Path, complete: str) -> None:
    folder = tmp_path / "qemu" / "5.2-bullseye"
    folder.mkdir(parents=True)
    (folder / COMPLETE).write_text(complete)
    assert find_prefix(VERSION, tmp_path) is None


def test_all_prefixes_are_removed_and_nothing_else(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for name in ("5.2-bullseye", "7.2-bookworm.new"):
        (cache / "qemu" / name).mkdir(parents=True)
    (cache / "other").touch()
    removed = remove_prefixes(cache)
    assert [path.name for path in removed] == ["5.2-bullseye", "7.2-bookworm.new"]
    assert [path.name for path in cache.iterdir()] == ["other"]
    assert remove_prefixes(cache) == []
    (cache / "other").unlink()
    (cache / "qemu").mkdir()
    remove_prefixes(cache)
    assert not cache.exists()


@pytest.mark.parametrize(
    ("package", "version", "same"),
    [
        ("1:7.2+dfsg-7+deb12u18", "7.2", True),
        ("1:11.1.3+ds-1~bpo13+1", "11.1", True),
        ("11.1", "11.1", True),
        ("1:11.12+ds-1", "11.1", False),
        ("1:10.0.13+ds-0", "11.1", False),
    ],
)
def test_a_package_is_of_the_version_that_it_begins_with(
    package: str, version: str, same: bool
) -> None:
    assert is_of(package, version) is same


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WEDGE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache/wedge"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/wedge")
    monkeypatch.setenv("WEDGE_CACHE", "here")
    assert cache_folder() == Path.cwd() / "here"


def test_a_wrapper_names_modules_firmware_and_libraries_of_its_suite_alone(tmp_path: Path) -> None:
    root = tree(tmp_path / "root")
    (root / "usr/lib/some-triplet/qemu").mkdir()
    text = wrapper(root)
    assert 'QEMU_MODULE_DIR="$root/usr/lib/some-triplet/qemu"' in text
    assert str(tmp_path) not in text
    assert text.endswith('"$@"\n')


def test_a_program_that_is_a_script_stands_for_the_one_in_libexec(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (root / "usr/libexec").mkdir()
    (root / "usr/bin/qemu-system-i386").rename(root / "usr/libexec/qemu-system-i386")
    (root / "usr/bin/qemu-system-i386").write_text("#!/bin/sh\n")
    assert '"$root/usr/libexec/qemu-system-i386"' in wrapper(root)
