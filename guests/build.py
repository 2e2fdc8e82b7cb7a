"""Assemble a guest: its `.s` files, the interface's include, and what two words of ours expand to.

`vmi(CALL)` becomes a patchable call site, `expect("ID", WANTED)` a check of EAX that the guest
reports. Both keep their line, so errors and debuggers show what was written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from guests.sites import COUNTED, NATIVE, SITE_SIZE
from rom.assembler import Assembly, assemble
from rom.build import write_file
from rom.elf import Section, executable
from rom.errors import RomError
from rom.interface.calls import calls_of
from rom.interface.include import assembly_include
from rom.source import Line, generated, read_source
from rom.wedge.source import WITH_ERROR_CODE

LOAD_ADDRESS = 0x100000
"""Where multiboot puts our guests: 1 MiB."""

SPACES: Mapping[str, int] = {"idt": 256 * 8, "kernel_stack": 8192, "user_stack": 1024}
"""Bytes at the end of every guest, each with a label at its start and NAME_top at its end."""

SECTIONS = (".text", ".data")
"""Each file begins in `.text`. What follows `.data` goes behind the code of all files, to pages of
its own: a store to a page with code costs an emulator dear, and two processors that do so at the
same time stop each other for milliseconds."""

_BASE = (
    *("checks/start.s", "checks/console.s", "checks/probe.s", "checks/tables.s"),
    *("checks/handlers.s", "checks/interrupts.s", "checks/descriptors.s"),
)
_CHECKS = (*_BASE, "checks/calls.s")
_EVERY = (
    *(*_BASE, "every/calls.s", "every/processor.s", "every/segments.s"),
    *("every/pages.s", "every/ports.s", "every/user.s", "every/native.s"),
)
_ALARM = (*_BASE, "alarm/calls.s", "alarm/alarms.s", "alarm/timed.s", "alarm/handlers.s")

_TWO = (
    *(*_BASE, "two/calls.s", "two/second.s", "two/first.s", "two/state.s"),
    *("two/interrupts.s", "two/storm.s", "two/alarms.s"),
)

GUESTS: Mapping[str, tuple[str, ...]] = {
    "checks": (*_CHECKS, "checks/flat.s"),
    "paged": (*_CHECKS, "checks/paging.s"),
    "every": (*_EVERY, "checks/flat.s", "every/flat.s"),
    "every-paged": (*_EVERY, "checks/paging.s", "every/paged.s"),
    "every-pae": (*_EVERY, "every/pae.s", "every/long.s"),
    "alarm": (*_ALARM, "checks/flat.s", "alarm/flat.s"),
    "alarm-paged": (*_ALARM, "checks/paging.s", "alarm/paged.s"),
    "two": (*_TWO, "checks/paging.s", "alarm/paged.s", "two/paged.s"),
    "two-pae": (*_TWO, "every/pae.s", "two/pae.s"),
}
"""The guests by name, each as its source files, named from this folder."""

WORKLOADS: Mapping[str, tuple[str, ...]] = {
    "bench": (
        *("bench/start.s", "checks/paging.s", "checks/console.s", "checks/probe.s"),
        *("checks/tables.s", "checks/handlers.s"),
        *("bench/entry.s", "bench/work.s", "bench/storm.s", "bench/calls.s", "bench/fork.s"),
        "bench/user.s",
    ),
}
"""Guests whose instructions are counted; they run without a ROM, too."""

UNKNOWN_CALLS = 8
"""How many numbers past the last call a guest asks GetRelocationInfo about, too."""

_VMI = re.compile(r"\bvmi\((\w+)\)")
_EXPECT = re.compile(r'\bexpect\("([^"]+)",\s*(.+)\)')


class GuestError(RomError):
    """A guest that is not known, or source of one that makes no sense."""


@dataclass(frozen=True)
class Guest:
    """An assembled guest: `elf` is what QEMU loads, `labels` where things are."""

    name: str
    assembly: Assembly

    @property
    def labels(self) -> Mapping[str, int]:
        """Linear addresses, which are physical ones here."""
        return self.assembly.labels

    @cached_property
    def elf(self) -> bytes:
        """A multiboot ELF with symbols and source lines."""
        return executable(Section(".text", self.assembly), "start", LOAD_ADDRESS)


@dataclass
class _Sites:
    forms: Mapping[str, str] = field(default_factory=lambda: NATIVE)
    calls: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)

    def expand(self, line: Line) -> Line:
        text = _EXPECT.sub(self._expect, _VMI.sub(lambda found: self._site(found, line), line.text))
        return Line(text, line.file, line.number)

    def _site(self, found: re.Match[str], line: Line) -> str:
        call = found[1]
        if call not in self.forms:
            raise GuestError(
                f"{line.file}:{line.number}: vmi({call}) has no native form; "
                "add one to guests/sites.py"
            )
        label = f"site_{len(self.calls)}"
        self.calls.append(call)
        return f"{label}: {self.forms[call]}; .set {label}_end, ."

    def _expect(self, found: re.Match[str]) -> str:
        self.checks.append(found[1])
        return f"pushl ${found[2]}; pushl $check_{len(self.checks) - 1}; call check_equal"


def guest_source(name: str, generation: str = "3.0") -> tuple[Line, ...]:
    """All lines of a guest. Raises GuestError for a name that is not known, SourceError."""
    files = {**GUESTS, **WORKLOADS}
    if name not in files:
        raise GuestError(f"there is no guest {name!r}; choose from {', '.join(files)}")
    sites = _Sites(COUNTED if name in WORKLOADS else NATIVE)
    lines = list(generated(assembly_include(generation).splitlines(), "vmi.inc"))
    known = len(calls_of(generation))
    numbers = {"CALLS_KNOWN": known, "CALL_COUNT": known + UNKNOWN_CALLS, "SITE_SIZE": SITE_SIZE}
    constants = [f".set {name}, {value}" for name, value in numbers.items()]
    lines += generated(constants, "guest")
    data: list[Line] = []
    for file in files[name]:
        section = lines
        for line in read_source(Path(__file__).parent / file, f"guests/{file}"):
            if line.text.strip() in SECTIONS:
                section = data if line.text.strip() == ".data" else lines
            else:
                section.append(sites.expand(line))
    lines += generated(_entries(), "entries")
    lines += generated(_tables(sites), "tables")
    lines += generated([".balign 4096"], "data")
    return (*lines, *data, *generated(_spaces(), "spaces"))


def build_guest(name: str, generation: str = "3.0") -> Guest:
    """Assemble a guest. Raises GuestError, SourceError and AssemblyError."""
    guest = Guest(name, assemble(guest_source(name, generation), LOAD_ADDRESS))
    _check_sites(guest.assembly)
    return guest


def _check_sites(assembly: Assembly) -> None:
    """Patching writes SITE_SIZE bytes: no site may be shorter."""
    for row in assembly.rows:
        if row.line.text.lstrip().startswith("site_") and row.size < SITE_SIZE:
            raise GuestError(
                f"{row.line.file}:{row.line.number}: the site has {row.size} bytes and patching "
                f"takes {SITE_SIZE}; pad its native form in guests/sites.py"
            )


def write_guest(guest: Guest, folder: Path) -> Path:
    """Write `NAME.elf` into a folder, whole or not at all; answer its path. Raises BuildError."""
    path = folder / f"{guest.name}.elf"
    write_file(path, guest.elf)
    return path


def _entries() -> Iterator[str]:
    """The places that the guest's gates point at: eight bytes each, with the vector pushed."""
    yield ".balign 8"
    yield "entries:"
    for vector in range(256):
        signed = vector if vector < 128 else vector - 256
        common = "entry_with_error" if vector in WITH_ERROR_CODE else "entry"
        yield f"entry_{vector:02x}: pushl ${signed}; jmp {common}; .balign 8"
    yield "entry: pushl (%esp); movl $0, 4(%esp)"
    yield "entry_with_error: andl $0xff, (%esp); jmp handler"


def _tables(sites: _Sites) -> Iterator[str]:
    """The call sites for `bind_calls`, and the checks' names."""
    yield ".balign 4"
    yield "sites:"
    for index, call in enumerate(sites.calls):
        yield f".long site_{index}, VMI_CALL_{call}, site_{index}_end"
    yield "sites_end:"
    for index, check in enumerate(sites.checks):
        yield f'check_{index}: .asciz "{check}"'


def _spaces() -> Iterator[str]:
    """What is zeroed at the end."""
    yield ".balign 16"
    for name, size in SPACES.items():
        yield f"{name}: .space {size}"
        yield f"{name}_top:"
