"""What a guest does natively where it may call the ROM: the text of each patchable call site.

A site is the native code, padded with NOPs to the five bytes of a CALL or JMP. A ROM that answers
NONE leaves it as it is, so the same guest runs with no ROM at all.
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
