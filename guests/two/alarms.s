# The local APIC's timer: each processor has alarms of its own; and both measure one frequency.

.set ALARM_VECTOR, 0x52

check_alarms:
    cmpb $VMI_RELOC_NONE, bound_type+VMI_CALL_GetCycleFrequency
    je no_alarms                            # a processor without a time stamp counter
    movl $second_frequency, %eax
    call start_job
    call read_frequency
    movl %eax, %ebx
    call end_job
    movl job_answer, %eax
    subl %ebx, %eax
    expect("alarm/both-measure-one-frequency", 0)

    movl $second_enable, %eax
    call run_second
    vmi(EnableInterrupts)
    movl $second_sets_alarm, %eax
    call run_second
    movl $alarms+4, %eax
    movl $1, %edx
    call await_count
    movl alarms+4, %eax
    expect("alarm/of-the-second-comes-there-once", 1)
    movl alarms, %eax
    expect("alarm/of-the-second-does-not-come-here", 0)
    call set_alarm
    movl $alarms, %eax
    movl $1, %edx
    call await_count
    movl alarms, %eax
    expect("alarm/of-the-first-comes-here-once", 1)
    movl $second_sets_alarm, %eax
    call start_job
    call set_alarm
    call end_job
    movl $alarms, %eax
    movl $2, %edx
    call await_count
    movl $alarms+4, %eax
    call await_count
    movl alarms, %eax
    expect("alarm/both-at-once-comes-here", 2)
    movl alarms+4, %eax
    expect("alarm/both-at-once-comes-there", 2)
    movl $second_disable, %eax
    call run_second
    vmi(DisableInterrupts)
no_alarms:
    ret

# Out: EAX = kilohertz.
read_frequency:
    call *bound_eip+4*VMI_CALL_GetCycleFrequency
    movl $1000, %ecx
    divl %ecx
    ret
second_frequency:
    call read_frequency
    movl %eax, job_answer
    ret

# A one-shot by LVTT, for a time that has come.
second_sets_alarm:
set_alarm:
    movl $0x320, %eax
    movl $ALARM_VECTOR, %edx
    call write_apic
    xorl %eax, %eax                         # VMI_COUNTER_REAL
    call *bound_eip+4*VMI_CALL_GetCycleCounter
    pushl $0
    pushl $0
    movl %edx, %ecx
    movl %eax, %edx
    movl $VMI_ALARM_LVTT, %eax
    call *bound_eip+4*VMI_CALL_SetAlarm
    addl $8, %esp
    ret

alarm_entry:
    pushal
    call processor_id
    incl alarms(,%eax,4)
    jmp ipi_end

.data
.balign 4
alarms:         .long 0, 0                  # by processor
