"""The VMI interface as data: what a guest and a ROM have agreed on, and nothing that runs.

One row a call feeds the stubs of the ROM, the include of the guests, the documentation, the
decoders and the tests. `calls` has the rows and finds them, `call` says what a row is, `headers`
has the layouts, `relocation` the record of GetRelocationInfo, `constants` the flags, `probe` the
checks of a guest that looks for a ROM, `entries` what it calls first, `include` and `page` the
texts generated from all that.
"""

from rom.interface.call import (
    GENERATIONS,
    Argument,
    Call,
    Category,
    Generation,
    Outcome,
    Requirement,
    Result,
    Segments,
)
from rom.interface.calls import CALLS, by_name, by_number, calls_of, check
from rom.interface.errors import InterfaceError, UnknownCall
from rom.interface.headers import offset_of
from rom.interface.include import assembly_include
from rom.interface.probe import ProbeStep, accepted, probe
from rom.interface.relocation import Relocation, RelocationType

__all__ = [
    "CALLS",
    "GENERATIONS",
    "Argument",
    "Call",
    "Category",
    "Generation",
    "InterfaceError",
    "Outcome",
    "ProbeStep",
    "Relocation",
    "RelocationType",
    "Requirement",
    "Result",
    "Segments",
    "UnknownCall",
    "accepted",
    "assembly_include",
    "by_name",
    "by_number",
    "calls_of",
    "check",
    "offset_of",
    "probe",
]
