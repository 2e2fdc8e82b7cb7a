"""The two entries in the ROM's header: what a guest calls before it knows any other address.

They are no calls: they have no number, and a guest reaches them at fixed offsets of the image (VMI
ABI, "GetRelocationInfo" and "Init"). The convention is the default one of the calls.
"""

from dataclasses import dataclass

from rom.interface.call import Argument, Outcome, Result
from rom.interface.headers import GET_RELOCATION_INFO, VMI_INIT


@dataclass(frozen=True)
class Entry:
    """One entry: its name, its offset in bytes from the image's start, and the rest as in Call."""

    name: str
    offset: int
    meaning: str
    arguments: tuple[Argument, ...]
    results: tuple[Result, ...]
    outcomes: tuple[Outcome, ...]


ENTRIES = (
    Entry(
        "VMI_Init",
        VMI_INIT,
        "Puts the ROM to work where the guest sees it; the calls exist from then on.",
        (),
        (Result("EAX", "status", "0, or why it failed"),),
        (
            Outcome("a second call", "4, and nothing changes"),
            Outcome("the BIOS did not run the ROM's 16-bit init", "1, and nothing changes"),
            Outcome("the BIOS has no POST Memory Manager, or that has no room", "2 or 3"),
            Outcome("the block of RAM does not keep what is written to it", "5"),
        ),
    ),
    Entry(
        "GetRelocationInfo",
        GET_RELOCATION_INFO,
        "Answers where the stub of a call is and how it is reached.",
        (Argument("EAX", "number", "number of the call"),),
        (Result("EDX:EAX", "relocation", "EIP in EAX, type in DL"),),
        (
            Outcome("a number that no call has", "0: type NONE"),
            Outcome("a call that the ROM does not provide", "0: type NONE"),
            Outcome("any number before VMI_Init has succeeded", "0: type NONE"),
        ),
    ),
)
"""In the order of their offsets."""
