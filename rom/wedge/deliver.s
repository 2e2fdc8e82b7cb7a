# Enabling with something pending: IRET, Halt, SYSEXIT, and the slow way of EnableInterrupts and
# SetInterruptMask. All of it is closed (see arrive.s), and all of it ends in settle.

# In: (%esp) = the guest's return address. The frame is built in its place, so that the handler's
# IRET goes on at the caller as the RET would have. Flags may change, no other register.
enable_pending:
    cli
    pushl %cs
    pushl 4(%esp)                           # EIP: the return address
    pushfl
    popl 8(%esp)                            # EFLAGS, where the return address was
    orl $IF, 8(%esp)
    jmp settle

# In: EIP, CS, EFLAGS on the stack, and ESP, SS for user mode. Reached by a jump, with every
# register the target's own. The virtual IF becomes that of the image, together with the stack.
IRET:
    cli
    pushl %eax                              # EAX 0, EIP 4, CS 8, EFLAGS 12
    testb $3, 8(%esp)
    jnz iret_user
    testb $VM_BYTE, 14(%esp)
    jnz iret_user                           # virtual-8086 mode, where CS has no RPL
    movl 4(%esp), %eax
    subl $closed_start, %eax
    cmpl $closed_end-closed_start, %eax
    jb iret_closed
    addl cpu(to_first), %eax
    cmpl $closed_end-closed_start, %eax
    jb iret_closed
    movl 12(%esp), %eax
    andl $IF, %eax
    movl %eax, cpu(virtual_if)
    jz iret_masked
    testl $ARRIVALS, cpu(pending)
    jnz iret_pending
    movl $IF, cpu(real_if)
    movl $0, cpu(pending)
    popl %eax
    iretl                                   # the image's IF is on, as the real one is to be
# User code's IF is the real one. With IOPL 3 it may have cleared it, and the image says so: it is
# off then as long as user code runs, but nothing goes on waiting here because of that.
iret_user:
    movl $IF, cpu(virtual_if)
    testl $ARRIVALS, cpu(pending)
    jnz iret_pending
    movl $IF, cpu(real_if)
    movl $LEFT, cpu(pending)
    popl %eax
    iretl
iret_masked:
    movl cpu(real_if), %eax
    orl %eax, 12(%esp)
    popl %eax
    iretl
iret_pending:
    popl %eax
    jmp settle
# Back into closed code, from an NMI or exception: it goes on as it was, real IF off, and on in the
# window that settle opens.
iret_closed:
    movl 12(%esp), %eax
    andl $IF, %eax
    movl %eax, cpu(virtual_if)
    testl $WAS_LEFT, 12(%esp)
    jz iret_not_left
    orl $LEFT, cpu(pending)
iret_not_left:
    testl $WAS_OPEN, 12(%esp)
    jz iret_closed_off
    testl $HELD, cpu(pending)
    jz iret_closed_off                      # the handler enabled, and what came of it counts
    andl $~HELD, cpu(pending)
    testl %eax, %eax
    jz iret_closed_on
    movzbl cpu(pending), %eax
    testl %eax, %eax
    jz iret_closed_on
    cmpb $RECORDED, cpu(arrival_line-1, %eax)
    je iret_closed_off                      # it enabled all the same, and HELD is a later NMI's
iret_closed_on:
    movl $IF, cpu(real_if)
iret_closed_off:
    andl $~(IF|WAS_OPEN|WAS_LEFT), 12(%esp)
    movl 4(%esp), %eax
    subl $settle_window, %eax
    cmpl $settle_window_end-settle_window, %eax
    jae iret_not_in_window
    orl $IF, 12(%esp)
iret_not_in_window:
    popl %eax
    iretl

# Enable and wait. With the real IF off from the test to the STI before HLT, no wakeup is lost.
Halt:
    cli
    movl $IF, cpu(virtual_if)
    testl $ARRIVALS, cpu(pending)
    jnz halt_pending
    movl $IF, cpu(real_if)
    movl $0, cpu(pending)
    jmp halt_sleep
halt_pending:                               # settle turns this into halt_woken if it delivers
    pushfl
    orl $IF, (%esp)
    pushl %cs
    pushl $halt_sleep
    jmp settle

