# The timer group, called through pointers as Linux does. Times are kept short, and no check depends
# on how fast the machine runs, but an alarm that does not come for a second is taken for lost.

check_calls:
    cmpb $VMI_RELOC_NONE, bound_type+VMI_CALL_GetCycleFrequency
    je no_timer                             # a processor without a time stamp counter
    call map_apic
    call set_up_alarms
    call check_counters
    call check_frequency
    call check_irq0
    call check_lvtt
    call give_irq0_back
no_timer:
    ret

check_counters:
    call read_real
    movl %eax, %esi
    movl %edx, %edi
    call read_real
    subl %esi, %eax
    sbbl %edi, %edx
    sbbl %eax, %eax
    expect("alarm/real-counter-goes-on", 0)
    movl $VMI_COUNTER_REAL, %eax
    call *bound_eip+4*VMI_CALL_GetCycleCounter
    movl %eax, %esi
    movl %edx, %edi
    movl $VMI_COUNTER_AVAILABLE, %eax
    call *bound_eip+4*VMI_CALL_GetCycleCounter
    subl %esi, %eax
    sbbl %edi, %edx
    sbbl %eax, %eax
    expect("alarm/available-is-real", 0)
    movl $VMI_COUNTER_STOLEN, %eax
    call *bound_eip+4*VMI_CALL_GetCycleCounter
    orl %edx, %eax
    expect("alarm/nothing-is-stolen", 0)
    movl $77, %eax
    call *bound_eip+4*VMI_CALL_GetCycleCounter
    orl %edx, %eax
    expect("alarm/an-unknown-counter-is-0", 0)
    ret

# The frequency, against 10 ms of the 8254's channel 2 whose output rises at the end. The machine may
# be held up just then, so the best of many counts.
check_frequency:
    call *bound_eip+4*VMI_CALL_GetCycleFrequency
    movl $1000, %ecx
    divl %ecx
    movl %eax, khz
    movl %edx, %eax
    expect("alarm/frequency-has-whole-kilohertz", 0)
    movl $50, %ebx
frequency_next:
    inb $0x61, %al
    andb $0xfc, %al
    orb $1, %al
    outb %al, $0x61
    movb $0xb0, %al
    outb %al, $0x43
    movb $0x9c, %al                         # 11932
    outb %al, $0x42
    movb $0x2e, %al
    outb %al, $0x42
    call read_real
    movl %eax, %esi
frequency_wait:
    inb $0x61, %al
    testb $0x20, %al
    jz frequency_wait
    call read_real
    subl %esi, %eax
    imull $10, khz, %ecx
    subl %ecx, %eax
    jnc frequency_distance
    negl %eax
frequency_distance:
    movl khz, %ecx
    shrl $7, %ecx                           # one in 1280
    cmpl %ecx, %eax
    sbbl %eax, %eax
    jnz frequency_good
    decl %ebx
    jnz frequency_next
frequency_good:
    expect("alarm/frequency-is-that-of-the-counter", -1)
    call *bound_eip+4*VMI_CALL_GetCycleFrequency
    movl $1000, %ecx
    divl %ecx
    subl khz, %eax
    expect("alarm/frequency-stays", 0)
    ret

check_irq0:
    movl $0, wiring
    call masked_alarm
    movl alarms_masked, %eax
    expect("alarm/irq0-waits-under-the-mask", 0)
    movl alarms, %eax
    expect("alarm/irq0-comes-at-enable", 1)
    movl cancelled, %eax
    expect("alarm/irq0-that-came-is-not-cancelled", 0)
    call open_alarm
    movl alarms, %eax
    expect("alarm/irq0-comes-once", 1)
    movl early, %eax
    expect("alarm/irq0-is-not-early", 0)
    call past_alarm
    expect("alarm/irq0-in-the-past-comes-at-once", 1)
    call replaced_alarm
    expect("alarm/irq0-replaced-comes-once", 1)
    call cancelled_alarm
    movl cancelled, %eax
    expect("alarm/irq0-is-cancelled", 1)
    movl alarms, %eax
    expect("alarm/irq0-cancelled-does-not-come", 0)
    call cancel
    expect("alarm/irq0-is-cancelled-once", 0)
    call periodic_alarm
    movl alarms_periodic, %eax
    expect("alarm/irq0-goes-on", 5)
    movl cancelled, %eax
    expect("alarm/irq0-periodic-is-cancelled", 1)
    movl alarms_late, %eax
    expect("alarm/irq0-periodic-ends", 0)
    call halted_alarm
    expect("alarm/irq0-wakes-halt", 1)
    call unknown_alarm
    expect("alarm/an-unknown-counter-has-no-alarm", 0)
    ret

check_lvtt:
    movl $0x30, %eax                        # version
    call *bound_eip+4*VMI_CALL_APICRead
    testl %eax, %eax
    jz no_apic
    movl $0xf0, %eax                        # software enable, spurious vector FF
    movl $0x1ff, %edx
    call *bound_eip+4*VMI_CALL_APICWrite
    movl $0x320, %eax
    movl $LVTT_VECTOR, %edx
    call *bound_eip+4*VMI_CALL_APICWrite
    movl $VMI_ALARM_LVTT, wiring
    call masked_alarm
    movl alarms_masked, %eax
    expect("alarm/lvtt-waits-under-the-mask", 0)
    movl alarms, %eax
    expect("alarm/lvtt-comes-at-enable", 1)
    movl cancelled, %eax
    expect("alarm/lvtt-that-came-is-not-cancelled", 0)
    call open_alarm
    movl alarms, %eax
    expect("alarm/lvtt-comes-once", 1)
    movl early, %eax
    expect("alarm/lvtt-is-not-early", 0)
    call past_alarm
    expect("alarm/lvtt-in-the-past-comes-at-once", 1)
    call replaced_alarm
    expect("alarm/lvtt-replaced-comes-once", 1)
    call cancelled_alarm
    movl cancelled, %eax
    expect("alarm/lvtt-is-cancelled", 1)
    movl alarms, %eax
    expect("alarm/lvtt-cancelled-does-not-come", 0)
    call cancel
    expect("alarm/lvtt-is-cancelled-once", 0)
    call periodic_alarm
    movl alarms_periodic, %eax
    expect("alarm/lvtt-goes-on", 5)
    movl cancelled, %eax
    expect("alarm/lvtt-periodic-is-cancelled", 1)
    movl alarms_late, %eax
    expect("alarm/lvtt-periodic-ends", 0)
    call halted_alarm
    expect("alarm/lvtt-wakes-halt", 1)
    movl $0x320, %eax
    call *bound_eip+4*VMI_CALL_APICRead
    expect("alarm/lvtt-keeps-its-vector", LVTT_VECTOR)
no_apic:
    ret
