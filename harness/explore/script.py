"""Scripts: a sequence of events as text, one a line, that the model and a ROM can be played.

    raise 5                     line 5 of the 8259s goes up; `lower 5`: down
    nmi
    call EnableInterrupts       a VMI call; `call SetInterruptMask 0x200`: with EAX
    eoi master                  non-specific; `eoi slave 1`: specific, of that chip's input 1
    gate 5 trap                 WriteIDTEntry for line 5; `gate 5 interrupt`: as it was;
                                `gate 5 none`: it is empty; `gate 5 absent`: it is not present;
                                `gate 5 past`: SetIDT, with a limit that leaves it out;
                                `gate 5 call`: it is a call gate
    int 0x80                    by whoever runs, the kernel or user code
    fault                       a selector past the GDT's limit: #GP with an error code
    switch                      UpdateKernelStack, and then POPF of an image with IF clear
    iret                        of the handler that runs
    resume on                   IRET to the kernel itself with IF set in the image; `resume off`
    user                        IRET to user mode; `user off`: with IF clear in the image
    sysexit                     to user mode by SYSEXIT
    sysenter                    user code comes back

The first line says `events BACKEND BUILD`, the build being that of the ROM's manifest. Empty lines
are allowed, and a # begins a comment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.errors import HarnessError
from harness.explore.pic import CHIPS

GATES = ("interrupt", "trap", "none", "absent", "call", "past")
"""Kinds of gates: of a vector with the last four the processor makes #GP, with `absent` #NP."""

HEADER = "events"


class ScriptError(HarnessError):
    """A line of a script makes no sense; the sentence names the line."""


class Player(Protocol):
    """What events happen to: the model, or a guest on a ROM."""

    def raise_line(self, line: int) -> None:
        """A line of the 8259s goes up."""

    def lower_line(self, line: int) -> None:
        """A line of the 8259s goes down."""

    def nmi(self) -> None:
        """A non-maskable interrupt."""

    def call(self, name: str, eax: int = 0) -> int | None:
        """A VMI call by the kernel; answers what GetInterruptMask does, None for all others."""

    def eoi(self, chip: str, line: int | None = None) -> None:
        """An EOI to one 8259; `line` is an input of that chip, None for a non-specific one."""

    def gate(self, line: int, kind: str) -> None:
        """The gate of a line becomes one of GATES."""

    def fault(self) -> None:
        """A #GP with an error code; the handler returns behind the instruction."""

    def switch(self) -> None:
        """UpdateKernelStack, and then POPF of flags that were taken with the real IF off."""

    def interrupt(self, vector: int) -> None:
        """INT n."""

    def iret(self) -> None:
        """IRET of the handler that runs."""

    def resume(self, interrupts: bool) -> None:
        """IRET to the kernel itself with this IF."""

    def to_user(self, interrupts: bool = True) -> None:
        """IRET to user mode with this IF."""

    def sysexit(self) -> None:
        """SYSEXIT."""

    def sysenter(self) -> None:
        """SYSENTER."""


@dataclass(frozen=True)
class Event:
    """One event: the verb of a script's line, and its words. Prints as that line."""

    verb: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.verb, *self.words))

    def happen(self, player: Player) -> int | None:
        """Let it happen; answers the result of a call."""
        words = self.words
        match self.verb:
            case "raise":
                player.raise_line(_number(words[0]))
            case "lower":
                player.lower_line(_number(words[0]))
            case "nmi":
                player.nmi()
            case "call":
                return player.call(words[0], *map(_number, words[1:]))
            case "eoi":
                player.eoi(words[0], *map(_number, words[1:]))
            case "gate":
                player.gate(_number(words[0]), words[1])
            case "fault":
                player.fault()
            case "switch":
                player.switch()
            case "int":
                player.interrupt(_number(words[0]))
            case "iret":
                player.iret()
            case "resume":
                player.resume(words[0] == "on")
            case "user":
                player.to_user(not words)
            case "sysexit":
                player.sysexit()
            case "sysenter":
                player.sysenter()
        return None


@dataclass(frozen=True)
class Script:
    """Events for one build of a ROM."""

    backend: str
    build_id: str
    events: tuple[Event, ...]

    def __str__(self) -> str:
        lines = [f"{HEADER} {self.backend} {self.build_id}", *map(str, self.events)]
        return "\n".join(lines) + "\n"


# What may follow each verb: tuples of words, "N" standing for a number.
_FORMS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "raise": (("N",),),
    "lower": (("N",),),
    "nmi": ((),),
    "call": (("NAME",), ("NAME", "N")),
    "eoi": tuple((chip, *line) for chip in CHIPS for line in ((), ("N",))),
    "gate": tuple(("N", kind) for kind in GATES),
    "fault": ((),),
    "switch": ((),),
    "int": (("N",),),
    "iret": ((),),
    "resume": (("on",), ("off",)),
    "user": ((), ("off",)),
    "sysexit": ((),),
    "sysenter": ((),),
}


def parse(text: str) -> Script:
    """The script that a text holds. Raises ScriptError, naming the line, where it is none."""
    lines = [
        (number, words)
        for number, line in enumerate(text.splitlines(), 1)
        if (words := line.partition("#")[0].split())
    ]
    if not lines or lines[0][1][0] != HEADER or len(lines[0][1]) != 3:
        raise ScriptError(
            f"A script begins with a line `{HEADER} BACKEND BUILD`; this one does not."
        )
    _, backend, build = lines[0][1]
    return Script(backend, build, tuple(_events(lines[1:])))


def _events(lines: Iterable[tuple[int, list[str]]]) -> Iterable[Event]:
    for number, (verb, *words) in lines:
        forms = _FORMS.get(verb)
        if forms is None:
            raise ScriptError(
                f"Line {number}: no event is called {verb!r}; give {', '.join(_FORMS)}."
            )
        if not any(_fits(form, words) for form in forms):
            usage = " or ".join(" ".join((verb, *form)) for form in forms)
            raise ScriptError(f"Line {number}: {' '.join((verb, *words))!r} is not {usage}.")
        yield Event(verb, tuple(words))


def _fits(form: tuple[str, ...], words: list[str]) -> bool:
    if len(form) != len(words):
        return False
    return all(
        _is_number(word) if wanted == "N" else wanted in ("NAME", word)
        for wanted, word in zip(form, words, strict=True)
    )


def _is_number(word: str) -> bool:
    try:
        return _number(word) >= 0
    except ValueError:
        return False


def _number(word: str) -> int:
    return int(word, 0)