# In: EDX = EIP, ECX = ESP of user code; all other registers go there as they are. SYSENTER has
# cleared the real IF, so it is set here. The STI shadow covers the SYSEXIT: nothing comes between.
SYSEXIT:
    cli
    testl $ARRIVALS, cpu(pending)
    jnz sysexit_pending
    movl $IF, cpu(virtual_if)
    movl $IF, cpu(real_if)
    movl $LEFT, cpu(pending)
    sti
sysexit_last:
    sysexit

# Build the frame that an interrupt right after the SYSEXIT would leave: at ESP0 of the TSS.
# Selectors come from SYSENTER_CS (Intel SDM 2B, SYSEXIT).
#
# current_tss is open code: the IRET of an NMI that comes there may turn the real IF on. So the guest
# stays masked, and what then arrives is recorded.
sysexit_pending:
    movl $0, cpu(virtual_if)
    subl $20, %esp                          # keep clear of the frame, should it be right here
    pushl %eax
    pushl %edx
    pushl %ecx                              # ESP 0, EIP 4, EAX 8
    movl $0x174, %ecx
    rdmsr
    andl $0xfffc, %eax
    call current_tss
    cli
    testl %ecx, %ecx
    jnz sysexit_esp0
    leal 32(%esp), %ecx
    jmp sysexit_frame
sysexit_esp0:
    movl %ss:4(%ecx), %ecx
    leal 4(%ecx), %edx                      # no guest should stand above its ESP0; if one does and
    subl %esp, %edx                         # the frame would fall on what is saved here, keep to
    cmpl $36, %edx                          # this stack
    jae sysexit_frame
    leal 32(%esp), %ecx
sysexit_frame:                              # ECX = end of the frame
    leal 27(%eax), %edx                     # SS = SYSENTER_CS + 24, RPL 3
    movl %edx, %ss:-4(%ecx)
    leal 19(%eax), %edx                     # CS = SYSENTER_CS + 16, RPL 3
    movl %edx, %ss:-16(%ecx)
    movl (%esp), %eax
    movl %eax, %ss:-8(%ecx)
    pushfl
    popl %eax
    orl $IF, %eax
    movl %eax, %ss:-12(%ecx)
    movl 4(%esp), %eax
    movl %eax, %ss:-20(%ecx)
    movl 8(%esp), %eax
    leal -20(%ecx), %esp
    movl (%esp), %edx
    movl 12(%esp), %ecx

# Stack: a whole frame, IF set in its image, to go on with. Real IF off. Either deliver the vector
# that is due on top of that frame, or go on with the virtual IF set. No register changes.
#
# The stack of arrivals keeps the order of the 8259: a vector is accepted while another waits only
# if it outranks it, so the last one is first. An entry is either recorded, or it was entered while
# others waited below it; then it stays, with its line, until its EOI, and holds them back.
settle:
    subl $8, %esp
    pushl %eax
    pushl %ecx
    pushl %edx
    pushl %ebx                              # EBX 0, EDX 4, ECX 8, EAX 12, IF 16, vector 20, EIP 24
    pushfl
    andl $~NT, (%esp)                       # a gate clears NT: with it, IRETL would switch tasks
    popfl
    movl $0, cpu(virtual_if)                # what arrives in the window below is recorded
    andl $ARRIVALS, cpu(pending)
settle_again:
    movzbl cpu(pending), %ecx               # the count alone: an NMI may set HELD at any time
    testl %ecx, %ecx
    jz settle_resume
    cmpb $RECORDED, cpu(arrival_line-1, %ecx)
    jne settle_entered

# The top waits. Let what outranks it come in before it: the hardware would have run that first.
    cmpl $MOST_ARRIVALS-1, %ecx
    jae settle_chosen
    sti
settle_window:
    nop                                     # one interrupt may come after this, before the CLI
    cli
settle_window_end:
    cmpb cpu(pending), %cl
    jne settle_again
