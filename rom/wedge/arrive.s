# What happens when an interrupt or exception arrives. Read on in deliver.s.
#
# Every gate of the shadow IDT that is ours is an interrupt gate, so this code runs with the real IF
# off: it is *closed*, and so is all from closed_start to closed_end. Two rules keep that true when
# an NMI or an exception comes in the midst of it:
#   - a handler that interrupts closed code runs with the real IF off (exception, below);
#   - an IRET that returns into closed code leaves the real IF off and delivers nothing (deliver.s).
# At most 32 bytes are used below the frame that the processor pushes; guests leave 32
# (VMI ABI, section 2). Only CS and SS are assumed. All registers reach the handler as they were.

# --- external interrupts: vectors 32-255, no error code ----------------------------------------
# Stack: vector, EIP, CS, EFLAGS, and ESP, SS from user mode.
external:
    cmpl $0, cpu(virtual_if)
    je external_masked
    cmpl $0, cpu(pending)
    jne external_over_pending
    orl $IF, 12(%esp)                       # INT n may come while the real one is off
    pushl cpu(real_if)

# Enter the guest's handler. Stack: IF for the handler, vector, then the frame (and error code) as
# the handler wants to see it. Becomes: EIP, CS, EFLAGS for the last IRETL, below that frame.
# Interrupts: the real IF is off until the IRETL sets it together with CS:EIP. A handler of an
# external interrupt behind an interrupt gate keeps it off until it enables: a higher one accepted
# while it runs would lose its in-service bit to this one's non-specific EOI, and its rank with it.
enter:
    subl $4, %esp
    pushl %eax
    pushl %ecx                              # ECX 0, EAX 4, free 8, IF 12, vector 16
    movzbl 16(%esp), %eax
    leal 7(,%eax,8), %ecx
    cmpw cpu(idt_limit), %cx
    ja enter_no_gate
    movl cpu(idt_base), %ecx
    leal (%ecx,%eax,8), %ecx                # ECX = the guest's gate
    movb %ss:5(%ecx), %al
    andb $0x9e, %al
    cmpb $0x8e, %al
    jne enter_no_gate
    movw %ss:6(%ecx), %ax
    shll $16, %eax
    movw %ss:(%ecx), %ax
    movl %eax, 8(%esp)                      # EIP of the handler
    testb $1, %ss:5(%ecx)
    jnz enter_trap_gate                     # a trap gate leaves the virtual IF as it is
    movl $0, cpu(virtual_if)
    cmpl $32, 16(%esp)
    jb enter_trap_gate
    movl $0, 12(%esp)
    movl $0, cpu(real_if)
    orl $HELD, cpu(pending)
enter_trap_gate:
    pushfl
    popl %eax
    andl $0xfffcbcff, %eax                  # as a gate does: TF, NT, RF and VM off; and IF
    orl 12(%esp), %eax
    movzwl %ss:2(%ecx), %ecx
    andl $0xfffc, %ecx                      # a gate does not look at the RPL
    xchgl %eax, 16(%esp)
    movl %ecx, 12(%esp)
    cmpl $NMI, %eax
    popl %ecx
    popl %eax
    je enter_nmi
    iretl

# An IRET would let the next NMI into this one's handler. The flags are as the shadow gate left
# them, real IF off; it stays so until the handler's own IRET.
enter_nmi:
    .byte 0xca, 4, 0                        # lretl $4

# The guest took the gate away after the vector was accepted. The processor would answer #GP, or
# #NP for a gate that is not present, with the vector in the error code (Intel SDM 3A, 6.13).
# The same for an exception would be a double fault with no end: shut down.
enter_no_gate:
    movzbl 16(%esp), %eax
    cmpl $32, %eax
    jb triple_fault
    leal 3(,%eax,8), %eax                   # IDT and EXT bits
    movl %eax, 16(%esp)
    leal 4(%eax), %ecx                      # vector * 8 + 7: the gate's last byte
    cmpw cpu(idt_limit), %cx
    ja enter_gp
    addl cpu(idt_base), %ecx
    testb $0x80, %ss:-2(%ecx)               # byte 5 of the gate: present?
    jnz enter_gp
    testb $0x1f, %ss:-2(%ecx)               # an empty gate is of no type at all
    jz enter_gp
    popl %ecx
    popl %eax
    addl $8, %esp
    pushl $11
    jmp exception_with_error
enter_gp:
    popl %ecx
    popl %eax
    addl $8, %esp
    pushl $13
    jmp exception_with_error

# Masked: record the vector. The 8259 holds it in service now and lets only higher ones through;
# with the real IF off from here on nothing else is accepted, so its books stay balanced.
external_masked:
    testl $IF, 12(%esp)
    jz exception                            # the real IF was off: only INT n comes here then
    pushl %eax
    pushl %ecx                              # ECX 0, EAX 4, vector 8, EIP 12, CS 16, EFLAGS 20
    movzbl 8(%esp), %eax
    call is_for_software
    je software_masked
record:                                     # EAX = vector; stack as above
    movzbl cpu(pending), %ecx
    movb %al, cpu(arrival_vector, %ecx)
    movb $RECORDED, cpu(arrival_line, %ecx)
    incb cpu(pending)
    movl $0, cpu(real_if)
    andl $~IF, 20(%esp)
    popl %ecx
    popl %eax
    addl $4, %esp
    iretl
software_masked:
    popl %ecx
    popl %eax
    jmp exception                           # no mask holds INT n

# In: EAX = vector. Out: ZF set when its gate has DPL 3, so that user code may use it by INT n: the
# guest keeps such a vector for software. ECX and flags change.
is_for_software:
    leal 7(,%eax,8), %ecx
    cmpw cpu(idt_limit), %cx
    ja not_for_software                     # no gate. (ZF is clear.)
    movl cpu(idt_base), %ecx
    movb %ss:5(%ecx,%eax,8), %cl
    andb $0x60, %cl
    cmpb $0x60, %cl
