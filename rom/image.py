"""The option ROM image: headers, 16-bit init, the two entries, and the wedge as a template.

The wedge is assembled as one relocatable piece. The image carries it as bytes, together with the
offsets to relocate, and its own code copies it to RAM (see `wedge/post.s`). Nothing in the image
depends on the machine that builds it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rom.assembler import Assembly, assemble
from rom.backends.backend import NEEDED_FEATURES, Backend
from rom.elf import Section, symbol_file
from rom.errors import RomError
from rom.interface import headers
from rom.interface.call import GENERATIONS, Call
from rom.interface.calls import CALLS, calls_of, check
from rom.interface.relocation import RelocationType
from rom.lint import check_prefixes
from rom.listing import listing
from rom.relocate import Relocatable, relocatable
from rom.source import Line, generated
from rom.wedge import virtual_cpu
from rom.wedge.source import source_file, wedge_source

ROM_VERSION = (0, 1)
"""Major and minor version of the ROM, as its PCI header and Linux's boot message show it."""

BUILDABLE = ("3.0",)
"""The generations that an image can be made for; others are known by their numbers alone."""

MANUFACTURER = "Wedge"

IMAGE_LIMIT = 0xFF * headers.ROM_UNIT
"""The length byte of an option ROM counts to 255 units (PCI Firmware Specification)."""

BLOCK_LIMIT = 48 * 1024
"""The largest block that SeaBIOS's POST Memory Manager was seen to grant below 1 MiB."""

START_SIZE = 2 * 4096
"""Bytes of the pages that processors start in: code and state, and page tables."""

MORE_PROCESSORS = "smp_"
"""Before the name of a stub: the one for machines with more than one processor."""

INIT_ERRORS: Mapping[int, str] = {
    1: "the BIOS did not run the ROM's 16-bit init, or the image could not be written during POST",
    2: "the BIOS has no POST Memory Manager",
    3: "the POST Memory Manager has no room below 1 MiB",
    4: "VMI_Init was called a second time",
    5: "the block that the POST Memory Manager gave is not RAM",
}
"""What a non-zero EAX of VMI_Init means; the INIT_ numbers of `wedge/init.s`."""


class ImageError(RomError):
    """The image cannot be made: too large, or a call that is promised has no stub."""


