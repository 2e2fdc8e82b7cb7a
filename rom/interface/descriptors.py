"""Calls on the descriptor tables, their registers, the task register and the kernel stack."""

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

_REGISTER = Argument("EAX", "register", "address of a 6-byte limit and base, as for LGDT")
_BUFFER = Argument("EAX", "buffer", "address of 6 bytes to fill, as for SGDT")
_ENTRY = (
    Argument("EAX", "table", "linear address of the table"),
    Argument("EDX", "index", "index of the entry"),
    Argument("ECX", "low", "low dword of the descriptor"),
    Argument("[ESP+4]", "high", "high dword of the descriptor"),
)
_STORES = "The native effect is two dword stores at table + 8 * index. "
_LIVE = (
    "Whether a descriptor in use is also reloaded is left open: the native effect does not, "
    "a backend that does says so. "
)
_UNMAPPED = Outcome("an address that is not mapped, as a null one may be", "#PF in the stub")
_PAST_TABLE = Outcome("an index past 8191, where no table reaches", "nothing is stored")
_PAST_LIMIT = "an index past the table's limit"
_STORED = Outcome(_PAST_LIMIT, "stored: a guest may fill a table before it makes it longer")
_ELSEWHERE = Outcome("a table that is not in use", "it is written like any memory")

CALLS = (
    Call(
        "SetGDT",
        numbers(3, 8),
        Category.DESCRIPTORS,
        "Makes a table the GDT.",
        arguments=(_REGISTER,),
        clobbers=MEMORY_CLOBBERS,
        notes="All segment registers may be reloaded: a selector in use must be valid or null.",
        outcomes=(
            _UNMAPPED,
            Outcome("the largest limit", "it has 16 bits, so a GDT ends at 64 KiB"),
            Outcome(
                "a selector in use that is not valid in the new table",
                "#GP in the stub at its load; the new table is in use by then",
            ),
        ),
    ),
    Call(
        "SetLDT",
        numbers(4, 9),
        Category.DESCRIPTORS,
        "Loads LDTR from the GDT.",
        arguments=(Argument("EAX", "selector", "selector of the LDT in the GDT, 0 for none"),),
        clobbers=MEMORY_CLOBBERS,
        notes="Segment registers may be reloaded. Linux writes the GDT entry first.",
        outcomes=(
            Outcome("a selector that names no LDT", "#GP, or #NP for one not present, in the stub"),
        ),
    ),
    Call(
        "SetIDT",
        numbers(5, 10),
        Category.DESCRIPTORS,
        "Makes a table the IDT.",
        arguments=(_REGISTER,),
        clobbers=MEMORY_CLOBBERS,
        notes="The table belongs to the backend from then on and may be changed.",
        outcomes=(
            _UNMAPPED,
            Outcome(
                "a table that is not mapped as far as its limit",
                "#PF in the stub where the backend reads the table, else at the first vector",
            ),
            Outcome("a limit past 0x7FF", "there are 256 vectors, the rest is never looked at"),
            Outcome(
                "an interrupt whose vector has no gate",
                "#GP with the vector in its error code, #NP for a gate that is not present, when "
                "it is delivered",
            ),
            Outcome("an exception whose vector has no gate", "a double fault, as by the processor"),
        ),
    ),
    Call(
        "SetTR",
        numbers(6, 11),
        Category.DESCRIPTORS,
        "Loads the task register.",
        arguments=(Argument("EAX", "selector", "selector of the TSS in the GDT"),),
        clobbers=MEMORY_CLOBBERS,
        outcomes=(
            Outcome(
                "a selector that is null, past the GDT's limit, of an LDT or of no TSS",
                "#GP in the stub; the GDT stays as it was",
            ),
            Outcome("the TSS that is in use, or one left busy", "it is loaded"),
        ),
    ),
    Call(
        "GetGDT",
        numbers(7, 12),
        Category.DESCRIPTORS,
        "Stores the limit and base of the guest's GDT.",
        arguments=(_BUFFER,),
        results=(Result("[EAX] 6 bytes", "register", "limit and base as the guest set them"),),
        clobbers=MEMORY_CLOBBERS,
        outcomes=(_UNMAPPED,),
    ),
    Call(
        "GetLDT",
        numbers(8, 13),
        Category.DESCRIPTORS,
        "Reads the guest's LDTR.",
        results=(Result("EAX", "selector", "selector as the guest set it"),),
        clobbers=MEMORY_CLOBBERS,
        requirement=Requirement.UNUSED,
    ),
    Call(
        "GetIDT",
        numbers(9, 14),
        Category.DESCRIPTORS,
        "Stores the limit and base of the guest's IDT.",
        arguments=(_BUFFER,),
        results=(Result("[EAX] 6 bytes", "register", "limit and base as the guest set them"),),
        clobbers=MEMORY_CLOBBERS,
        outcomes=(_UNMAPPED,),
    ),
    Call(
        "GetTR",
        numbers(10, 15),
        Category.DESCRIPTORS,
        "Reads the guest's task register.",
        results=(Result("EAX", "selector", "selector as the guest set it"),),
        clobbers=MEMORY_CLOBBERS,
    ),
    Call(
        "WriteGDTEntry",
        numbers(11, 16),
        Category.DESCRIPTORS,
        "Writes one descriptor of the processor's own GDT.",
        arguments=_ENTRY,
        clobbers=MEMORY_CLOBBERS,
        notes=_STORES + _LIVE + "Linux near 2.6.25 passes a wrong high dword.",
        outcomes=(_PAST_TABLE, _STORED, _ELSEWHERE, _UNMAPPED),
    ),
    Call(
        "WriteLDTEntry",
        numbers(12, 17),
        Category.DESCRIPTORS,
        "Writes one descriptor of the processor's own LDT.",
        arguments=_ENTRY,
        clobbers=MEMORY_CLOBBERS,
        notes=_STORES + _LIVE + "Linux near 2.6.25 passes a pointer in ECX and no high dword.",
        outcomes=(_PAST_TABLE, _STORED, _ELSEWHERE, _UNMAPPED),
    ),
    Call(
        "WriteIDTEntry",
        numbers(13, 18),
        Category.DESCRIPTORS,
        "Writes one gate of the processor's own IDT.",
        arguments=_ENTRY,
        clobbers=MEMORY_CLOBBERS,
        notes=_STORES + "Linux near 2.6.25 passes a wrong high dword.",
        outcomes=(
            Outcome("an index past 255, where no vector is", "nothing is stored"),
            Outcome(_PAST_LIMIT, "stored; a gate once SetIDT gives a limit that reaches it"),
            _ELSEWHERE,
            _UNMAPPED,
        ),
    ),
    Call(
        "UpdateKernelStack",
        numbers(14, 19),
        Category.DESCRIPTORS,
        "Tells the stack on which the kernel is entered from user mode.",
        arguments=(
            Argument("EAX", "selector", "SS of the kernel (Linux) or address of the TSS"),
            Argument("EDX", "esp0", "ESP of the kernel"),
        ),
        notes="Sources disagree on EAX: rely on EDX, and take EAX up to 0xFFFF as a selector. "
        "Linux stores esp0 in its TSS as well.",
        outcomes=(
            Outcome("EAX = 0", "ESP0 is set, SS0 stays"),
            Outcome("no TSS is loaded", "a selector in EAX: nothing happens"),
            Outcome("the address of a TSS that is not mapped", "#PF in the stub"),
        ),
    ),
)