not_for_software:
    ret

# Enabled, yet something is pending. From user mode it may be LEFT alone, and that is over: user
# code's IF is the real one, which INT n finds off if IOPL 3 let it do CLI. Else a recorded vector
# waits for the EOI of a higher one whose handler enabled early: what arrives now is higher still;
# note its line, for the same reason.
external_over_pending:
    testb $3, 8(%esp)
    jz external_over_kernel
    andl $~LEFT, cpu(pending)
    testl $IF, 12(%esp)
    jz external_user_masked
    testl $ARRIVALS, cpu(pending)
    jnz external_note
    pushl cpu(real_if)
    jmp enter
external_user_masked:
    movl $0, cpu(virtual_if)
    pushl cpu(real_if)
    jmp enter
external_over_kernel:
    testl $IF, 12(%esp)
    jnz external_over_open
    testl $LEFT, cpu(pending)
    jnz external_user_masked                # INT n after SYSENTER, before anything else was told
    orl $IF, 12(%esp)
external_over_open:
    testl $ARRIVALS, cpu(pending)
    jnz external_note
    pushl cpu(real_if)
    jmp enter
external_note:
    pushl %eax
    pushl %ecx
    pushl %edx
    pushl %ebx                              # EBX 0, EDX 4, ECX 8, EAX 12, vector 16
    movzbl 16(%esp), %eax
    call is_for_software
    je external_noted
    movl %eax, %ecx
    call note_entered
external_noted:
    popl %ebx
    popl %edx
    popl %ecx
    popl %eax
    pushl cpu(real_if)
    jmp enter

# --- exceptions and NMI: never masked ----------------------------------------------------------

# An NMI between Halt's STI and HLT: waking up is what it does, so Halt is over.
nmi:
    pushl %eax
    testb $3, 12(%esp)
    jnz nmi_not_halting                     # user code can have any EIP
    movl 8(%esp), %eax
    subl $halt_sleep, %eax
    cmpl $halt_woken-halt_sleep, %eax
    jae nmi_not_halting
    movl $halt_woken, 8(%esp)
nmi_not_halting:
    popl %eax

# Stack: vector, EIP, CS, EFLAGS ...
exception:
    pushl $0
    pushl %eax
    pushl %ecx                              # ECX 0, EAX 4, IF 8, vector 12, EIP 16
    leal 16(%esp), %ecx
    jmp exception_frame

# Stack: vector, error code, EIP, CS, EFLAGS ...
exception_with_error:
    pushl $0
    pushl %eax
    pushl %ecx
    leal 20(%esp), %ecx

# ECX = address of EIP, CS, EFLAGS. The image that the handler sees carries the virtual IF. The
# handler gets the real IF of guest code, unless closed code was interrupted.
exception_frame:
    testb $3, %ss:4(%ecx)
    jnz exception_user
    movl %ss:(%ecx), %eax
    subl $closed_start, %eax
    cmpl $closed_end-closed_start, %eax
    jb exception_closed
    addl cpu(to_first), %eax                # the way here from a call is in the first block
    cmpl $closed_end-closed_start, %eax
    jb exception_closed
    testl $LEFT, cpu(pending)
    jz exception_open
    testl $IF, %ss:8(%ecx)
    jnz exception_open
    movl %ss:(%ecx), %eax
    subl $leave_open, %eax                  # the ROM's own open code with the real IF off
    cmpl $leave_open_end-leave_open, %eax
    jb exception_open
    call note_sysenter
    jmp exception_open
exception_user:                             # user code's IF is the real one
    andl $~LEFT, cpu(pending)
    movl %ss:8(%ecx), %eax
    andl $IF, %eax
    movl %eax, cpu(virtual_if)
    jnz exception_open
    movl $0, cpu(real_if)                   # what waits goes on waiting in the controller
    orl $HELD, cpu(pending)
exception_open:
    movl cpu(real_if), %eax
    movl %eax, 8(%esp)
    cmpl $NMI, 12(%esp)
    jne exception_image
    orl $HELD, cpu(pending)                 # enter_nmi keeps the real IF off: enabling has to know
exception_image:
    movl %ss:8(%ecx), %eax
    andl $~IF, %eax
    orl cpu(virtual_if), %eax
    movl %eax, %ss:8(%ecx)
    popl %ecx
    popl %eax
    jmp enter

# SYSENTER came from user mode and has cleared the real IF; it told nobody. The guest counts as
# masked from here on, and enabling has to turn the real IF on. Flags change.
note_sysenter:
    movl $0, cpu(virtual_if)
    movl $0, cpu(real_if)
    orl $HELD, cpu(pending)
    andl $~LEFT, cpu(pending)
    ret

# No real IF for what this handler calls or faults in, until it returns here (iret_closed) or, if it
# never does, until it enables. Nor LEFT, which an exception in the handler would take for SYSENTER's
# and clear. The STI shadow of SYSEXIT is lost by now: it goes on by IRETL, for to start again would
# have no end while the guest single-steps.
exception_closed:
    cmpl $sysexit_last-closed_start, %eax
    jne exception_not_leaving
    movl $sysexit_pending, %ss:(%ecx)
exception_not_leaving:
    testl $LEFT, cpu(pending)
    jz exception_not_left
    andl $~LEFT, cpu(pending)
    orl $WAS_LEFT, %ss:8(%ecx)
exception_not_left:
    testl $IF, cpu(real_if)
    jz exception_image
    movl $0, cpu(real_if)
    orl $HELD, cpu(pending)
    orl $WAS_OPEN, %ss:8(%ecx)
    jmp exception_image
