"""What a guest does natively where it may call the ROM: the text of each patchable call site.

A site is the native code, padded with NOPs to the five bytes of a CALL or JMP. A ROM that answers
NONE leaves it as it is, so the same guest runs with no ROM at all.

Where instructions are counted a NOP would count, too. There a site is padded with prefixes instead,
each of them the DS override, which changes nothing: those instructions have no memory operand, or
one in DS.
"""

from collections.abc import Mapping

SITE_SIZE = 5
"""Bytes that patching writes: an opcode and a 32-bit displacement."""

_WRITE_ENTRY = "movl %ecx, (%eax,%edx,8); movl (%esp), %ecx; movl %ecx, 4(%eax,%edx,8)"

_FIVE, _FOUR, _THREE, _TWO = ("; nop" * count for count in (5, 4, 3, 2))
_NOTHING = _FIVE.removeprefix("; ")

NATIVE: Mapping[str, str] = {
    "CPUID": "cpuid" + _THREE,
    "WRMSR": "wrmsr" + _THREE,
    "RDMSR": "rdmsr" + _THREE,
    "SetGDT": "lgdtl (%eax)" + _TWO,
    "SetLDT": "lldtw %ax" + _TWO,
    "SetIDT": "lidtl (%eax)" + _TWO,
    "SetTR": "ltrw %ax" + _TWO,
    "GetGDT": "sgdtl (%eax)" + _TWO,
    "GetLDT": "xorl %eax, %eax; sldtw %ax",
    "GetIDT": "sidtl (%eax)" + _TWO,
    "GetTR": "xorl %eax, %eax; strw %ax",
    "WriteGDTEntry": _WRITE_ENTRY,
    "WriteLDTEntry": _WRITE_ENTRY,
    "WriteIDTEntry": _WRITE_ENTRY,
    "UpdateKernelStack": "movl %edx, tss+4",
    **{f"SetCR{number}": f"movl %eax, %cr{number}{_TWO}" for number in (0, 2, 3, 4)},
    **{f"GetCR{number}": f"movl %cr{number}, %eax{_TWO}" for number in (0, 2, 3, 4)},
    "WBINVD": "wbinvd" + _THREE,
    "SetDR": "call native_set_dr",
    "GetDR": "call native_get_dr",
    "RDPMC": "rdpmc" + _THREE,
    "RDTSC": "rdtsc" + _THREE,
    "CLTS": "clts" + _THREE,
    "EnableInterrupts": "sti" + _FOUR,
    "DisableInterrupts": "cli" + _FOUR,
    "GetInterruptMask": "pushfl; popl %eax; andl $0x200, %eax",
    "SetInterruptMask": "pushl %eax; andl $0x200, (%esp); popfl",
    "IRET": "iretl" + _FOUR,
    "SYSEXIT": "sti; sysexit" + _TWO,
    "Halt": "sti; hlt" + _THREE,
    "SetPxE": "movl %eax, (%edx)" + _THREE,
    "SetPxELong": "movl %edx, 4(%ecx); movl %eax, (%ecx)",
    "UpdatePxE": _NOTHING,
    "UpdatePxELong": _NOTHING,
    "MachineToPhysical": _NOTHING,
    "PhysicalToMachine": _NOTHING,
    "AllocatePage": _NOTHING,
    "ReleasePage": _NOTHING,
    "InvalPage": "invlpg (%eax)" + _TWO,
    "FlushTLB": "movl %cr3, %eax; movl %eax, %cr3",
    "SetLinearMapping": _NOTHING,
    "INL": "inl %dx, %eax" + _FOUR,
    "INB": "inb %dx, %al" + _FOUR,
    "INW": "inw %dx, %ax" + _THREE,
    "INSL": "rep; insl" + _THREE,
    "INSB": "rep; insb" + _THREE,
    "INSW": "rep; insw" + _TWO,
    "OUTL": "outl %eax, %dx" + _FOUR,
    "OUTB": "outb %al, %dx" + _FOUR,
    "OUTW": "outw %ax, %dx" + _THREE,
    "OUTSL": "rep; outsl" + _THREE,
    "OUTSB": "rep; outsb" + _THREE,
    "OUTSW": "rep; outsw" + _TWO,
    "SetIOPLMask": "pushfl; andl $0xffffcfff, (%esp); orl %eax, (%esp); popfl",
    "IODelay": "outb %al, $0x80" + _THREE,
    "SetCallbacks": _NOTHING,
    "SetLazyMode": _NOTHING,
}
"""AT&T text a call, registers as in the call; arguments past the third are on the stack."""


def _padded(text: str, size: int) -> str:
    """The text, `size` bytes of code, behind as many prefixes as SITE_SIZE wants."""
    return f".byte {', '.join(['0x3e'] * (SITE_SIZE - size))}; {text}"


COUNTED: Mapping[str, str] = {
    **NATIVE,
    "EnableInterrupts": _padded("sti", 1),
    "DisableInterrupts": _padded("cli", 1),
    "GetInterruptMask": _padded("pushfl; popl %eax", 2),
    "SetInterruptMask": _padded("pushl %eax; popfl", 2),
    "IRET": _padded("iretl", 1),
    "SYSEXIT": _padded("sti; sysexit", 3),
    "SetPxE": _padded("movl %eax, (%edx)", 2),
    "SetPxELong": "movl %edx, 4(%ecx); movl %eax, (%ecx)",
    "AllocatePage": _padded("nop", 1),
    "ReleasePage": _padded("nop", 1),
    "InvalPage": _padded("invlpg (%eax)", 3),
    "FlushTLB": "movl %cr3, %eax; movl %eax, %cr3",
    "SetCR3": _padded("movl %eax, %cr3", 3),
    "GetCR2": _padded("movl %cr2, %eax", 3),
    "CLTS": _padded("clts", 2),
    "RDTSC": _padded("rdtsc", 2),
    "INB": _padded("inb %dx, %al", 1),
    "OUTB": _padded("outb %al, %dx", 1),
    "IODelay": _padded("outb %al, $0x80", 2),
}
"""The same with no instruction more than the machine needs: what Linux without paravirtualization
executes there. The mask is a whole EFLAGS image, of which nothing else is looked at."""


def bare_instructions(call: str) -> int:
    """How many instructions a call stands for: those of its counted form."""
    return sum(not part.lstrip().startswith(".") for part in COUNTED[call].split(";"))
