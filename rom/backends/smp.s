# More than one processor. Each has a block of its own: a whole wedge, relocated to where it stands,
# with its virtual CPU, its shadow IDT, and all that its gates lead to. Only the calls are shared: the
# guest binds one address for all processors. So these stubs, of which the first block's are bound,
# find the block of the processor that they run on, and go on there. Its IDTR tells: it points at
# that block's shadow IDT.
#
# What a preempted guest might go on with on another processor is done with the real IF off from
# before the block is looked for: it is closed code. Descriptor tables are a processor's own, and no
# guest lets itself be moved while it sets them; what goes on in open code is in smp_open.s.

smp_EnableInterrupts:
    cli
    pushl $own_enable
    jmp own_block

closed_disable:
    cli
    pushl $own_disable
    jmp own_block

closed_get:
    cli
    pushl $own_get
    jmp own_block

closed_set:
    cli
    pushl $own_set
    jmp own_block

smp_IRET:
    cli
    pushl $IRET
    jmp own_block

smp_SYSEXIT:
    cli
    pushl $SYSEXIT
    jmp own_block

smp_Halt:
    cli
    pushl $Halt
    jmp own_block

closed_mask:
    cli
    pushl $own_mask
    jmp own_block

start_guest:
    cli
    pushl $IRET
    jmp own_block

# In: address in the first block on the stack. Goes to the same place of this processor's block, with
# all registers as they were. Flags change.
own_block:
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

# The first call of a processor that the guest has started: its IDT is still the guest's. Take over
# what it has, as Init does on the first one; it counts as masked. A processor that was here before
# gets the block that it had. With no block left it cannot take part: it stops, as by Shutdown.
own_adopt:
    cli
    pushl %ebx
    pushl %ecx
    pushl %edx
    movl $1, %eax
    cpuid
    shrl $24, %ebx
    incl %ebx                               # EBX = 1 + APIC ID
    xorl %edx, %edx                         # EDX = a block, as distance from the first
adopt_next:
    cmpl %ebx, cpu(owner, %edx)
    je adopt_this
    addl $wedge_end-virtual_cpu, %edx
    cmpl cpu(blocks_size), %edx
    jb adopt_next
    xorl %edx, %edx
adopt_free:
    xorl %eax, %eax
    lock
    cmpxchgl %ebx, cpu(owner, %edx)
    je adopt_this
    addl $wedge_end-virtual_cpu, %edx
    cmpl cpu(blocks_size), %edx
    jb adopt_free
    jmp Shutdown
adopt_this:
    pushl %edx
    xorl %eax, %eax
    leal backend_init(%edx), %ecx
    call *%ecx
    popl %edx
    addl %edx, 16(%esp)
    popl %edx
    popl %ecx
    popl %ebx
    popl %eax
    ret

# The fast calls in a processor's own block, real IF off. Flags only may change. All but own_enable have
# EFLAGS from before the CLI on the stack: the real IF is that again, as at the end of leave_closed.
own_enable:
    movl $IF, cpu(virtual_if)
    cmpl $0, cpu(pending)
    jne enable_pending
    pushfl
    orl $IF, (%esp)
    jmp leave_open

own_disable:
    movl $0, cpu(virtual_if)
own_leave:
    testl $IF, (%esp)
    jz leave_off
    testl $IF, cpu(real_if)
    jnz leave_open
    jmp leave_off

own_mask:
    call own_came
    movl cpu(virtual_if), %eax
    jmp own_disable

own_get:
    call own_came
    movl cpu(virtual_if), %eax
    jmp own_leave

own_set:
    testb $2, %ah
    jz own_disable
    addl $4, %esp
    jmp own_enable

# In: EFLAGS from before the CLI above the return address. Did the guest come by SYSENTER?
own_came:
    testl $LEFT, cpu(pending)
    jz own_came_not
    testl $IF, 4(%esp)
    jz note_sysenter
own_came_not:
    ret
