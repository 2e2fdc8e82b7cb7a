# Into the kernel and out of it. From the stack's top a frame is: what PUSHA stores (EDI 0, ESI 4,
# EBP 8, EBX 16, EDX 20, ECX 24, EAX 28), ES 32, DS 36, error code or system call 40, EIP 44, CS 48,
# EFLAGS 52, and from user mode ESP 56, SS 60.
.set FRAME, 64

# The gates as Linux has them: an interrupt gate for the timer and for page faults, since CR2 must
# be read first, and a trap gate that user code may use for system calls. SYSENTER natively, as
# there.
set_up_entries:
    movl $0x20, %edx
    movl $timer_interrupt, %eax
    movl $0x8e00, %ecx
    call set_gate
    movl $14, %edx
    movl $page_fault, %eax
    movl $0x8e00, %ecx
    call set_gate
    movl $0x80, %edx
    movl $system_call, %eax
    movl $0xef00, %ecx
    call set_gate
    movl $KERNEL_DS, %eax
    movl $thread_stack_top, %edx
    vmi(UpdateKernelStack)
    xorl %edx, %edx
    movl $KERNEL_CS, %eax
    movl $0x174, %ecx                       # SYSENTER_CS, _ESP, _EIP (Intel SDM 2B, SYSENTER)
    wrmsr
    movl $thread_stack_top, %eax
    incl %ecx
    wrmsr
    movl $fast_system_call, %eax
    incl %ecx
    wrmsr
    ret

# In: EDX = vector, EAX = handler, ECX = type and DPL. EAX, ECX, EDX and flags change.
set_gate:
    pushl %eax
    andl $0xffff0000, (%esp)
    orl %ecx, (%esp)
    movzwl %ax, %ecx
    orl $KERNEL_CS*65536, %ecx
    movl $idt, %eax
    vmi(WriteIDTEntry)
    addl $4, %esp
    ret

# In: EBX = EIP of user code. Runs it until it calls END; it starts with interrupts enabled, and
# this returns with them disabled. Registers change.
run_user:
    movl %esp, main_esp
    pushl $USER_DS
    pushl $USER_STACK_TOP
    pushl $EFLAGS_IF
    pushl $USER_CS
    pushl %ebx
    movl $USER_DS, %eax
    movl %eax, %ds
    movl %eax, %es
    vmi(IRET)
end_user:
    vmi(DisableInterrupts)
    movl main_esp, %esp
    ret

# By int $0x80, interrupts as they were: EAX = number, EBX, ECX, EDX = arguments. Out: EAX.
system_call:
    pushl %eax
    pushl %ds
    pushl %es
    pushal
    cld
    movl $KERNEL_DS, %ebp
    movl %ebp, %ds
    movl %ebp, %es
    cmpl $0, thread_work
    jne unexpected_work
    cmpl $SYSTEM_CALLS, %eax
    jae unexpected_work
    call *system_calls(,%eax,4)
    movl %eax, 28(%esp)
system_call_exit:
    vmi(DisableInterrupts)                  # nothing may ask for work between the test and the IRET
leave_kernel:
    cmpl $0, thread_work
    jne unexpected_work
    popal
    popl %es
    popl %ds
    addl $4, %esp
    vmi(IRET)

# By SYSENTER, interrupts disabled: the same registers, and EBP = the user's ESP.
fast_system_call:
    pushl $USER_DS
    pushl %ebp
    pushl $EFLAGS_IF
    pushl $USER_CS
    pushl $USER_CODE+user_sysenter_return-user_program
    pushl %eax
    pushl %ds
    pushl %es
    pushal
    cld
    movl $KERNEL_DS, %ebp
    movl %ebp, %ds
    movl %ebp, %es
    vmi(EnableInterrupts)
    cmpl $0, thread_work
    jne unexpected_work
    cmpl $SYSTEM_CALLS, %eax
    jae unexpected_work
    call *system_calls(,%eax,4)
    movl %eax, 28(%esp)
    vmi(DisableInterrupts)
    cmpl $0, thread_work
    jne unexpected_work
    popal
    popl %es
    popl %ds
    movl 4(%esp), %edx
    movl 16(%esp), %ecx
    vmi(SYSEXIT)

page_fault:
    pushl %ds
    pushl %es
    pushal
    cld
    movl $KERNEL_DS, %ebp
    movl %ebp, %ds
    movl %ebp, %es
    vmi(GetCR2)
    movl %eax, %ebx
    testl $EFLAGS_IF, 52(%esp)
    jz unexpected_work
    vmi(EnableInterrupts)
    movl 40(%esp), %ecx
    call handle_fault
    vmi(DisableInterrupts)
    jmp leave_kernel

unexpected_work:
    movl $text_unexpected, %esi
    jmp give_up

.data
text_unexpected: .asciz "an entry that no workload makes"
.balign 4
main_esp:       .long 0
thread_work:    .long 0                     # signals, rescheduling, tracing: nothing is asked for
.set SYSTEM_CALLS, 4
.set END, 0
.set READ, 1
.set FORK, 2
.set EXIT, 3
system_calls:   .long end_user, read_file, fork, exit
