"""The wedge's source: constants, data, open code, closed code, entries of the vectors.

The *data* have pages of their own before the code: the virtual CPU first, what all calls share, and
the shadow IDT. A store to a page that holds code costs an emulator, and a processor's caches, far
more than the store. All data start as zero, so the image carries the code alone.

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

PAGE = 4096

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
    open_files: Sequence[str | Path],
    closed_files: Sequence[str | Path] = (),
    data_files: Sequence[str | Path] = (),
) -> tuple[Line, ...]:
    """The whole wedge: data from offset 0, code from the label `code_start` to `code_end`.

    `wedge_end` is on the page boundary after that: where another processor's block begins.
    """
    lines = list(generated(virtual_cpu.constants(), "virtual_cpu"))
    start = [f"{virtual_cpu.LABEL}:", f".space {virtual_cpu.SIZE}"]
    lines += generated(start, "virtual_cpu")
    for name in data_files:
        lines += source_file(name)
    if closed_files:
        table = [f".org {PAGE // 2}", "shadow_idt:", f".space {PAGE // 2}"]
        lines += generated(table, "shadow_idt")
    lines += generated([f".org {PAGE}", "code_start:"], "wedge")
    for name in open_files:
        lines += source_file(name)
    if closed_files:
        lines += generated([".balign 16", "closed_start:"], "vectors")
        for name in closed_files:
            lines += source_file(name)
        lines += generated([*vector_entries(), "closed_end:"], "vectors")
    ends = ["code_end:", f".balign {PAGE}, 0", "wedge_end:", ".set STRIDE, wedge_end-virtual_cpu"]
    lines += generated(ends, "wedge")
    return tuple(lines)
