# To user mode by IRET and by SYSEXIT, and back by an interrupt through a gate of DPL 3.

.set BACK_VECTOR, 0x81
.set SYSENTER_CS, 0x174
.set USER_ESP0, kernel_stack+4096           # half of the kernel's stack: the rest is in use

check_user:
    movl $kernel_again, %ecx
    movl %ecx, %eax
    andl $0xffff, %ecx
    orl $KERNEL_CS*65536, %ecx
    andl $0xffff0000, %eax
    orl $0xee00, %eax                       # interrupt gate, DPL 3
    pushl %eax
    movl $idt, %eax
    movl $BACK_VECTOR, %edx
    vmi(WriteIDTEntry)
    addl $4, %esp
    movl $KERNEL_DS, %eax
    movl $USER_ESP0, %edx
    vmi(UpdateKernelStack)

    movl $by_iret, go_on
    movl %esp, kernel_esp
    pushl $USER_DS
    pushl $user_stack_top
    pushl $0x202
    pushl $USER_CS
    pushl $user_program
    vmi(IRET)
by_iret:
    movl back_esp, %eax
    expect("user/esp0-is-that-of-update-kernel-stack", USER_ESP0-20)
    movl back_esp, %ebx
    movl 4(%ebx), %eax
    expect("user/iret-goes-to-user-mode", USER_CS)
    movl 8(%ebx), %eax
    andl $0x200, %eax
    expect("user/iret-enables", 0x200)
    movl 12(%ebx), %eax
    expect("user/iret-loads-the-stack", user_stack_top)
    movl back_edi, %eax
    expect("user/the-program-ran", 0x5eed)
    vmi(GetInterruptMask)
    expect("user/an-interrupt-gate-disables", 0)

    movl $SYSENTER_CS, %ecx
    movl $KERNEL_CS, %eax
    xorl %edx, %edx
    vmi(WRMSR)
    movl $by_sysexit, go_on
    movl %esp, kernel_esp
    movl $0, back_edi
    movl $user_program, %edx
    movl $user_stack_top-16, %ecx
    vmi(SYSEXIT)
by_sysexit:
    movl back_esp, %ebx
    movl 4(%ebx), %eax
    expect("user/sysexit-goes-to-user-mode", USER_CS)
    movl 8(%ebx), %eax
    andl $0x200, %eax
    expect("user/sysexit-enables", 0x200)
    movl 12(%ebx), %eax
    expect("user/sysexit-loads-the-stack", user_stack_top-16)
    movl back_edi, %eax
    expect("user/the-program-ran-again", 0x5eed)

    movl $SYSENTER_CS, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    vmi(WRMSR)
    movl $KERNEL_DS, %eax
    movl $kernel_stack_top, %edx
    vmi(UpdateKernelStack)
    ret

user_program:
    pushl $0x5eed
    popl %edi
    int $BACK_VECTOR

# At the vector's gate: note where the frame is, and go on where the kernel left.
kernel_again:
    movl $KERNEL_DS, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %esp, back_esp
    movl %edi, back_edi
    movl kernel_esp, %esp
    jmp *go_on

.data
.balign 4
kernel_esp:     .long 0
back_esp:       .long 0
back_edi:       .long 0
go_on:          .long 0
