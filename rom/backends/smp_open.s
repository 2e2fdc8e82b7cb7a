# More than one processor, open half (see smp.s): the calls that go on in open code. An interrupt that
# comes in closed code goes back there with the real IF off, and these would keep it so.

# The interrupt calls that keep the real IF of their caller begin here, with EFLAGS on the stack.
smp_DisableInterrupts:
    pushfl
    jmp closed_disable

smp_GetInterruptMask:
    pushfl
    jmp closed_get

smp_SetInterruptMask:
    pushfl
    jmp closed_set

# For what both backends share, on any processor. mask_guest, out: EAX = the mask that was; and back,
# unmask_guest, in: EAX. They and start_guest, an IRET, are no stubs: what enters a stub is a call of
# the guest's.
mask_guest:
    pushfl
    jmp closed_mask

unmask_guest:
    pushfl
    jmp closed_set

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

smp_WriteGDTEntry:
    pushl $WriteGDTEntry
    jmp own_open

smp_WriteLDTEntry:
    pushl $WriteLDTEntry
    jmp own_open

smp_WriteIDTEntry:
    pushl $WriteIDTEntry
    jmp own_open

smp_SetIOPLMask:
    pushl $SetIOPLMask
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
