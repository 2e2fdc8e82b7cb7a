"""The exhibits of `native`: bugs that one can make with the processor's own instructions."""

from harness.explore.job import Job
from harness.explore.museum import Exhibit

NATIVE = (
    Exhibit(
        name="STI before HLT is left out where IF is set",
        backend="native",
        source="backends/native.s",
        old="Halt:\n    sti\n    hlt\n",
        new="""\
Halt:
    pushfl
    testb $2, 1(%esp)
    leal 4(%esp), %esp
    jnz halt_enabled
    sti
halt_enabled:
    hlt
""",
        jobs=(Job("Halt", "set"),),
        history="""\
STI before HLT is there for its shadow and not for the flag: the processor takes no interrupt
before the HLT sleeps. With IF set already it looks superfluous, and without it what arrives in
front of the HLT is served and slept on. The x86_64 crate for Rust shows both forms side by side
in the documentation of enable_and_hlt, the one as the race and the other as the cure.""",
    ),
    Exhibit(
        name="the mask is all of EFLAGS",
        backend="native",
        source="backends/native.s",
        old="    popl %eax\n    andl $IF, %eax\n    ret\n",
        new="    popl %eax\n    ret\n",
        jobs=(Job("GetInterruptMask", "clear"),),
        history="""\
The natural GetInterruptMask is PUSHF and POP, and Afterburner's answers its flags word whole.
Linux looks at bit 9 alone. A guest that takes the answer for yes or no, as its name suggests,
finds interrupts always enabled, since bit 1 of EFLAGS is always set.""",
    ),
    Exhibit(
        name="the mask is loaded by POPF",
        backend="native",
        source="backends/native.s",
        old="    testb $2, %ah\n    jz set_mask_off\n    sti\n    ret\nset_mask_off:\n",
        new="    pushl %eax\n    popfl\n    ret\nset_mask_off:\n",
        jobs=(Job("SetInterruptMask(fffffdff)", "set"),),
        history="""\
PUSH and POPF is how Linux restores flags without a ROM, where the value is always one that PUSHF
gave. As a call it lets the caller set NT, AC, TF and IOPL by what was meant as a mask.""",
    ),
    Exhibit(
        name="a gate is written in two halves",
        backend="native",
        source="backends/native.s",
        old="    pushfl\n    cli\n    movl %ecx, (%eax,%edx,8)\n",
        new="    pushfl\n    nop\n    movl %ecx, (%eax,%edx,8)\n",
        jobs=(Job("WriteIDTEntry", "set"),),
        history="""\
The two stores of Linux's write_ldt_entry as they stand. Natively the processor itself reads the
table, and an interrupt between them goes through a gate that is half the old one and half the
new.""",
    ),
)