@dataclass(frozen=True)
class Image:
    """An option ROM and all that is known of it. `wedge` is linked at 0, `head` at offset 0."""

    backend: Backend
    generation: str
    content: bytes
    head: Assembly
    wedge: Relocatable
    block_size: int

    @property
    def name(self) -> str:
        """What its files are called, `BACKEND-GENERATION`."""
        return f"{self.backend.name}-{self.generation}"

    @property
    def build_id(self) -> str:
        """The SHA-256 of the image, in hexadecimal: the same source gives the same one."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def symbols(self) -> bytes:
        """An ELF object with the sections `.rom` and `.wedge`, for `add-symbol-file -s`."""
        return symbol_file([Section(".rom", self.head), Section(".wedge", self.wedge.assembly)])

    @cached_property
    def listing(self) -> str:
        """Address, bytes, place in the source and text of every line."""
        title = f"{self.name}: {self.backend.summary}"
        parts = [
            ("the image, from its start", self.head),
            ("the wedge, from the start of the RAM block", self.wedge.assembly),
        ]
        return listing(title, parts)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What a harness needs to know of the ROM, ready for JSON. Offsets and sizes in bytes.

        `lazy` says that the guest's IF is the virtual CPU's and not the processor's own; `calls`
        gives each call's relocation type and the offset of its stub in the RAM block, with one
        processor and (`smp_offset`) with more, and in `feature` the bit of CPUID leaf 1, EDX,
        without which GetRelocationInfo answers NONE. `block` is what each processor has of RAM (the
        blocks of several stand one after another), `post` the offsets in the image of what the
        16-bit init leaves there, `virtual_cpu` the fields of the virtual CPU from the block's
        start, `closed` the range of the block that runs with the real IF off, `asked` the offset
        of a byte a call: 1 once GetRelocationInfo was asked for it.
        """
        labels = self.wedge.assembly.labels
        closed = [labels["closed_start"], labels["closed_end"]] if self.backend.lazy else []
        return {
            "name": self.name,
            "backend": self.backend.name,
            "generation": self.generation,
            "version": "{}.{}".format(*ROM_VERSION),
            "build_id": self.build_id,
            "lazy": self.backend.lazy,
            "size": len(self.content),
            "signature": self.content[8:12].hex(),
            "entries": {
                "VMI_Init": headers.VMI_INIT,
                "GetRelocationInfo": headers.GET_RELOCATION_INFO,
            },
            "post": {
                name: self.head.labels[name]
                for name in (
                    "rom_physical",
                    "block_physical",
                    "post_status",
                    "processors",
                    "blocks",
                    "start_physical",
                )
            },
            "init_errors": {str(number): text for number, text in INIT_ERRORS.items()},
            "block": {
                "size": self.block_size,
                "pages": -(-self.block_size // 4096),
                "wedge": len(self.wedge.assembly.code),
                "relocations": len(self.wedge.relocations),
                "closed": closed,
                "shadow_idt": labels.get("shadow_idt"),
                "asked": labels["asked"],
            },
            "virtual_cpu": {
                name: {"offset": field.offset, "size": field.size}
                for name, field in virtual_cpu.FIELDS.items()
            },
            "calls": [self._call(call) for call in calls_of(self.generation)],
        }

    def _call(self, call: Call) -> dict[str, Any]:
        kind = self.backend.translation.get(call.name, RelocationType.NONE)
        provided = kind is not RelocationType.NONE
        stub, labels = self.backend.stub(call.name), self.wedge.assembly.labels
        return {
            "name": call.name,
            "number": call.number(self.generation),
            "feature": NEEDED_FEATURES.get(call.name),
            "type": kind.name,
            "offset": labels[stub] if provided else None,
            "smp_offset": labels.get(MORE_PROCESSORS + stub, labels[stub]) if provided else None,
        }


def build_image(backend: Backend, generation: str = "3.0") -> Image:
    """Assemble the ROM of a backend.

    Raises AssemblyError for source that cannot be assembled, ImageError for an image or a RAM
    block past its limit, for a stub that is missing and for a generation that is not known, and
    InterfaceError for rows of the interface that contradict each other.
    """
    check(CALLS)
    if generation not in BUILDABLE:
        known = ", ".join(BUILDABLE)
        raise ImageError(f"there is no generation {generation!r} to build; choose from {known}")
    source = wedge_source(backend.open_files, backend.closed_files, backend.data_files)
    wedge = relocatable(source)
    check_prefixes(wedge.assembly)
    block_size = len(wedge.assembly.code)
    if block_size > BLOCK_LIMIT:
        raise ImageError(
            f"{backend.name}: the wedge needs {block_size} bytes of RAM and a BIOS grants "
            f"{BLOCK_LIMIT} below 1 MiB; make it smaller"
        )
    template = _template(backend, wedge)
    head = _assemble_head(backend, generation, wedge, len(template))
    check_prefixes(head)
    image = bytearray(head.code + template)
    image += bytes(-len(image) % headers.ROM_UNIT)
    if len(image) > IMAGE_LIMIT:
        raise ImageError(
            f"{backend.name}-{generation}: the image has {len(image)} bytes and an option ROM at "
            f"most {IMAGE_LIMIT}; make the wedge smaller"
        )
    image[head.labels["rom_length"]] = len(image) // headers.ROM_UNIT
    image[head.labels["pci_length"]] = len(image) // headers.ROM_UNIT
    pnp = head.labels["pnp_header"]
    image[head.labels["pnp_checksum"]] = -sum(image[pnp : pnp + 32]) & 0xFF
    image[head.labels["rom_checksum"]] = -sum(image) & 0xFF
    return Image(backend, generation, bytes(image), head, wedge, block_size)


def _template(backend: Backend, wedge: Relocatable) -> bytes:
    """The code of the wedge, as the image carries it; the data before it are all zero."""
    code, labels = wedge.assembly.code, wedge.assembly.labels
    if any(code[: labels["code_start"]]):
        raise ImageError(f"{backend.name}: data start as zero; set them in backend_init instead")
    return code[labels["code_start"] : labels["code_end"]]


def _call_table(backend: Backend, generation: str, labels: Mapping[str, int]) -> Iterator[str]:
    """A dword a call: its stub's offset in the block, type << 16, CPUID bit << 24; 0 for NONE.

    One table for a machine with one processor, and one for more.
    """
    for prefix in ("", MORE_PROCESSORS):
        for call in calls_of(generation):
            kind = backend.translation.get(call.name, RelocationType.NONE)
            if kind is RelocationType.NONE:
                yield f".long 0  # {call.name}"
                continue
            stub = backend.stub(call.name)
            if stub not in labels:
                raise ImageError(
                    f"{backend.name} promises {call.name} and has no stub for it; "
                    f"add the label {stub}: to one of its source files"
                )
            target = labels.get(prefix + stub, labels[stub])
            needed = NEEDED_FEATURES.get(call.name, 0)
            yield f".long {needed << 24 | kind << 16 | target:#x}  # {prefix}{call.name}"


def _assemble_head(
    backend: Backend, generation: str, wedge: Relocatable, template_size: int
) -> Assembly:
    """The image itself, from the header to where the template begins, at address 0."""
    api = GENERATIONS[generation]
    labels = wedge.assembly.labels
    numbers = {
        "API_MAJOR": api.major,
        "API_MINOR": api.minor,
        "ROM_MAJOR": ROM_VERSION[0],
        "ROM_MINOR": ROM_VERSION[1],
        "CALL_COUNT": len(calls_of(generation)),
        "TEMPLATE_SIZE": template_size,
        "CODE_START": labels["code_start"],
        "STRIDE": labels["wedge_end"],
        "MOST_BLOCKS": BLOCK_LIMIT // labels["wedge_end"] if backend.lazy else 1,
        "START_SIZE": START_SIZE,
        "BACKEND_INIT": labels["backend_init"],
        "LINEAR_OFFSET": labels["linear_offset"],
        "START_PAGE": labels["start_page"],
        "START_GO": labels["start_go"] - labels["start_code"],
        "FEATURES": labels["features"],
        "ASKED": labels["asked"],
    }
    before = list(generated(virtual_cpu.constants(), "virtual_cpu"))
    before += generated((f".set {name}, {value}" for name, value in numbers.items()), "image")
    after: list[Line] = []
    for name in ("wedge/header.s", "wedge/post.s", "wedge/init.s"):
        after += source_file(name)
    strings = [
        f'manufacturer: .asciz "{MANUFACTURER}"',
        f'product: .asciz "VMI ROM, {backend.name}"',
    ]
    after += generated(strings, "strings")
    table = _call_table(backend, generation, labels)
    after += generated([".balign 4", "calls:", *table], "calls")
    offsets = _data(".word", wedge.relocations, 8)
    after += generated(["relocations:", *offsets, "relocations_end:"], "relocations")
    # The template itself is only appended: it was assembled already.
    after += generated([".balign 16", "template:"], "template")
    return assemble([*before, *after])


def _data(directive: str, values: Any, per_line: int) -> Iterator[str]:
    for start in range(0, len(values), per_line):
        yield f"{directive} " + ", ".join(str(value) for value in values[start : start + per_line])
