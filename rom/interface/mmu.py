"""Calls on page tables, the TLB and the lazy modes.

SetPxE and SetPxELong have no number in generation 13.0: its calls of these names (45 and 48) take
the pointer first and no flags, so they are other calls, not these.
"""

from rom.interface.call import (
    MEMORY_CLOBBERS,
    Argument,
    Call,
    Category,
    Outcome,
    Requirement,
    Result,
    numbers,
)

_TYPE = Argument("EDX", "flags", "PageType flags")
_LEVEL = "The level in the flags is a hint: Linux passes PT for some directory entries. "
_UNVERIFIED = (
    "The record has the number only; whether it takes addresses or frame numbers is not known. "
    "Where guest-physical memory is the machine's own the answer is right for both."
)
_UNMAPPED = Outcome(
    "an entry's address that is not mapped, as a null one may be", "#PF in the stub"
)
_ANY_FLAGS = Outcome("flags that are not known", "they are ignored, as all flags are")
_NOTHING = Outcome("any input", "nothing happens; no entry is looked at")
_ANY_PAGE = Outcome("a page that is no memory, or is registered twice or never", "nothing happens")

CALLS = (
    Call(
        "SetPxE",
        numbers(38),
        Category.MMU,
        "Stores a 32-bit page-table entry.",
        arguments=(
            Argument("EAX", "value", "new entry, with a guest-physical address"),
            Argument("EDX", "entry", "linear address of the entry"),
            Argument("ECX", "flags", "PteFlag flags and the linear address that the entry maps"),
        ),
        clobbers=MEMORY_CLOBBERS,
        notes=_LEVEL + "Generation 13.0 has another call of this name.",
        outcomes=(_UNMAPPED, _ANY_FLAGS),
    ),
    Call(
        "SetPxELong",
        numbers(39),
        Category.MMU,
        "Stores a 64-bit page-table entry without ever showing half of it as present.",
        arguments=(
            Argument("EDX:EAX", "value", "new entry, with a guest-physical address"),
            Argument("ECX", "entry", "linear address of the entry"),
            Argument(
                "[ESP+4]", "flags", "PteFlag flags and the linear address that the entry maps"
            ),
        ),
        clobbers=MEMORY_CLOBBERS,
        notes=_LEVEL + "Generation 13.0 has another call of this name.",
        outcomes=(_UNMAPPED, _ANY_FLAGS),
    ),
    Call(
        "UpdatePxE",
        numbers(40),
        Category.MMU,
        "Tells that the guest has changed a 32-bit entry by an instruction of its own.",
        arguments=(
            Argument("EAX", "entry", "linear address of the entry"),
            Argument("EDX", "flags", "PteFlag flags and the linear address that the entry maps"),
        ),
        outcomes=(_NOTHING,),
    ),
    Call(
        "UpdatePxELong",
        numbers(41),
        Category.MMU,
        "Tells that the guest has changed a 64-bit entry by an instruction of its own.",
        arguments=(
            Argument("EAX", "entry", "linear address of the entry"),
            Argument("EDX", "flags", "PteFlag flags and the linear address that the entry maps"),
        ),
        outcomes=(_NOTHING,),
    ),
    Call(
        "MachineToPhysical",
        numbers(42),
        Category.MMU,
        "Translates from machine to guest-physical.",
        arguments=(Argument("EAX", "machine", "machine address or frame number"),),
        results=(Result("EAX", "physical", "guest-physical address or frame number"),),
        requirement=Requirement.UNUSED,
        notes=_UNVERIFIED,
        outcomes=(
            Outcome("an address or frame past the memory there is", "it comes back all the same"),
        ),
    ),
    Call(
        "PhysicalToMachine",
        numbers(43),
        Category.MMU,
        "Translates from guest-physical to machine.",
        arguments=(Argument("EAX", "physical", "guest-physical address or frame number"),),
        results=(Result("EAX", "machine", "machine address or frame number"),),
        requirement=Requirement.UNUSED,
        notes=_UNVERIFIED,
        outcomes=(
            Outcome("an address or frame past the memory there is", "it comes back all the same"),
        ),
    ),
    Call(
        "AllocatePage",
        numbers(44, 53),
        Category.MMU,
        "Registers a page that is going to be a page table or directory.",
        arguments=(
            Argument("EAX", "pfn", "page frame number"),
            _TYPE,
            Argument("ECX", "clone", "frame number of the source, with CLONE"),
            Argument("[ESP+4]", "start", "first entry to clone"),
            Argument("[ESP+8]", "count", "number of entries to clone"),
        ),
        notes="Linux copies the entries of a clone itself, so CLONE is a hint. ZEROED is not to be "
        "relied on: Linux says it of its boot directory, which is in use. In generation 13.0 PAE "
        "and PDP are both 0x04.",
        outcomes=(_ANY_PAGE, _ANY_FLAGS),
    ),
    Call(
        "ReleasePage",
        numbers(45, 54),
        Category.MMU,
        "Takes back what AllocatePage registered.",
        arguments=(Argument("EAX", "pfn", "page frame number"), _TYPE),
        notes="In generation 13.0 PAE and PDP are both 0x04.",
        outcomes=(_ANY_PAGE, _ANY_FLAGS),
    ),
    Call(
        "InvalPage",
        numbers(46, 55),
        Category.MMU,
        "Invalidates the TLB entry of one page, a large one too.",
        arguments=(Argument("EAX", "address", "linear address in the page"),),
        clobbers=MEMORY_CLOBBERS,
        outcomes=(Outcome("an address that is not mapped", "nothing happens"),),
    ),
    Call(
        "FlushTLB",
        numbers(47, 56),
        Category.MMU,
        "Flushes the TLB, global entries only when asked for.",
        arguments=(Argument("EAX", "flags", "FlushFlag flags: 1, or 3 for global entries too"),),
        clobbers=MEMORY_CLOBBERS,
        outcomes=(
            Outcome("flags without 1", "it is flushed as if 1 were set"),
            Outcome("3 while CR4.PGE is clear", "as 1: there are no global entries"),
            Outcome("flags that are not known", "they are ignored"),
        ),
    ),
    Call(
        "SetLinearMapping",
        numbers(48, 58),
        Category.MMU,
        "Tells where a range of guest-physical memory that holds page tables is mapped.",
        arguments=(
            Argument("EAX", "slot", "which of the four ranges, 0 to 3"),
            Argument("EDX", "address", "linear address of the range"),
            Argument("ECX", "pages", "number of pages"),
            Argument("[ESP+4]", "pfn", "first page frame number"),
        ),
        notes="A hint: doing nothing is right for a backend that reads entries where they are.",
        outcomes=(
            Outcome("a slot past 3", "nothing happens"),
            Outcome("no pages", "the slot is unused again"),
        ),
    ),
    Call(
        "SetLazyMode",
        numbers(73),
        Category.MMU,
        "Says which updates may be queued; OFF also carries out what is queued.",
        arguments=(Argument("EAX", "mode", "LazyMode: 0 off, 1 MMU updates, 2 CPU state"),),
        clobbers=MEMORY_CLOBBERS,
        notes="A value, not a set of bits; a backend that queues nothing need not provide it. "
        "FlushDeferredCalls of generation 13.0 is another call.",
        outcomes=(Outcome("a mode that is not known", "nothing happens"),),
    ),
)
