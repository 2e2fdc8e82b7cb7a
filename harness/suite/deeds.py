"""What a test did to its machine, in words."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from harness.booted import Booted
from harness.machine.injector import KEYBOARD_COMMAND, KEYBOARD_DATA, WRITE_OUTPUT_BUFFER
from harness.machine.journal import ASK, NMI, REGISTERS_SET, RUN, STEP, WRITE, Argument
from harness.suite.look import place_of

Deed = tuple[str, tuple[Argument, ...]]

MOST_BYTES = 16
"""Bytes of a store that are shown."""

ARRIVES = "arrives"
"""What ends a sentence about an interrupt that is raised."""

_LINE = re.compile(r"set_irq_in (\S+) unnamed-gpio-in (\d) ([01])$")


def sentences(booted: Booted, deeds: Iterable[Deed]) -> tuple[str, ...]:
    """A sentence a deed, those in a row that read alike as one; mere looks are left out."""
    said = (text for deed in deeds for text in of_deed(booted, deed))
    return tuple(
        f"{text} ({count} times)" if (count := len(list(group))) > 1 else text
        for text, group in groupby(said)
    )


def of_deed(booted: Booted, deed: Deed) -> Iterator[str]:
    """What a deed was; nothing for one that changes nothing."""
    kind, arguments = deed
    if kind == REGISTERS_SET:
        yield from _registers(booted, arguments)
    elif kind == WRITE:
        address, data = arguments
        assert isinstance(address, int)
        assert isinstance(data, bytes)
        yield f"writes {_bytes(booted, data)} at {place_of(booted, address)}"
    elif kind == RUN:
        places = (place_of(booted, int(address)) for address in arguments)
        yield f"lets it run to {' or '.join(places)}"
    elif kind == STEP:
        yield "steps one instruction" + (", interrupts let in" if arguments[0] else "")
    elif kind == NMI:
        yield f"NMI {ARRIVES}"
    elif kind == ASK:
        yield from _asked(booted, [str(request) for request in arguments])


def _registers(booted: Booted, arguments: tuple[Argument, ...]) -> Iterator[str]:
    values = dict(zip(arguments[::2], arguments[1::2], strict=True))
    eip = values.pop("eip", None)
    words = ", ".join(f"{name!s} {int(value) & 0xFFFFFFFF:x}" for name, value in values.items())
    if eip is None:
        yield f"sets {words}"
    else:
        yield f"puts it at {place_of(booted, int(eip))}" + (f", {words}" if words else "")


def _bytes(booted: Booted, data: bytes) -> str:
    if len(data) == 4:
        return place_of(booted, int.from_bytes(data, "little")).removeprefix("0x")
    return data[:MOST_BYTES].hex(" ") + (" ..." if len(data) > MOST_BYTES else "")


def _asked(booted: Booted, requests: list[str]) -> Iterator[str]:
    """Requests of qtest: lines that move, ports, messages."""
    for request in requests:
        words = request.split()
        if found := _LINE.match(request):
            line = int(found[2]) + 8 * _is_slave(booted, found[1])
            yield f"line {line} {ARRIVES}" if found[3] == "1" else f"line {line} is lowered"
        elif words[0] == "outb":
            port, value = int(words[1], 0), int(words[2], 0)
            if (port, value) == (KEYBOARD_COMMAND, WRITE_OUTPUT_BUFFER):
                continue  # the keyboard's byte follows
            if port == KEYBOARD_DATA:
                yield f"byte {value:x} of the keyboard {ARRIVES}"
            else:
                yield f"writes {value:x} to port {port:x}"
        elif words[0] not in ("inb", "inw", "inl", "readl", "readw", "readb"):
            yield request


def _is_slave(booted: Booted, path: str) -> bool:
    return booted.machine.injector.line_request(8, 0).split()[1] == path
