"""What a test did to its machine, in words."""

import re
from collections.abc import Iterator, Sequence
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


def sentences(booted: Booted, deeds: Sequence[Deed]) -> tuple[str, ...]:
    """What was done, in sentences: those in a row that read alike as one, mere looks left out."""
    said = (text for texts in told(booted, deeds) for text in texts)
    return tuple(
        f"{text} ({count} times)" if (count := len(list(group))) > 1 else text
        for text, group in groupby(said)
    )


def told(booted: Booted, deeds: Sequence[Deed]) -> list[tuple[str, ...]]:
    """Of each deed what it was, none for one that changes nothing; a call is told at its first."""
    texts: list[tuple[str, ...]] = []
    while len(texts) < len(deeds):
        call = _call(booted, deeds[len(texts) : len(texts) + 3])
        if call:
            texts += [(call,), (), ()]
        else:
            texts.append(tuple(_of_deed(booted, deeds[len(texts)])))
    return texts


def _call(booted: Booted, deeds: Sequence[Deed]) -> str:
    """A call of the guest's code and its return, which takes three deeds; "" for other ones."""
    if [kind for kind, _ in deeds] != [WRITE, REGISTERS_SET, RUN]:
        return ""
    (address, data), registers, places = (arguments for _, arguments in deeds)
    assert isinstance(data, bytes)
    values = _pairs(registers)
    returns = [int.from_bytes(data[:4], "little")]
    if "eip" not in values or values.pop("esp", None) != address or list(places) != returns:
        return ""
    name = place_of(booted, values.pop("eip"))
    stack = [data[i : i + 4] for i in range(4, len(data), 4)]
    words = [f"{register} {value & 0xFFFFFFFF:x}" for register, value in values.items()]
    words += [f"{int.from_bytes(word, 'little'):x} on the stack" for word in stack]
    return f"calls {name}" + (f" with {', '.join(words)}" if words else "")


def _of_deed(booted: Booted, deed: Deed) -> Iterator[str]:
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


def _pairs(arguments: tuple[Argument, ...]) -> dict[str, int]:
    """Registers and what they are set to."""
    return {
        str(name): int(value) for name, value in zip(arguments[::2], arguments[1::2], strict=True)
    }


def _registers(booted: Booted, arguments: tuple[Argument, ...]) -> Iterator[str]:
    values = _pairs(arguments)
    eip = values.pop("eip", None)
    words = ", ".join(f"{name} {value & 0xFFFFFFFF:x}" for name, value in values.items())
    if eip is None:
        yield f"sets {words}"
    else:
        yield f"puts it at {place_of(booted, eip)}" + (f", {words}" if words else "")


def _bytes(booted: Booted, data: bytes) -> str:
    if len(data) == 4:
        place = place_of(booted, int.from_bytes(data, "little"))
        return place.removeprefix("0x") if place.startswith("0x") else f"the address of {place}"
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
