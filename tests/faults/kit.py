"""The verbs' work done in this process, as a verb does it: with its exit status and sentence."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from harness import cli
from harness.boot import BootRequest
from harness.boot import boot as boot_machine
from harness.machine.config import MachineConfig
from tests.commands.verbs import clean_inv, program
from tests.machine import toys


@dataclass(frozen=True)
class Answer:
    """What a user gets: the exit status, and what is said of the trouble."""

    status: int
    said: str


@dataclass(frozen=True)
class Kit:
    """folder: for the test's files. temporary: where the kit makes its own, with a short name."""

    folder: Path
    temporary: Path

    def ask(self, verb: Callable[[], object]) -> Answer:
        """Do what a verb does, and answer as it ends."""
        try:
            with cli.verb():
                verb()
        except Exit as end:
            return Answer(end.code, end.message or "")
        return Answer(0, "")

    def boot(
        self, guest: Path | bytes = toys.SPIN, rom: Path | None = None, **config: object
    ) -> Answer:
        """Boot a guest, foreign unless told otherwise, for `timeout` seconds at most."""
        path = guest if isinstance(guest, Path) else toys.multiboot(self.folder, guest)
        timeout, until = config.pop("timeout", 20.0), config.pop("until", "")
        request = BootRequest(
            rom or toys.option_rom(self.folder),
            path,
            MachineConfig(**config),  # type: ignore[arg-type]
            timeout,  # type: ignore[arg-type]
            until,  # type: ignore[arg-type]
        )
        trouble = ""

        def verb() -> None:
            nonlocal trouble
            report = boot_machine(request)
            failed = [check for check in report.log.checks if check.verdict != "pass"]
            trouble = "\n".join([*(f"{c.id} {c.detail}" for c in failed), report.trouble])
            cli.end_with(report.log.verdict)

        answer = self.ask(verb)
        return Answer(answer.status, answer.said or trouble)

    def fake(self, text: str) -> str:
        """A program for /bin/sh to start in QEMU's place; $folder is the machine's own."""
        find = "for word; do case $word in unix:*/qmp.sock) folder=${word#unix:};; esac; done"
        where = "folder=${folder%/qmp.sock}"
        return str(program(self.folder / "fake", f"{find}; {where}\n{text}"))


@contextmanager
def clean_kit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    """A kit; afterwards nothing that it started or wrote may be left."""
    with clean_inv(folder) as inv:
        monkeypatch.setattr(tempfile, "tempdir", str(inv.temporary))
        yield Kit(folder, inv.temporary)
