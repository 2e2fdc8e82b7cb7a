"""The wedge's source: constants, virtual CPU, open code, closed code, entries of the vectors.

*Open* code runs with the real IF as guest code has it. *Closed* code runs with the real IF off, and
stands in one piece between `closed_start` and `closed_end`, so that an NMI can tell where it came
from (see `arrive.s`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rom.source import Line, generated, read_source
from rom.wedge import virtual_cpu

_ROM = Path(__file__).parent.parent

WITH_ERROR_CODE = frozenset({8, 10, 11, 12, 13, 14, 17, 21})
"""Exceptions for which the processor pushes an error code (Intel SDM 3A, table 6-1)."""

NMI = 2
FIRST_EXTERNAL = 32
"""Vectors below are the processor's own (Intel SDM 3A, 6.2)."""


def source_file(name: str | Path) -> tuple[Line, ...]:
    """The lines of a source, with each `cpu(FIELD)` expanded.

    A name is that of a file below `rom/`, a Path that of one anywhere else. Raises SourceError.
    """
    path, shown = (_ROM / name, f"rom/{name}") if isinstance(name, str) else (name, str(name))
    return tuple(
        Line(virtual_cpu.expand(line.text), line.file, line.number)
        for line in read_source(path, shown)
    )


def vector_entries() -> Iterator[str]:
    """The 256 places that the shadow IDT points at, eight bytes each.

    Each pushes its vector, as the one signed byte that keeps it short, and goes on in `arrive.s`.
    """
    yield ".balign 8"
    yield "vectors:"
    for vector in range(256):
        target = "external"
        if vector == NMI:
            target = "nmi"
        elif vector < FIRST_EXTERNAL:
            target = "exception_with_error" if vector in WITH_ERROR_CODE else "exception"
        signed = vector if vector < 128 else vector - 256
        yield f"vector_{vector:02x}: pushl ${signed}; jmp {target}; .balign 8"


def wedge_source(
    open_files: Sequence[str | Path], closed_files: Sequence[str | Path]
) -> tuple[Line, ...]:
    """The whole wedge, from the virtual CPU at offset 0 to the label `wedge_end`."""
    lines = list(generated(virtual_cpu.constants(), "virtual_cpu"))
    start = [f"{virtual_cpu.LABEL}:", f".space {virtual_cpu.SIZE}"]
    lines += generated(start, "virtual_cpu")
    for name in open_files:
        lines += source_file(name)
    if closed_files:
        lines += generated([".balign 16", "closed_start:"], "vectors")
        for name in closed_files:
            lines += source_file(name)
        ends = ["closed_end:", ".balign 16", "shadow_idt:"]
        lines += generated([*vector_entries(), *ends], "vectors")
    lines += generated([".balign 16", "wedge_end:"], "wedge")
    return tuple(lines)
