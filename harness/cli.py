"""What the verbs of `tasks.py` share: exit statuses, the JSON file, and the progress line."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from invoke.exceptions import Exit, ParseError
from invoke.program import Program
from rich.console import Console

from harness.errors import HarnessError
from harness.report.log import ERROR, PASS
from rom.build import write_file
from rom.errors import RomError

HELD, FAILED, COULD_NOT_ASK = 0, 1, 2
"""Exit statuses: all held; a check failed; usage, a missing tool, or QEMU would not start."""

INTERRUPTED = 130
"""What a shell makes of SIGINT."""


def usage_errors_are_status_2() -> None:
    """Have `inv` end with status 2 for a word it does not know; by itself it ends with 1."""
    parse_tasks = Program.parse_tasks

    def parse(self: Program) -> None:
        try:
            parse_tasks(self)
        except ParseError as error:
            raise Exit(f"inv: {error}; see inv --list and inv --help TASK", COULD_NOT_ASK) from None

    Program.parse_tasks = parse  # type: ignore[method-assign]


@contextmanager
def verb(json_file: str = "") -> Iterator[None]:
    """Turn what a verb raises into one sentence and the right exit status.

    A JSON file that was asked for is written for an error, too.
    """
    try:
        yield
    except (HarnessError, RomError) as error:
        if json_file:
            write_json(json_file, {"verdict": ERROR, "message": str(error)})
        raise Exit(f"error: {error}", COULD_NOT_ASK) from None
    except KeyboardInterrupt:
        raise Exit("interrupted", INTERRUPTED) from None
    except BrokenPipeError:
        _quiet_end()


def _quiet_end() -> NoReturn:
    """Whoever read our output has gone; say nothing more into it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise Exit(code=HELD)


def end_with(verdict: str) -> None:
    """End the verb with the status of its verdict."""
    if verdict != PASS:
        raise Exit(code=COULD_NOT_ASK if verdict == ERROR else FAILED)


def write_json(file: str, data: Any) -> None:
    """Write figures where they were asked for, whole or not at all. Raises BuildError."""
    write_file(Path(file), (json.dumps(data, indent=2) + "\n").encode())


@contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """A line on the terminal that says what goes on; nothing where there is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status(title) as status:
        yield lambda text: status.update(f"{title}: {text}")