settle_chosen:
    movzbl cpu(arrival_vector-1, %ecx), %eax
    movl %eax, 20(%esp)
    decb cpu(pending)
    movl $IF, cpu(real_if)
    jz settle_enter                         # nothing waits below it: (ZF is of the DECB)
    movl %eax, %ecx
    call note_entered
settle_enter:
    movl $IF, cpu(virtual_if)               # a trap gate leaves it so
    movl cpu(real_if), %eax
    movl %eax, 16(%esp)
    testb $3, 28(%esp)
    jnz settle_not_halting                  # user code can have any EIP
    cmpl $halt_sleep, 24(%esp)
    jne settle_not_halting
    movl $halt_woken, 24(%esp)              # Halt is over when the handler returns
settle_not_halting:
    popl %ebx
    popl %edx
    popl %ecx
    popl %eax
    jmp enter

# The top was entered. If its EOI has come, what is below is due; else it all goes on waiting, and
# the 8259 lets through only what outranks it.
settle_entered:
    call in_service
    call drop_finished
    jne settle_again
settle_resume:
    movl $IF, cpu(virtual_if)
    movl $IF, cpu(real_if)
    testb $3, 28(%esp)
    jnz settle_user
    testb $VM_BYTE, 34(%esp)
    jz settle_kernel
settle_user:
    orl $LEFT, cpu(pending)
    jmp settle_go
settle_kernel:
    cmpl $halt_sleep, 24(%esp)
    jne settle_go
    andl $~IF, 32(%esp)                     # only Halt's own STI may open it, or a wakeup is lost
settle_go:
    popl %ebx
    popl %edx
    popl %ecx
    popl %eax
    addl $8, %esp
    iretl

# In: ECX = vector about to be entered while others wait. If it is in service at an 8259 it becomes
# the top entry, and the real IF of guest code is on: only what outranks it can arrive. If it is
# not (a local APIC's, or automatic EOI) nothing can be said of its EOI, and the real IF is as the
# top wants it. EAX, ECX, EDX, EBX and flags change.
note_entered:
    movl $IF, cpu(real_if)
    call in_service
    movl %ecx, %ebx
    call line_of
    movl %ecx, %edx
    xorl $8, %edx
    btl %edx, %eax
    jc note_line                            # the same input of both 8259s is in service
    movzbl cpu(pending), %edx
note_next:                                  # or that line belongs to what waits with these low bits
    decl %edx
    js note_line
    cmpb $RECORDED, cpu(arrival_line, %edx)
    jne note_next
    movb cpu(arrival_vector, %edx), %ch
    xorb %bl, %ch
    testb $7, %ch
    jnz note_next
    movl $NO_LINE, %ecx
note_line:
    movzbl %cl, %ecx
    btrl %ecx, %eax                         # an older entry of this line is finished
    movb %cl, %bh
    pushl %ebx                              # vector, line << 8
    call drop_finished
    popl %ecx
    testl %edx, %edx
    jz note_done                            # nothing waits any more
    cmpb $NO_LINE, %ch
    je note_no_line
    movb %cl, cpu(arrival_vector, %edx)
    movb %ch, cpu(arrival_line, %edx)
    incb cpu(pending)
    ret
note_no_line:
    cmpb $RECORDED, cpu(arrival_line-1, %edx)
    jne note_done
    movl $0, cpu(real_if)
note_done:
    ret

# In: EAX = lines in service. Drop each entry that was entered and is no longer among them. Out:
# EDX = entries left; ZF set when none was dropped. EBX, ECX and flags change.
drop_finished:
    xorl %ebx, %ebx                         # next entry to look at
    xorl %edx, %edx                         # next place to keep one
drop_next:
    cmpb cpu(pending), %bl
    jae drop_done
    movzbl cpu(arrival_line, %ebx), %ecx
    cmpl $RECORDED, %ecx
    je drop_not
    btl %ecx, %eax
    jnc drop_it
drop_not:
    movb %cl, cpu(arrival_line, %edx)
    movb cpu(arrival_vector, %ebx), %cl
    movb %cl, cpu(arrival_vector, %edx)
    incl %edx
drop_it:
    incl %ebx
    jmp drop_next
drop_done:
    movb %dl, cpu(pending)
    cmpl %ebx, %edx
    ret
