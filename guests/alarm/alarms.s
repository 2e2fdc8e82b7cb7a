# What can be done with an alarm, for the wiring in `wiring`. Times are in units of 100 us. All
# registers change.

.data
.balign 4
wiring:          .long 0                    # 0 or VMI_ALARM_LVTT
khz:             .long 0                    # cycles a millisecond
expiry:          .long 0, 0                 # of the last one-shot
alarms_masked:   .long 0                    # what came while masked
alarms_periodic: .long 0                    # what came before the cancel, 5 at the most
alarms_late:     .long 0                    # what came after it
cancelled:       .long 0                    # what CancelAlarm answered
early:           .long 0                    # 1: the alarm came before its time
.text

# Out: EDX:EAX = the real counter.
read_real:
    xorl %eax, %eax
    jmp *bound_eip+4*VMI_CALL_GetCycleCounter

# In: EAX = units. Out: EDX:EAX = the real counter then.
units_on:
    mull khz
    movl $10, %ecx
    divl %ecx
    pushl %eax
    call read_real
    popl %ecx
    addl %ecx, %eax
    adcl $0, %edx
    ret

# In: EDX:EAX = a value of the real counter. Wait for it.
wait_for:
    movl %eax, %esi
    movl %edx, %edi
wait_on:
    call read_real
    subl %esi, %eax
    sbbl %edi, %edx
    jc wait_on
    ret

wait_units:
    call units_on
    jmp wait_for

# Wait until EBX alarms have come, or a second has passed.
wait_alarms:
    movl $10000, %eax
    call units_on
    movl %eax, %esi
    movl %edx, %edi
wait_alarms_on:
    cmpl %ebx, alarms
    jae wait_alarms_done
    call read_real
    subl %esi, %eax
    sbbl %edi, %edx
    jc wait_alarms_on
wait_alarms_done:
    ret

# In: EAX = units until the one-shot.
set_one_shot:
    call units_on
    movl %eax, expiry
    movl %edx, expiry+4
set_expiry:
    pushl $0
    pushl $0
    movl expiry, %edx
    movl expiry+4, %ecx
    movl wiring, %eax
    call *bound_eip+4*VMI_CALL_SetAlarm
    addl $8, %esp
    ret

# Out: EAX = its answer.
cancel:
    movl wiring, %eax
    jmp *bound_eip+4*VMI_CALL_CancelAlarm

# It expires while masked, and comes at enable. On a busy host an emulator may raise the interrupt some
# milliseconds after the time has come, and what was cancelled by then does not come.
masked_alarm:
    vmi(DisableInterrupts)
    movl $0, alarms
    movl $2, %eax
    call set_one_shot
    movl $200, %eax
    call wait_units
    movl alarms, %eax
    movl %eax, alarms_masked
    call cancel
    movl %eax, cancelled
    vmi(EnableInterrupts)
    movl $1, %ebx
    jmp wait_alarms

# It comes at its time, and once.
open_alarm:
    movl $0, alarms
    movl $3, %eax
    call set_one_shot
    movl $1, %ebx
    call wait_alarms
    movl alarm_seen, %eax
    movl alarm_seen+4, %edx
    subl expiry, %eax
    sbbl expiry+4, %edx
    sbbl %eax, %eax
    andl $1, %eax
    movl %eax, early
    movl $10, %eax
    jmp wait_units

# Out: EAX = alarms of an expiry long ago.
past_alarm:
    movl $0, alarms
    movl $1, expiry
    movl $0, expiry+4
    call set_expiry
    movl $1, %ebx
    call wait_alarms
    movl alarms, %eax
    ret

# Out: EAX = alarms of one that was set twice, the second time for later. Where the machine was held
# up for so long that the first came before, again with twice as long.
replaced_alarm:
    movl $3, %ebp
replaced_again:
    addl %ebp, %ebp
    vmi(DisableInterrupts)
    movl $0, alarms
    movl %ebp, %eax
    call set_one_shot
    movl expiry, %esi
    movl expiry+4, %edi
    leal (%ebp,%ebp), %eax
    call set_one_shot
    call read_real
    subl %esi, %eax
    sbbl %edi, %edx
    sbbl %ebx, %ebx                         # -1: in time
    vmi(EnableInterrupts)
    leal 5(%ebp,%ebp), %eax
    call wait_units
    pushl %ebx
    movl $1, %ebx
    call wait_alarms
    popl %ebx
    testl %ebx, %ebx
    jz replaced_again
    movl alarms, %eax
    ret

# It is cancelled in time. Where the machine was held up for so long that it came before, again with
# twice as long.
cancelled_alarm:
    movl $5, %ebp
cancelled_again:
    addl %ebp, %ebp
    movl $0, alarms
    movl %ebp, %eax
    call set_one_shot
    call cancel
    movl %eax, cancelled
    call read_real
    subl expiry, %eax
    sbbl expiry+4, %edx
    jnc cancelled_again
    leal 5(%ebp), %eax
    jmp wait_units

# It comes five times at the least, and no more once it is cancelled.
periodic_alarm:
    movl $0, alarms
    movl khz, %eax
    shrl $1, %eax
    pushl $0
    pushl %eax                              # half a millisecond
    call read_real
    movl %edx, %ecx
    movl %eax, %edx
    movl $VMI_ALARM_PERIODIC, %eax
    orl wiring, %eax
    call *bound_eip+4*VMI_CALL_SetAlarm
    addl $8, %esp
    movl $5, %ebx
    call wait_alarms
    movl alarms, %eax
    cmpl $5, %eax
    jb periodic_counted
    movl $5, %eax
periodic_counted:
    movl %eax, alarms_periodic
    call cancel
    movl %eax, cancelled
    nop
    movl alarms, %ebx
    movl $20, %eax
    call wait_units
    subl alarms, %ebx
    negl %ebx
    movl %ebx, alarms_late
    ret

# Out: EAX = alarms after a Halt.
halted_alarm:
    vmi(DisableInterrupts)
    movl $0, alarms
    movl $3, %eax
    call set_one_shot
    vmi(Halt)
    movl alarms, %eax
    ret

# Out: EAX = alarms and answers of CancelAlarm for the stolen counter and one past it.
unknown_alarm:
    movl $0, alarms
    movl $1, expiry
    movl $0, expiry+4
    movl $VMI_COUNTER_STOLEN, wiring
    call set_expiry
    call cancel
    movl %eax, %ebx
    movl $77, wiring
    call set_expiry
    call cancel
    orl %eax, %ebx
    movl $5, %eax
    call wait_units
    movl alarms, %eax
    orl %ebx, %eax
    ret
