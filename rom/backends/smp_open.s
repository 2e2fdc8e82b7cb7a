# More than one processor, open half (see smp.s): the calls that go on in open code. An interrupt that
# comes in closed code goes back there with the real IF off, and these would keep it so.

smp_SetGDT:
    pushl $SetGDT
    jmp own_open

smp_GetGDT:
    pushl $GetGDT
    jmp own_open

smp_SetIDT:
    pushl $SetIDT
    jmp own_open

smp_GetIDT:
    pushl $GetIDT
    jmp own_open

smp_SetLDT:
    pushl $SetLDT
    jmp own_open

smp_GetLDT:
    pushl $GetLDT
    jmp own_open

smp_SetTR:
    pushl $SetTR
    jmp own_open

smp_GetTR:
    pushl $GetTR
    jmp own_open

smp_UpdateKernelStack:
    pushl $UpdateKernelStack
    jmp own_open

# In: address in the first block on the stack. Goes to the same place of this processor's block, with
# all registers as they were. Flags change.
own_open:
    pushl %eax
    subl $8, %esp
    sidtl 2(%esp)
    movl 4(%esp), %eax
    addl $8, %esp
    subl $shadow_idt, %eax
    cmpl cpu(blocks_size), %eax
    jae own_adopt
    addl %eax, 4(%esp)
    popl %eax
    ret
