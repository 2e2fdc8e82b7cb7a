"""Calls on processors as wholes: starting, local APIC, reset, power, callbacks."""

from rom.interface.call import Argument, Call, Category, Outcome, Requirement, Result, numbers

_APIC_NOTE = (
    "The interface says the linear address of the register; Linux passes its offset. "
    "Below 0x1000 it is taken as an offset. Without paging the APIC is where the MSR 1B says; with "
    "paging the ROM looks once, from the top of the linear space down, for a present and writable "
    "page that maps it, and remembers that page: a guest that maps it elsewhere later passes "
    "addresses. It reads page tables through slot 0 of SetLinearMapping, or until that is set "
    "through the map in which VMI_Init was called, and leaves alone those outside of it."
)
_UNMAPPED = Outcome("an address that is not mapped", "#PF in the stub")
_NO_APIC = "an offset, without a local APIC or without a map of it"
_APIC_REGISTER = Argument("EAX", "register", "linear address of the APIC register, or its offset")

CALLS = (
    Call(
        "Reboot",
        numbers(36, 43),
        Category.PROCESSORS,
        "Resets the processor or the machine.",
        arguments=(Argument("EAX", "how", "RebootKind: 0 as by INIT, 1 as by hardware reset"),),
        requirement=Requirement.UNUSED,
        returns=False,
        outcomes=(Outcome("a kind that is not known", "a hard reset"),),
    ),
    Call(
        "Shutdown",
        numbers(37, 44),
        Category.PROCESSORS,
        "Stops the processor with interrupts disabled, as if it were switched off.",
        requirement=Requirement.UNUSED,
        returns=False,
    ),
    Call(
        "SetInitialAPState",
        numbers(62, 75),
        Category.PROCESSORS,
        "Gives the state in which another processor starts after its STARTUP IPI.",
        arguments=(
            Argument("EAX", "state", "linear address of the 92-byte vmi_ap_state"),
            Argument("EDX", "apic", "local APIC identifier of that processor"),
        ),
        notes="The processor starts at once, within the call, by a STARTUP of the ROM's own, with "
        "the guest's state and nothing of real mode; the INIT before it is the guest's, and the "
        "STARTUP that the guest sends afterwards finds it running and does nothing. What the state "
        "does not hold is as after INIT. The mask is that of EFLAGS. The interface wants a "
        "page-aligned address; Linux passes an unaligned one, and any will do. A processor that "
        "the guest starts without this call comes to the ROM with its first call of those that "
        "need to know the processor: it counts as masked before that, and its IDTR, unless it is "
        "as INIT leaves it, names its table. Each processor has RAM of its own, as far as the BIOS "
        "grants it.",
        outcomes=(
            Outcome("a null pointer", "nothing happens: no processor starts"),
            Outcome("CR0 without PE or PG, EFER with LME or LMA", "the same"),
            Outcome(
                "a pointer into a page that is not mapped",
                "a page fault in the stub, and no processor starts",
            ),
            Outcome(
                "an APIC ID that nobody has, or of a processor that runs",
                "the call returns after some 300 ms; nothing else happens",
            ),
            Outcome(
                "a processor that comes up later than that",
                "it starts with its state, unless the call was made again meanwhile: "
                "then it stops, until the next INIT",
            ),
            Outcome(
                "a processor that was here before, after another INIT",
                "it starts anew, masked or not as its state says, and nothing recorded waits",
            ),
            Outcome(
                "a guest that sees physical memory at no multiple of 4 MiB, a machine with one "
                "processor, a local APIC that is not mapped",
                "nothing happens; the guest's own STARTUP starts the processor, in real mode",
            ),
            Outcome(
                "registers of the state that the processor refuses",
                "its fault, with no handler: the machine shuts down",
            ),
            Outcome(
                "more processors than the ROM has RAM for",
                "those past it stop, as by Shutdown, at their first call",
            ),
        ),
    ),
    Call(
        "APICWrite",
        numbers(63, 76),
        Category.PROCESSORS,
        "Writes a register of the local APIC.",
        arguments=(_APIC_REGISTER, Argument("EDX", "value", "new value")),
        notes=_APIC_NOTE,
        outcomes=(Outcome(_NO_APIC, "nothing happens"), _UNMAPPED),
    ),
    Call(
        "APICRead",
        numbers(64, 77),
        Category.PROCESSORS,
        "Reads a register of the local APIC.",
        arguments=(_APIC_REGISTER,),
        results=(Result("EAX", "value", "its value"),),
        notes=_APIC_NOTE,
        outcomes=(Outcome(_NO_APIC, "the answer is 0"), _UNMAPPED),
    ),
    Call(
        "SetCallbacks",
        numbers(72),
        Category.PROCESSORS,
        "Registers functions of the guest that the ROM may call.",
        requirement=Requirement.UNUSED,
        notes="The record has the name and the number only: arguments and effect are not known, "
        "so it does nothing, and a guest that tries it goes on.",
        outcomes=(Outcome("any input", "nothing happens"),),
    ),
)
