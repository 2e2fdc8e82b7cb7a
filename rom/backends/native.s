# The backend native: each call is the instruction it stands for, at CPL 0 on the bare machine.
# The virtual IF is the real one. It is the yardstick for all other backends.

# --- interrupts: flags only may change, only CS and SS are valid ------------------------------

EnableInterrupts:
    sti
    ret                                     # the STI shadow: an interrupt is taken after this

DisableInterrupts:
    cli
    ret

# Out: EAX = 0x200 or 0.
GetInterruptMask:
    pushfl
    popl %eax
    andl $IF, %eax
    ret

# In: EAX = mask; only bit 9 counts.
SetInterruptMask:
    testb $2, %ah
    jz set_mask_off
    sti
    ret
set_mask_off:
    cli
    ret

IRET:
    iretl

# For what both backends share: a processor that starts (start.s).
start_guest:
    iretl

# In: EDX = EIP, ECX = ESP of user code. The STI shadow covers the SYSEXIT.
SYSEXIT:
    sti
    sysexit

Halt:
    sti
    hlt
    ret

# --- descriptors: standard convention ----------------------------------------------------------

SetGDT:
    lgdtl (%eax)
    jmp reload_segments

GetGDT:
    sgdtl (%eax)
    ret

SetIDT:
    lidtl (%eax)
    ret

GetIDT:
    sidtl (%eax)
    ret

SetLDT:
    lldtw %ax
    jmp reload_segments

GetLDT:
    xorl %eax, %eax
    sldtw %ax
    ret

SetTR:
    jmp load_task_register

GetTR:
    xorl %eax, %eax
    strw %ax
    ret

UpdateKernelStack:
    jmp update_kernel_stack

# In: EAX = table, EDX = index, ECX = low dword, 4(%esp) = high dword. Past 255 there is no vector,
# past 8191 no table: nothing is stored. No interrupt comes between the two stores. Segment registers
# keep their hidden parts until the guest loads them again, as after the same two stores on the bare
# machine.
WriteIDTEntry:
    cmpl $255, %edx
    ja write_nothing
    jmp write_entry
WriteLDTEntry:
    cmpl $8191, %edx
    ja write_nothing
    jmp write_entry
WriteGDTEntry:
    cmpl $8191, %edx
    ja write_nothing
write_entry:
    pushfl
    cli
    movl %ecx, (%eax,%edx,8)
    movl 8(%esp), %ecx
    movl %ecx, 4(%eax,%edx,8)
    popfl
write_nothing:
    ret

# In: EAX = IOPL at its place in EFLAGS; other bits do not count.
SetIOPLMask:
    andl $IOPL, %eax
    pushfl
    andl $~IOPL, (%esp)
    orl %eax, (%esp)
    popfl
    ret

# For the calls that both backends share: mask, out: EAX = the mask that was; and back, in: EAX.
# They do not go through a stub, so that what enters one is a call of the guest's.
mask_guest:
    pushfl
    cli
    popl %eax
    ret
unmask_guest:
    testb $2, %ah
    jz set_mask_off
    sti
    ret

# Called by VMI_Init, real IF off. The machine itself holds all state.
backend_init:
    jmp note_processor
