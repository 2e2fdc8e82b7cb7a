"""Pieces of a machine's picture: what people need of registers and logs, and no more."""

import re
from collections.abc import Callable

from harness.machine.console import readable

LINES_SHOWN = 10
LINE_SHOWN = 200
"""Characters of a line, from its end; a guest gone wild ends none."""


def general_registers(ask: Callable[[str], str]) -> str:
    """`info registers` of each processor, without the floating point and vector registers.

    ask: gives a command to QEMU's human monitor.
    """
    registers = ask("info registers -a").replace("\r", "").strip()
    return re.sub(r"\nFCW=.*?(?=\s*\nCPU#|\Z)", "", registers, flags=re.DOTALL)


def last_lines(title: str, text: str) -> str:
    """The last lines of a log under its title; "" when it is empty."""
    lines = [f"  {_short(line)}" for line in readable(text)[-LINES_SHOWN:]]
    return "\n".join([f"last lines of the {title}:", *lines] * bool(lines))


def _short(line: str) -> str:
    return line if len(line) <= LINE_SHOWN else f"... {line[-LINE_SHOWN:]}"
