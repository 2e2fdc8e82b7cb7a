"""The programs that the kit starts: is each there, does it answer, and is it new enough."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.doctor.check import NOTE, Check
from harness.report.log import FAIL, PASS

ANSWER_LIMIT = 5.0
"""Seconds for a program to tell its version; each takes a tenth of one."""

FIRMWARE = "bios-256k.bin"
"""SeaBIOS as QEMU's machines load it."""


@dataclass(frozen=True)
class Tool:
    """A program: the Debian package that holds it, the oldest version that will do, and its use.

    optional: what cannot be done without it; "" for one that the kit needs.
    """

    program: str
    package: str
    oldest: tuple[int, ...]
    optional: str = ""


TOOLS = (
    Tool("qemu-system-i386", "qemu-system-x86", (5, 2)),
    Tool("gdb", "gdb", (10,)),
    Tool("as", "binutils", (2, 35), "The assembler's answers are not compared with GNU's."),
    Tool("ld", "binutils", (2, 35), "The assembler's answers are not compared with GNU's."),
)
"""The oldest versions are those of Debian bullseye."""

BOOT = Path("/boot")
MEMTEST = ("memtest86+*ia32*", "memtest86+*x32*", "mt86+*ia32*", "mt86+*x32*", "mt86+*i586*")
"""What releases of memtest86+ call their image for 32 bits, in BOOT."""


def check_tools() -> Iterator[Check]:
    """A check for each program, and for what comes with QEMU; all are asked side by side."""
    with ThreadPoolExecutor() as pool:
        firmware = pool.submit(_firmware)
        yield from pool.map(_check, TOOLS)
        yield firmware.result()
    yield _memtest()


def _check(tool: Tool) -> Check:
    name, wanted = f"machine/{tool.program}", f"{dotted(tool.oldest)} or newer"
    install = f"Install the Debian package {tool.package}."
    bad = NOTE if tool.optional else FAIL
    path = shutil.which(tool.program)
    if path is None:
        detail = f"{tool.program} was not found. {tool.optional}".strip()
        return Check(name, bad, None, "not found", wanted, detail, install)
    try:
        answer = _ask(path, "--version")
    except (OSError, subprocess.SubprocessError) as error:
        detail = f"{path} does not tell its version: {_reason(error)}."
        return Check(name, bad, None, "no answer", wanted, detail, install)
    # The first line may name a package of the distribution, in parentheses, before the version.
    first = re.sub(r"\(.*?\)", "", answer.partition("\n")[0])
    version = re.search(r"\d+(\.\d+)+", first)
    if version is None:
        detail = f"{path} does not tell its version."
        return Check(name, bad, None, "no version", wanted, detail, install)
    if numbers(version[0]) < tool.oldest:
        detail = f"{path} is too old."
        return Check(name, bad, None, version[0], wanted, detail, install)
    return Check(name, PASS, None, version[0], wanted, path)


def _firmware() -> Check:
    """SeaBIOS, where QEMU looks for it."""
    name, wanted = "machine/seabios", FIRMWARE
    qemu = shutil.which("qemu-system-i386")
    advice = "Install the Debian package seabios."
    try:
        folders = _ask(qemu, "-L", "help").split("\n") if qemu else []
    except (OSError, subprocess.SubprocessError):
        folders = []
    for folder in folders:
        if folder and (file := Path(folder) / FIRMWARE).is_file():
            return Check(name, PASS, None, "found", wanted, str(file.resolve()))
    detail = f"QEMU finds no {FIRMWARE}, and without a BIOS nothing boots."
    return Check(name, FAIL, None, "not found", wanted, detail, advice)


def _memtest() -> Check:
    name, wanted = "machine/memtest86+", "an image for 32 bits"
    found = [path for pattern in MEMTEST for path in BOOT.glob(pattern) if path.suffix != ".efi"]
    if found:
        return Check(name, PASS, None, "found", wanted, str(min(found)))
    detail = "It was not found; the test with a guest that knows nothing of VMI is left out."
    advice = "Install the Debian package memtest86+."
    return Check(name, NOTE, None, "not found", wanted, detail, advice)


def _ask(*command: str) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=ANSWER_LIMIT,
        check=True,
    )
    return done.stdout


def _reason(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer in {ANSWER_LIMIT:g} s"
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.strip().splitlines()
        return said[-1] if said else f"it ended with the status {error.returncode}"
    return str(error)


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers that compare, up to the first part that is none."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def dotted(version: tuple[int, ...]) -> str:
    """A version as it is written."""
    return ".".join(map(str, version))
