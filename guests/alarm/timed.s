# For a debugger: one alarm from beginning to end, in one piece, for a machine that stops in between
# may be held up. Fill in these words, call timed_alarm, and read what came of it: `alarms`, and the
# real counter at each of them in `alarm_seen`.

.data
.balign 4
timed_flags:    .long 0                     # SetAlarm's flags
timed_delay:    .long 0, 0                  # cycles until the expiry, from timed_start on
timed_period:   .long 0, 0
timed_wanted:   .long 0                     # sleep until so many have come
timed_spin:     .long 0                     # and then spin for twice so many cycles
timed_start:    .long 0, 0                  # the real counter before the call
.text

timed_alarm:
    call set_up_alarms
    movl $0, alarms
    call read_real
    movl %eax, timed_start
    movl %edx, timed_start+4
    addl timed_delay, %eax
    adcl timed_delay+4, %edx
    movl %edx, %ecx
    movl %eax, %edx
    pushl timed_period+4
    pushl timed_period
    movl timed_flags, %eax
    call *bound_eip+4*VMI_CALL_SetAlarm
    addl $8, %esp
timed_sleep:
    vmi(DisableInterrupts)
    movl alarms, %eax
    cmpl timed_wanted, %eax
    jae timed_awake
    vmi(Halt)
    jmp timed_sleep
timed_awake:
    vmi(EnableInterrupts)
    movl timed_spin, %ecx
timed_spinning:
    decl %ecx
    jns timed_spinning
    vmi(DisableInterrupts)
    movl timed_flags, %eax
    call *bound_eip+4*VMI_CALL_CancelAlarm
    pushl %eax
    call give_irq0_back
    popl %eax
    ret
