"""Debian's archive as this machine knows it: a mirror from its own apt configuration.

Nothing here names a mirror. A machine's sources may list its own suite alone; a mirror of Debian
has the others beside it, under the same address.
"""

import re
import subprocess
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ci.matrix.child import Done, run
from harness.errors import HarnessError, MissingTool

CLASSES = frozenset(("stable", "oldstable", "oldoldstable", "testing", "unstable", "sid"))
"""Suites that only Debian has; a machine's own codename is another (os-release)."""

KEYRINGS = tuple(
    Path("/usr/share/keyrings") / f"debian-archive-keyring.{suffix}" for suffix in ("gpg", "pgp")
)
"""Where the package debian-archive-keyring puts the archive's keys, in its older and newer form."""

PACKAGES = ("qemu-system-x86", "seabios")
OS_RELEASE = Path("/etc/os-release")
ASK_LIMIT, LISTS_LIMIT, DOWNLOAD_LIMIT = 60.0, 180.0, 600.0
"""Seconds for a question to apt, for a suite's package lists, and for its packages."""


@dataclass(frozen=True)
class Archive:
    """Where packages come from: mirrors, as apt writes them, and the keys that must have signed."""

    mirrors: tuple[str, ...]
    keyring: Path


def own_archive() -> Archive:
    """The archive that this machine installs from. Raises HarnessError when there is none."""
    keyring = next((path for path in KEYRINGS if path.is_file()), None)
    if keyring is None:
        raise HarnessError(
            "The keys of Debian's archive are not on this machine; "
            "install the Debian package debian-archive-keyring."
        )
    command = ["apt-get", "update", "--print-uris", "-o", "Debug::NoLocking=1"]
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, timeout=ASK_LIMIT, check=False
        )
    except FileNotFoundError:
        raise MissingTool("apt-get", "apt") from None
    except subprocess.TimeoutExpired:
        raise HarnessError(f"apt-get did not list its sources in {ASK_LIMIT:g} s.") from None
    found = mirrors(asked.stdout, CLASSES | own_suites(OS_RELEASE))
    if not found:
        raise HarnessError(
            "This machine's apt sources name no mirror of Debian; add one, "
            "or name a QEMU by its path with --qemu."
        )
    return Archive(found, keyring)


def mirrors(uris: str, suites: Collection[str]) -> tuple[str, ...]:
    """The mirrors that have the component main of one of the suites, each once.

    uris: what `apt-get update --print-uris` prints, which reads every form of sources.
    """
    found = re.findall(r"^'(\S+)/dists/([^/\s]+)/main/", uris, re.M)
    return tuple(dict.fromkeys(mirror for mirror, suite in found if suite in suites))


def own_suites(os_release: Path) -> frozenset[str]:
    """The codename of this machine's own Debian; none of any other system's."""
    try:
        said = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release.read_text(), re.M))
    except OSError:
        return frozenset()
    own = said.get("VERSION_CODENAME") if said.get("ID") == "debian" else None
    return frozenset([own] if own else [])


class Apt:
    """apt with sources, lists and a cache of its own, all in one folder.

    The rest of the machine's configuration holds: its proxy, its credentials, whether it looks at
    the date of a Release file. Signatures are checked whatever that says.
    """

    def __init__(self, folder: Path, archive: Archive, mirror: str, suites: Sequence[str]) -> None:
        self._folder = folder
        self._suites = tuple(suites)
        self._configuration = folder / "apt.conf"
        folder.mkdir(parents=True)
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(sources(archive, mirror, suites))
        self._configuration.write_text(configuration(folder))

    def update(self, stop: threading.Event) -> None:
        """Fetch the package lists. Raises HarnessError when a suite is not to be had."""
        done = self._run("update", LISTS_LIMIT, stop, "-o", "APT::Update::Error-Mode=any")
        if done.status != 0:
            names = " and ".join(self._suites)
            raise HarnessError(f"The suite {names} is not to be had here: {_reason(done)}.")

    def candidate(self, stop: threading.Event) -> str:
        """The version of QEMU's package that would be installed, such as 1:7.2+dfsg-7."""
        done = self._run("install", ASK_LIMIT, stop, "--simulate", PACKAGES[0])
        found = re.search(rf"^Inst {PACKAGES[0]} \((\S+)", done.said, re.M)
        if done.status != 0 or found is None:
            raise HarnessError(f"apt cannot install {PACKAGES[0]}: {_reason(done)}.")
        return found[1]

    def download(self, stop: threading.Event) -> list[Path]:
        """Fetch the packages and all that they depend on. Raises HarnessError."""
        done = self._run("install", DOWNLOAD_LIMIT, stop, "--download-only", *PACKAGES)
        if done.status != 0:
            raise HarnessError(f"The packages of {self._suites[0]} did not come: {_reason(done)}.")
        return sorted((self._folder / "cache" / "archives").glob("*.deb"))

    def _run(self, verb: str, limit: float, stop: threading.Event, *words: str) -> Done:
        command = ["apt-get", "-c", str(self._configuration), "-y", "--no-install-recommends"]
        if verb == "install":
            command += ["-t", self._suites[0]]
        log = self._folder / f"{verb}.log"
        return run([*command, verb, *words], log, limit, stop, {"LC_ALL": "C.UTF-8"})


def sources(archive: Archive, mirror: str, suites: Sequence[str]) -> str:
    """A sources.list: these suites of the mirror, and nothing but what those keys signed."""
    lines = (f"deb [signed-by={archive.keyring}] {mirror} {suite} main\n" for suite in suites)
    return "".join(lines)


def configuration(folder: Path) -> str:
    """A configuration of apt for a private tree; it is read after the machine's own."""
    places = {
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Cache::archives": folder / "cache" / "archives",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
    }
    switches = {
        "Acquire::AllowInsecureRepositories": "false",
        "Acquire::AllowWeakRepositories": "false",
        "Acquire::AllowDowngradeToInsecureRepositories": "false",
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::Languages": "none",
        "Binary::apt-get::APT::Keep-Downloaded-Packages": "true",
    }
    # The machine's own hooks are for its own packages: one of Docker's images removes archives.
    hooks = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "DPkg::Post-Invoke")
    lines = [f'{name} "{value}";' for name, value in (places | switches).items()]
    lines += [f"#clear {hook};" for hook in (*hooks, "APT::Update::Post-Invoke-Success")]
    return "\n".join(lines) + "\n"


def _reason(done: Done) -> str:
    """The first error in the words of apt, without a full stop."""
    if done.status is None:
        return "apt-get took too long"
    errors = re.findall(r"^E: (.*)$", done.said, re.M)
    return (errors[0] if errors else done.last_line).rstrip(".")
