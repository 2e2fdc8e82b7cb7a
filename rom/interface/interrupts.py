"""Calls on the virtual IF, the returns from interrupt and system call, and the wait for interrupts.

Linux writes a direct CALL over each place that switches interrupts, with nothing saved around it:
hence flags only, and memory through SS (VMI ABI, "calling conventions").
"""

from rom.interface.call import (
    FLAGS_ONLY,
    NO_CLOBBERS,
    Argument,
    Call,
    Category,
    Outcome,
    Requirement,
    Result,
    Segments,
    numbers,
)

CALLS = (
    Call(
        "EnableInterrupts",
        numbers(29, 35),
        Category.INTERRUPTS,
        "Sets the virtual IF and delivers what is pending before it returns.",
        clobbers=FLAGS_ONLY,
        segments=Segments.CS_SS,
    ),
    Call(
        "DisableInterrupts",
        numbers(30, 36),
        Category.INTERRUPTS,
        "Clears the virtual IF.",
        clobbers=FLAGS_ONLY,
        segments=Segments.CS_SS,
    ),
    Call(
        "GetInterruptMask",
        numbers(31, 37),
        Category.INTERRUPTS,
        "Reads the virtual IF.",
        results=(Result("EAX", "mask", "0x200 when interrupts are enabled, else 0"),),
        clobbers=FLAGS_ONLY,
        segments=Segments.CS_SS,
        notes="Guests test bit 9 only, but a whole EFLAGS image would leak other bits: "
        "the answer is exactly 0 or 0x200.",
    ),
    Call(
        "SetInterruptMask",
        numbers(32, 38),
        Category.INTERRUPTS,
        "Sets the virtual IF to bit 9 of the mask and, if that enables, delivers what is pending.",
        arguments=(Argument("EAX", "mask", "bit 9 is the new virtual IF, the others are ignored"),),
        clobbers=FLAGS_ONLY,
        segments=Segments.CS_SS,
        notes="EAX is preserved.",
        outcomes=(Outcome("bits besides 9", "they are ignored"),),
    ),
    Call(
        "IRET",
        numbers(33, 39),
        Category.INTERRUPTS,
        "Returns to the frame on the stack with the virtual IF of its EFLAGS image.",
        arguments=(
            Argument("[ESP]", "eip", "EIP to return to"),
            Argument("[ESP+4]", "cs", "CS to return to"),
            Argument("[ESP+8]", "eflags", "EFLAGS image, bit 9 is the new virtual IF"),
            Argument("[ESP+12]", "esp", "ESP, for a return to user mode"),
            Argument("[ESP+16]", "ss", "SS, for a return to user mode"),
            Argument("[ESP+20]", "es", "ES, for a return to virtual-8086 mode"),
            Argument("[ESP+24]", "ds", "DS, for a return to virtual-8086 mode"),
            Argument("[ESP+28]", "fs", "FS, for a return to virtual-8086 mode"),
            Argument("[ESP+32]", "gs", "GS, for a return to virtual-8086 mode"),
        ),
        clobbers=NO_CLOBBERS,
        segments=Segments.CS_SS,
        requirement=Requirement.REQUIRED,
        returns=False,
        notes="The places hold when the relocation is JUMP_REL; with CALL_REL there is one "
        "return address below the frame. NONE and NOP crash Linux. IOPL is not restored.",
        outcomes=(
            Outcome("a frame that the processor refuses", "its fault, with EIP inside the ROM"),
            Outcome("a return to user mode with bit 9 clear", "the user runs masked"),
        ),
    ),
    Call(
        "SYSEXIT",
        numbers(34, 40),
        Category.INTERRUPTS,
        "Returns to user mode and enables interrupts at once.",
        arguments=(
            Argument("EDX", "eip", "EIP of the user"),
            Argument("ECX", "esp", "ESP of the user"),
        ),
        clobbers=NO_CLOBBERS,
        segments=Segments.CS_SS,
        requirement=Requirement.REQUIRED,
        returns=False,
        notes="Linux executes it only when CPUID shows SEP, but patches its place in any case.",
        outcomes=(Outcome("SYSENTER_CS is null", "#GP in the stub"),),
    ),
    Call(
        "Halt",
        numbers(35, 42),
        Category.INTERRUPTS,
        "Enables interrupts and waits for one.",
        outcomes=(
            Outcome("something is pending", "it is delivered and the call returns, without a wait"),
        ),
    ),
)
