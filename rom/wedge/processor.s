# The processor's own registers, where the ROM has the machine to itself: each call is its
# instruction. Conventions are those of the rows in interface/cpu.py. An interrupt may come anywhere.

CPUID:
    cpuid
    ret

# An index or value that the processor refuses raises #GP here, with the registers as they came.
WRMSR:
    wrmsr
    ret

RDMSR:
    rdmsr
    ret

RDPMC:
    rdpmc
    ret

RDTSC:
    rdtsc
    ret

CLTS:
    clts
    ret

WBINVD:
    wbinvd
    ret

SetCR0:
    movl %eax, %cr0
    ret

SetCR2:
    movl %eax, %cr2
    ret

SetCR3:
    movl %eax, %cr3
    ret

SetCR4:
    movl %eax, %cr4
    ret

GetCR0:
    movl %cr0, %eax
    ret

GetCR2:
    movl %cr2, %eax
    ret

GetCR3:
    movl %cr3, %eax
    ret

GetCR4:
    movl %cr4, %eax
    ret

# In: EAX = number, EDX = value. DR4 and DR5 are the names of DR6 and DR7 while CR4.DE is clear
# (Intel SDM 3B, 17.2.2); here they always are. Past 7 there is none: nothing happens.
SetDR:
    cmpl $7, %eax
    ja debug_register_none
    leal set_debug(,%eax,4), %ecx
    jmp *%ecx
set_debug:
    movl %edx, %dr0; ret                    # four bytes each
    movl %edx, %dr1; ret
    movl %edx, %dr2; ret
    movl %edx, %dr3; ret
    movl %edx, %dr6; ret
    movl %edx, %dr7; ret
    movl %edx, %dr6; ret
    movl %edx, %dr7; ret

# In: EAX = number. Out: EAX = value, 0 for a number past 7.
GetDR:
    cmpl $7, %eax
    ja get_debug_none
    leal get_debug(,%eax,4), %ecx
    jmp *%ecx
get_debug:
    movl %dr0, %eax; ret
    movl %dr1, %eax; ret
    movl %dr2, %eax; ret
    movl %dr3, %eax; ret
    movl %dr6, %eax; ret
    movl %dr7, %eax; ret
    movl %dr6, %eax; ret
    movl %dr7, %eax; ret
get_debug_none:
    xorl %eax, %eax
debug_register_none:
    ret

# Called by VMI_Init, real IF off: note what CPUID tells of this processor, nothing where the ID flag
# cannot be changed and there is no CPUID (Intel SDM 1, 20.1). EAX, ECX, EDX and flags change.
note_processor:
    pushfl
    popl %eax
    movl %eax, %ecx
    xorl $ID, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    xorl %ecx, %eax
    testl $ID, %eax
    jz note_processor_done
    pushl %ebx
    movl $1, %eax
    cpuid
    movl %eax, %ss:signature
    movl %edx, %ss:features
    popl %ebx
note_processor_done:
    ret

.set ID, 0x200000
