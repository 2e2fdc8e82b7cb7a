"""What the verbs of `tasks.py` share: exit statuses, the JSON file, and the progress line."""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from invoke.exceptions import Exit, ParseError
from invoke.parser.parser import ParseMachine
from invoke.program import Program
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from harness.errors import HarnessError
from harness.machine.console import LiveText
from harness.report.log import ERROR, PASS
from rom.build import BuildError, write_file
from rom.errors import RomError

HELD, FAILED, COULD_NOT_ASK = 0, 1, 2
"""Exit statuses: all held; a check failed; usage, a missing tool, or QEMU would not start."""

SIGNALLED = 128
"""A shell adds this to the number of the signal that ended a program."""

INTERRUPTED = SIGNALLED + signal.SIGINT

AGAIN = 0.05
"""Seconds until a signal that was dropped is sent again."""


def exit_statuses_are_the_kits() -> None:
    """Have `inv` end with 2 for words that make no sense, and with 130 for Ctrl-C before the verb
    has begun; by itself it ends with 1.

    What `inv` alone does not know: an option of one letter may also be given with two dashes, and
    a positional argument may be left out; it is "" then.
    """
    parse_tasks, parse_cleanup = Program.parse_tasks, Program.parse_cleanup
    begin = Program.execute

    def tasks(self: Program) -> None:
        words = (re.sub(r"^--(?=\w(=|$))", "-", word) for word in self.core.unparsed)
        self.core.unparsed = list(words)
        with _usage_errors():
            parse_tasks(self)

    def cleanup(self: Program) -> None:
        with _usage_errors():
            parse_cleanup(self)

    def execute(self: Program) -> None:
        try:
            begin(self)
        except KeyboardInterrupt:
            raise Exit("interrupted", INTERRUPTED) from None

    complete = ParseMachine.complete_context

    def complete_context(self: ParseMachine) -> None:
        for argument in self.context.missing_positional_args if self.context else []:
            argument.value = ""
        complete(self)

    ParseMachine.complete_context = complete_context  # type: ignore[method-assign]
    Program.parse_tasks = tasks  # type: ignore[method-assign]
    Program.parse_cleanup = cleanup  # type: ignore[method-assign]
    Program.execute = execute  # type: ignore[method-assign]


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except ParseError as error:
        raise Exit(f"inv: {error}; see inv --list and inv --help TASK", COULD_NOT_ASK) from None
    except ValueError as error:  # a number that is none, which inv does not catch
        text = f"inv: an option has no value of its kind: {error}; see inv --help TASK"
        raise Exit(text, COULD_NOT_ASK) from None


@contextmanager
def verb(json_file: str = "") -> Iterator[None]:
    """Turn what a verb raises into one sentence and the right exit status.

    A JSON file that was asked for is written for an error, too. SIGTERM and the end of the
    terminal (SIGHUP, unless nohup holds it off) end the verb as Ctrl-C does, so that it cleans up.
    """
    with _signals() as came:
        try:
            yield
        except KeyboardInterrupt as interrupt:
            raise Exit(str(interrupt) or "interrupted", INTERRUPTED) from None
        except BrokenPipeError:
            _quiet_end()
        except Exception as error:
            if came:  # it broke what was going on, and that failed before it was given up
                raise Exit("interrupted", SIGNALLED + came[0]) from None
            if isinstance(error, HarnessError | RomError):
                if json_file:
                    with suppress(BuildError):  # the error may be that it cannot be written
                        write_json(json_file, {"verdict": ERROR, "message": str(error)})
                raise Exit(f"error: {error}", COULD_NOT_ASK) from None
            if isinstance(error, OSError):  # no room, no permission, no more files to open
                where = f"{error.filename}: " if error.filename else ""
                raise Exit(f"error: {where}{error.strerror or error}", COULD_NOT_ASK) from None
            raise


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Have the signals that end a verb raise what ends it; answers those that came.

    Python drops what a signal's handler raises in a destructor: then the signal is sent again.
    """
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> NoReturn:
        came.append(number)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(SIGNALLED + number)

    def dropped(unraisable: "sys.UnraisableHookArgs") -> None:
        if came and issubclass(unraisable.exc_type, KeyboardInterrupt | SystemExit):
            main = threading.main_thread().ident
            assert main is not None
            threading.Timer(AGAIN, signal.pthread_kill, (main, came[-1])).start()
        else:
            hook(unraisable)

    hook, sys.unraisablehook = sys.unraisablehook, dropped
    ends = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    taken = [each for each in ends if signal.getsignal(each) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in taken}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook


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


class Progress:
    """A line on the terminal that says what goes on, until a guest has something to say."""

    def __init__(self, title: str, status: Status | None) -> None:
        self._title = title
        self._status = status
        self._live = LiveText()
        self._shown = False

    def __call__(self, text: str) -> None:
        """Say what goes on."""
        if self._status is not None:
            self._status.update(f"{escape(self._title)}: {text}")

    def show(self, data: bytes) -> None:
        """Print what a guest writes to its serial console, as it comes, made safe to print."""
        self._print(self._live.feed(data))

    def close(self) -> None:
        """End the guest's last line, and set it apart from what follows."""
        self._print(self._live.feed(b"", final=True))
        if self._shown:
            print()

    def _print(self, text: str) -> None:
        if not text:
            return
        if self._status is not None:  # the two would write over each other
            self._status.stop()
            self._status = None
        self._shown = True
        encoding = sys.stdout.encoding
        print(text.encode(encoding, "replace").decode(encoding), end="", flush=True)


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """A line on the terminal that says what goes on; none where there is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with closing(Progress(title, None)) as shown:
            yield shown
        return
    with console.status(escape(title)) as status, closing(Progress(title, status)) as shown:
        yield shown
