"""Calls on the state of the processor: CPUID, MSRs, control and debug registers, counters."""

from rom.interface.call import (
    FLAGS_ONLY,
    MEMORY_CLOBBERS,
    Argument,
    Call,
    Category,
    Outcome,
    Requirement,
    Result,
    numbers,
)

_MSR = Argument("ECX", "index", "MSR number, as for the instruction")
_REFUSED = "#GP in the stub, where the processor refuses it"
_NO_REGISTER = "a number past 7"
_ALIASES = Outcome("number 4 or 5", "DR6 or DR7, also while CR4.DE is set")

CALLS = (
    Call(
        "CPUID",
        numbers(0, 5),
        Category.CPU,
        "Answers the CPUID leaf that the guest shall see.",
        arguments=(
            Argument("EAX", "leaf", "leaf number"),
            Argument("ECX", "subleaf", "subleaf number"),
        ),
        results=(
            Result("EAX", "eax", "as the instruction gives it"),
            Result("EBX", "ebx", "as the instruction gives it"),
            Result("ECX", "ecx", "as the instruction gives it"),
            Result("EDX", "edx", "as the instruction gives it"),
        ),
        clobbers=FLAGS_ONLY,
        notes="The convention is the instruction's own: EBX is an output, not preserved. "
        "Features that the backend cannot keep, such as SEP, are hidden here.",
        outcomes=(Outcome("a leaf past the highest", "what the processor answers to it"),),
    ),
    Call(
        "WRMSR",
        numbers(1, 6),
        Category.CPU,
        "Writes a model-specific register.",
        arguments=(_MSR, Argument("EDX:EAX", "value", "64-bit value")),
        clobbers=MEMORY_CLOBBERS,
        requirement=Requirement.UNUSED,
        notes="Linux executes WRMSR itself, so that a bad index faults as it does natively.",
        outcomes=(Outcome("an index or a value that the MSR does not have", _REFUSED),),
    ),
    Call(
        "RDMSR",
        numbers(2, 7),
        Category.CPU,
        "Reads a model-specific register.",
        arguments=(_MSR,),
        results=(Result("EDX:EAX", "value", "64-bit value"),),
        requirement=Requirement.UNUSED,
        notes="Linux executes RDMSR itself, so that a bad index faults as it does natively.",
        outcomes=(Outcome("an index that no MSR has", _REFUSED),),
    ),
    Call(
        "SetCR0",
        numbers(15, 20),
        Category.CPU,
        "Writes CR0.",
        arguments=(Argument("EAX", "value", "new CR0"),),
        clobbers=MEMORY_CLOBBERS,
        outcomes=(Outcome("bits that exclude each other, as PG without PE", _REFUSED),),
    ),
    Call(
        "SetCR2",
        numbers(16, 21),
        Category.CPU,
        "Writes CR2.",
        arguments=(Argument("EAX", "value", "new CR2"),),
    ),
    Call(
        "SetCR3",
        numbers(17, 22),
        Category.CPU,
        "Writes CR3 and flushes the TLB entries that are not global.",
        arguments=(Argument("EAX", "value", "new CR3: guest-physical address and flags"),),
        clobbers=MEMORY_CLOBBERS,
        notes="May be queued while the lazy mode is CPU.",
        outcomes=(
            Outcome("with PAE, a page-directory-pointer entry with reserved bits", _REFUSED),
        ),
    ),
    Call(
        "SetCR4",
        numbers(18, 23),
        Category.CPU,
        "Writes CR4.",
        arguments=(Argument("EAX", "value", "new CR4"),),
        clobbers=MEMORY_CLOBBERS,
        outcomes=(Outcome("a bit that the processor does not have", _REFUSED),),
    ),
    Call(
        "GetCR0",
        numbers(19, 24),
        Category.CPU,
        "Reads the guest's CR0.",
        results=(Result("EAX", "value", "CR0"),),
    ),
    Call(
        "GetCR2",
        numbers(20, 25),
        Category.CPU,
        "Reads the guest's CR2.",
        results=(Result("EAX", "value", "CR2: linear address of the last page fault"),),
    ),
    Call(
        "GetCR3",
        numbers(21, 26),
        Category.CPU,
        "Reads the guest's CR3.",
        results=(Result("EAX", "value", "CR3: guest-physical address and flags"),),
    ),
    Call(
        "GetCR4",
        numbers(22, 27),
        Category.CPU,
        "Reads the guest's CR4.",
        results=(Result("EAX", "value", "CR4"),),
    ),
    Call(
        "WBINVD",
        numbers(23, 29),
        Category.CPU,
        "Writes back and invalidates the caches.",
    ),
    Call(
        "SetDR",
        numbers(24, 30),
        Category.CPU,
        "Writes a debug register.",
        arguments=(
            Argument("EAX", "register", "number of the debug register, 0 to 7"),
            Argument("EDX", "value", "new value"),
        ),
        outcomes=(Outcome(_NO_REGISTER, "nothing happens"), _ALIASES),
    ),
    Call(
        "GetDR",
        numbers(25, 31),
        Category.CPU,
        "Reads a debug register.",
        arguments=(Argument("EAX", "register", "number of the debug register, 0 to 7"),),
        results=(Result("EAX", "value", "its value"),),
        notes="A backend without debug registers may answer 0.",
        outcomes=(Outcome(_NO_REGISTER, "the answer is 0"), _ALIASES),
    ),
    Call(
        "RDPMC",
        numbers(26, 32),
        Category.CPU,
        "Reads a performance counter.",
        arguments=(Argument("ECX", "counter", "counter number, as for the instruction"),),
        results=(Result("EDX:EAX", "value", "counter value"),),
        requirement=Requirement.UNUSED,
        outcomes=(
            Outcome(
                "a counter that the processor does not have",
                "#GP in the stub, or #UD where there are none",
            ),
        ),
    ),
    Call(
        "RDTSC",
        numbers(27, 33),
        Category.CPU,
        "Reads the time-stamp counter.",
        results=(Result("EDX:EAX", "value", "time-stamp counter"),),
    ),
    Call(
        "CLTS",
        numbers(28, 34),
        Category.CPU,
        "Clears CR0.TS.",
    ),
)
