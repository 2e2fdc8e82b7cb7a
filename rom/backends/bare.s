# The backend bare, open half: code that runs with the real IF as guest code has it.
#
# The virtual IF is a word of the virtual CPU. The real IF stays on while the virtual one is clear;
# the first interrupt that then arrives is accepted and recorded, and the real IF goes off until
# enabling delivers it (see deliver.s). An interrupt may come between any two instructions here.

# --- interrupts: flags only may change, only CS and SS are valid ------------------------------

# First set, then test: an interrupt before the store is recorded and seen by the test; one after
# it is delivered by its own arrival.
EnableInterrupts:
    movl $IF, cpu(virtual_if)
    cmpl $0, cpu(pending)
    jne enable_left
    ret

# LEFT alone: the guest came back from user mode, maybe by SYSENTER, which clears the real IF. An
# NMI before the ANDL may make it HELD (see exception_frame); one after it finds all as it should
# be.
enable_left:
    andl $~LEFT, cpu(pending)
    jnz enable_pending
    sti
    ret

DisableInterrupts:
    movl $0, cpu(virtual_if)
    ret

# Out: EAX = 0x200 or 0.
GetInterruptMask:
    movl cpu(virtual_if), %eax
    ret

# In: EAX = mask; only bit 9 counts.
SetInterruptMask:
    testb $2, %ah
    jz set_mask_off
    movl $IF, cpu(virtual_if)
    cmpl $0, cpu(pending)
    jne enable_left
    ret
set_mask_off:
    movl $0, cpu(virtual_if)
    ret

# The end of Halt. The STI shadow keeps an interrupt from being taken before the HLT, and an NMI
# that comes here moves on to halt_woken, since its own IRET would end the shadow.
halt_sleep:
    sti
    hlt
halt_woken:
    ret

# --- descriptors: standard convention ----------------------------------------------------------

# The guest's pointer is read before anything changes: it may fault.
SetGDT:
    movzwl (%eax), %ecx
    movl 2(%eax), %edx
    lgdtl (%eax)
    movw %cx, cpu(gdt_limit)
    movl %edx, cpu(gdt_base)
    jmp reload_segments

GetGDT:
    movw cpu(gdt_limit), %cx
    movl cpu(gdt_base), %edx
    movw %cx, (%eax)
    movl %edx, 2(%eax)
    ret

# In: EAX = linear address of six bytes, limit and base.
SetIDT:
    movzwl (%eax), %ecx
    movl 2(%eax), %edx
    pushfl
    jmp set_idt

GetIDT:
    movw cpu(idt_limit), %cx
    movl cpu(idt_base), %edx
    movw %cx, (%eax)
    movl %edx, 2(%eax)
    ret

SetLDT:
    lldtw %ax
    movw %ax, cpu(ldt)
    jmp reload_segments

GetLDT:
    movzwl cpu(ldt), %eax
    ret

SetTR:
    call load_task_register
    movw %ax, cpu(tr)
    ret

GetTR:
    movzwl cpu(tr), %eax
    ret

# A kernel that changes stacks may go on with POPF (Linux does), and what PUSHF took while a vector
# was recorded turns the real IF off then, unseen. So the next enabling turns it on, as when the guest
# comes back from user mode.
UpdateKernelStack:
    orl $LEFT, cpu(pending)
    jmp update_kernel_stack

# What is done with the real IF off begins here with EFLAGS as the guest has them, on the stack: in
# closed code, an interrupt before its CLI would come back with the real IF off (see leave_closed).
#
# In: EAX = table, EDX = index, ECX = low dword, 4(%esp) = high dword. Past 8191, or 255, there is no
# table: nothing is stored.
WriteLDTEntry:
    pushfl
    cmpl $8191, %edx
    ja write_nothing
    jmp write_entry

WriteGDTEntry:
    pushfl
    cmpl $8191, %edx
    ja write_nothing
    jmp write_entry

WriteIDTEntry:
    pushfl
    cmpl $255, %edx
    ja write_nothing
    jmp write_gate
write_nothing:
    popfl
    ret

# In: EAX = IOPL at its place in EFLAGS; other bits do not count.
SetIOPLMask:
    andl $IOPL, %eax
    pushfl
    jmp set_iopl

# The end of leave_closed: with the POPF the real IF is on again, and what waits comes before the RET.
leave_open:
    popfl
    ret
leave_open_end:
