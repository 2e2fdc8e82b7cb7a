"""What a guest does natively where it may call the ROM: the text of each patchable call site.

A site is the native code, padded with NOPs to the five bytes of a CALL or JMP. A ROM that answers
NONE leaves it as it is, so the same guest runs with no ROM at all.
"""

from collections.abc import Mapping

SITE_SIZE = 5
"""Bytes that patching writes: an opcode and a 32-bit displacement."""

_WRITE_ENTRY = "movl %ecx, (%eax,%edx,8); movl (%esp), %ecx; movl %ecx, 4(%eax,%edx,8)"

_FOUR, _THREE, _TWO = ("; nop" * count for count in (4, 3, 2))

NATIVE: Mapping[str, str] = {
    "EnableInterrupts": "sti" + _FOUR,
    "DisableInterrupts": "cli" + _FOUR,
    "GetInterruptMask": "pushfl; popl %eax; andl $0x200, %eax",
    "SetInterruptMask": "pushl %eax; andl $0x200, (%esp); popfl",
    "IRET": "iretl" + _FOUR,
    "SYSEXIT": "sti; sysexit" + _TWO,
    "Halt": "sti; hlt" + _THREE,
    "SetGDT": "lgdtl (%eax)" + _TWO,
    "GetGDT": "sgdtl (%eax)" + _TWO,
    "SetIDT": "lidtl (%eax)" + _TWO,
    "GetIDT": "sidtl (%eax)" + _TWO,
    "SetLDT": "lldtw %ax" + _TWO,
    "GetLDT": "xorl %eax, %eax; sldtw %ax",
    "SetTR": "ltrw %ax" + _TWO,
    "GetTR": "xorl %eax, %eax; strw %ax",
    "WriteGDTEntry": _WRITE_ENTRY,
    "WriteLDTEntry": _WRITE_ENTRY,
    "WriteIDTEntry": _WRITE_ENTRY,
    "UpdateKernelStack": "movl %edx, tss+4",
}
"""AT&T text a call, registers as in the call; arguments past the third are on the stack."""
