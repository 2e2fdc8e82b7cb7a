# What the sites of SetDR and GetDR do with no ROM: the number picks the instruction.

# In: EAX = number, EDX = value.
native_set_dr:
    leal native_set_drs(,%eax,4), %ecx
    jmp *%ecx
native_set_drs:                             # four bytes each
    movl %edx, %dr0; ret
    movl %edx, %dr1; ret
    movl %edx, %dr2; ret
    movl %edx, %dr3; ret
    movl %edx, %dr6; ret
    movl %edx, %dr7; ret
    movl %edx, %dr6; ret
    movl %edx, %dr7; ret

# In: EAX = number. Out: EAX = value.
native_get_dr:
    leal native_get_drs(,%eax,4), %ecx
    jmp *%ecx
native_get_drs:
    movl %dr0, %eax; ret
    movl %dr1, %eax; ret
    movl %dr2, %eax; ret
    movl %dr3, %eax; ret
    movl %dr6, %eax; ret
    movl %dr7, %eax; ret
    movl %dr6, %eax; ret
    movl %dr7, %eax; ret
