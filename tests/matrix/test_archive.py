"""Where packages come from: this machine's own mirror, and nothing that is not signed."""

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from ci.matrix.archive import Apt, Archive, configuration, mirrors, own_suites, sources
from ci.matrix.child import Stopped
from harness.errors import HarnessError

GO = threading.Event()

URIS = """\
'http://a.example/debian/dists/bookworm/InRelease' a_InRelease 0
'http://a.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' a_Packages 0
'http://a.example/debian/dists/bookworm/main/binary-all/Packages.xz' a_Packages 0
'http://a.example/debian-security/dists/bookworm-security/main/binary-amd64/Packages.xz' b 0
'https://b.example/apt/dists/bookworm/stable/binary-amd64/Packages.xz' c_Packages 0
'https://c.example/node/dists/nodistro/main/binary-amd64/Packages.xz' d_Packages 0
'mirror+file:/etc/apt/mirrors/debian.list/dists/unstable/main/binary-amd64/Packages.xz' e 0
"""


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """A mirror in a folder, with one small package and no signature, and a keyring of no keys."""
    mirror = tmp_path / "mirror"
    lists = mirror / "dists" / "bullseye" / "main" / "binary-amd64"
    lists.mkdir(parents=True)
    (lists / "Packages").write_text("")
    (mirror / "dists" / "bullseye" / "Release").write_text("Suite: bullseye\nCodename: bullseye\n")
    keyring = tmp_path / "keyring.gpg"
    keyring.write_bytes(b"")
    return Archive((f"file:{mirror}",), keyring)


def test_a_mirror_is_one_that_has_main_of_a_suite_of_debians() -> None:
    suites = {"bookworm", "unstable"}
    assert mirrors(URIS, suites) == (
        "http://a.example/debian",
        "mirror+file:/etc/apt/mirrors/debian.list",
    )
    assert mirrors(URIS, {"trixie"}) == ()


@pytest.mark.parametrize(
    ("text", "suites"),
    [
        ('ID=debian\nVERSION_CODENAME=bookworm\nNAME="Debian GNU/Linux"\n', {"bookworm"}),
        ("ID=ubuntu\nVERSION_CODENAME=noble\n", set()),
        ("ID=debian\n", set()),
    ],
)
def test_the_own_suite_is_debians_only(tmp_path: Path, text: str, suites: set[str]) -> None:
    path = tmp_path / "os-release"
    path.write_text(text)
    assert own_suites(path) == suites


def test_a_machine_that_does_not_say_what_it_is_has_no_suite(tmp_path: Path) -> None:
    assert own_suites(tmp_path / "none") == frozenset()


def test_the_sources_are_the_suites_of_the_mirror_with_the_keys_that_must_have_signed() -> None:
    archive = Archive(("http://a.example/debian",), Path("/keys/debian.gpg"))
    assert sources(archive, archive.mirrors[0], ("trixie-backports", "trixie")) == (
        "deb [signed-by=/keys/debian.gpg] http://a.example/debian trixie-backports main\n"
        "deb [signed-by=/keys/debian.gpg] http://a.example/debian trixie main\n"
    )


@pytest.mark.skipif(
    shutil.which("apt-config") is None, reason="apt-config is missing: it comes with Debian's apt"
)
def test_apt_reads_the_configuration_and_is_strict_by_it(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    file = tmp_path / "apt.conf"
    file.write_text(configuration(folder))
    dumped = subprocess.run(
        ["apt-config", "-c", str(file), "dump"], capture_output=True, text=True, check=True
    ).stdout
    assert f'Dir::State::lists "{folder}/lists";' in dumped
    assert 'Acquire::AllowInsecureRepositories "false";' in dumped
    assert 'APT::Get::AllowUnauthenticated "false";' in dumped
    assert "Invoke::" not in dumped


@pytest.mark.skipif(
    shutil.which("apt-get") is None, reason="apt-get is missing: it comes with Debian's apt"
)
def test_an_archive_that_nobody_signed_is_refused(archive: Archive, tmp_path: Path) -> None:
    apt = Apt(tmp_path / "apt", archive, archive.mirrors[0], ("bullseye",))
    with pytest.raises(HarnessError, match=r"suite bullseye is not to be had here: .*not signed"):
        apt.update(GO)


@pytest.mark.skipif(
    shutil.which("apt-get") is None, reason="apt-get is missing: it comes with Debian's apt"
)
def test_a_suite_that_the_mirror_does_not_have_is_told_in_one_sentence(
    archive: Archive, tmp_path: Path
) -> None:
    apt = Apt(tmp_path / "apt", archive, archive.mirrors[0], ("trixie",))
    with pytest.raises(HarnessError) as caught:
        apt.update(GO)
    said = str(caught.value)
    assert said.startswith("The suite trixie is not to be had here: ")
    assert "\n" not in said


def test_a_stop_ends_apt(archive: Archive, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    apt = Apt(tmp_path / "apt", archive, archive.mirrors[0], ("bullseye",))
    with pytest.raises(Stopped):
        apt.update(stop)
