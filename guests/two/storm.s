# Many IPIs, each way at once, and many sleeps that IPIs end.

.set STORM, 500                             # IPIs each way
.set HALTS, 100                             # sleeps of each processor
.set STORM_PATIENCE, 0x800000               # turns from one IPI to the next

# An IPI is sent when the one before was counted, so none falls together with another.
check_storm:
    vmi(DisableInterrupts)
    movl $0, ipis
    movl $0, ipis+4
    movl $second_storm, %eax
    call start_job
    xorl %ebx, %ebx
    call storm
    call end_job
    movl ipis, %eax
    expect("storm/all-arrived-here", STORM)
    movl ipis+4, %eax
    expect("storm/all-arrived-there", STORM)
    movl wrong, %eax
    expect("storm/none-while-masked-here", 0)
    movl wrong+4, %eax
    expect("storm/none-while-masked-there", 0)
    movl storms_ended, %eax
    expect("storm/both-came-to-the-end", 2)
    ret

second_storm:
    movl $1, %ebx

# In: EBX = this processor. All registers change. Ends masked.
storm:
    movl %ebx, %ebp
    xorl $1, %ebp                           # EBP = the other one
    xorl %esi, %esi                         # ESI = IPIs sent
    movl $STORM_PATIENCE, %edi
storm_next:
    vmi(DisableInterrupts)
    cmpl $STORM, %esi
    jae storm_sent
    cmpl ipis(,%ebp,4), %esi
    jne storm_sent
    incl %esi
    movl $STORM_PATIENCE, %edi
    movl $IPI_VECTOR, %eax
    movl %ebp, %edx
    call send_ipi
storm_sent:
    movl ipis(,%ebx,4), %ecx
    vmi(GetInterruptMask)
    testl %eax, %eax
    jnz storm_wrong
    vmi(EnableInterrupts)
    vmi(GetInterruptMask)
    cmpl $0x200, %eax
    jne storm_wrong
    xorl %eax, %eax
    vmi(SetInterruptMask)
    movl ipis(,%ebx,4), %ecx
    pause
    cmpl ipis(,%ebx,4), %ecx
    jne storm_wrong
    pushl $0x202
    pushl %cs
    pushl $storm_landed
    vmi(IRET)
storm_landed:
    vmi(DisableInterrupts)
    movl $0x200, %eax
    vmi(SetInterruptMask)
    cmpl $STORM, ipis(,%ebx,4)
    jb storm_go_on
    cmpl $STORM, ipis(,%ebp,4)
    jae storm_ends
storm_go_on:
    decl %edi
    jnz storm_next
    vmi(DisableInterrupts)
    ret
storm_ends:
    lock
    incl storms_ended
    vmi(DisableInterrupts)
    ret
storm_wrong:
    incl wrong(,%ebx,4)
    jmp storm_landed

# One sleeps until its IPI has come, the other sends it sooner or later: before the Halt, in the
# midst of it, or to one that sleeps.
check_halts:
    movl $second_sleeps, %eax
    call start_job
    movl $1, %ebx
    call wake
    call end_job
    movl sleeps+4, %eax
    expect("halt/each-ipi-ends-a-sleep-there", HALTS)
    movl $second_wakes, %eax
    call start_job
    xorl %ebx, %ebx
    call sleep
    call end_job
    movl sleeps, %eax
    expect("halt/each-ipi-ends-a-sleep-here", HALTS)
    ret

second_sleeps:
    movl $1, %ebx
sleep:                                      # EBX = this processor
    movl $0, ipis(,%ebx,4)
    movl $0, sleeps(,%ebx,4)
    lock
    incl sleepers(,%ebx,4)
sleep_next:
    vmi(DisableInterrupts)
    movl sleeps(,%ebx,4), %eax
    cmpl ipis(,%ebx,4), %eax
    jb sleep_over
    vmi(Halt)
    jmp sleep_next
sleep_over:
    incl sleeps(,%ebx,4)
    vmi(EnableInterrupts)
    cmpl $HALTS, sleeps(,%ebx,4)
    jb sleep_next
    vmi(DisableInterrupts)
    ret

second_wakes:
    xorl %ebx, %ebx
wake:                                       # EBX = the other processor
    cmpl $0, sleepers(,%ebx,4)
    je wake
    xorl %esi, %esi                         # ESI = sleeps over
wake_next:
    movl %esi, %ecx
    imull $37, %ecx
    andl $0x3ff, %ecx
wake_later:
    decl %ecx
    jns wake_later
    movl $IPI_VECTOR, %eax
    movl %ebx, %edx
    call send_ipi
    incl %esi
    movl $PATIENCE, %ecx
wake_wait:
    cmpl sleeps(,%ebx,4), %esi
    jbe wake_woken
    pause
    decl %ecx
    jnz wake_wait
    ret                                     # it sleeps for good
wake_woken:
    cmpl $HALTS, %esi
    jb wake_next
    ret

.data
.balign 4
wrong:          .long 0, 0                  # what happened under the mask, by processor
storms_ended:   .long 0
sleeps:         .long 0, 0                  # sleeps that an IPI has ended, by processor
sleepers:       .long 0, 0                  # 1: the processor has begun
