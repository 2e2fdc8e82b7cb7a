# Alarms wired to LVTT: the local APIC's timer, one a processor. The calls are in timer.s.

.set APIC_ID, 0x20
.set APIC_VERSION, 0x30
.set APIC_INITIAL, 0x380
.set APIC_CURRENT, 0x390
.set APIC_DIVIDE, 0x3e0
.set DIVIDE_BY_16, 3
.set LVTT_MODE, 0x60000                     # one-shot, periodic, TSC deadline (Intel SDM 3A, 10.5.4)
.set LVTT_PERIODIC, 0x20000

# In: EDX:EAX = cycles, EBX = flags. The guest's vector and mask stay in LVTT. Nothing happens where
# there is no APIC or no map of it. EAX, ECX, EDX, EBP and flags change.
arm_lvtt:
    pushl %eax
    pushl %edx
    call measure_apic
    popl %edx
    popl %eax
    movl %ss:apic_rate, %ecx
    jecxz arm_lvtt_none
    call scale
    shrdl $10, %edx, %eax
    shrl $10, %edx
    jnz arm_lvtt_longest
    testl $ALARM_PERIODIC, %ebx
    jz arm_lvtt_up
    testl %eax, %eax                        # 0 would stop it
    jnz arm_lvtt_count
arm_lvtt_up:
    call round_up
    jnc arm_lvtt_count
arm_lvtt_longest:
    movl $-1, %eax
arm_lvtt_count:
    movl %eax, %ebp
    call lvtt_of
    testl $ALARM_PERIODIC, %ebx
    setnz %ss:lvtt_periodic(%eax)
    movl $APIC_LVTT, %eax
    call read_apic
    andl $~LVTT_MODE, %eax
    testl $ALARM_PERIODIC, %ebx
    jz arm_lvtt_mode
    orl $LVTT_PERIODIC, %eax
arm_lvtt_mode:
    movl %eax, %edx
    movl $APIC_LVTT, %eax
    call write_apic
    movl $DIVIDE_BY_16, %edx
    movl $APIC_DIVIDE, %eax
    call write_apic
    movl %ebp, %edx
    movl $APIC_INITIAL, %eax
    call write_apic                         # the count starts here
arm_lvtt_none:
    ret

# Out: EAX as CancelAlarm. The APIC itself knows what is armed: the count of a one-shot stands at 0
# from the moment it expires. ECX, EDX and flags change.
disarm_lvtt:
    movl $APIC_LVTT, %eax
    call read_apic
    movl $APIC_CURRENT, %edx
    testl $LVTT_PERIODIC, %eax
    jz disarm_lvtt_look
    movl $APIC_INITIAL, %edx                # the current count passes through 0
disarm_lvtt_look:
    movl %edx, %eax
    call read_apic
    testl %eax, %eax
    jz disarm_lvtt_done
    movl $APIC_INITIAL, %eax
    xorl %edx, %edx
    call write_apic
    call lvtt_of
    movb $0, %ss:lvtt_periodic(%eax)
    movl $1, %eax
disarm_lvtt_done:
    ret

# In: EDX = what the guest writes to LVTT. Out: EDX = the same, but periodic while a periodic alarm is
# armed: Linux sets the alarm first and gives the vector then, on all processors but the first. ECX
# and flags change.
keep_periodic:
    testl $LVTT_MODE, %edx
    jnz keep_periodic_done                  # the guest has a mode of its own in mind
    pushl %eax
    pushl %edx
    call lvtt_of
    popl %edx
    cmpb $0, %ss:lvtt_periodic(%eax)
    popl %eax
    je keep_periodic_done
    orl $LVTT_PERIODIC, %edx
keep_periodic_done:
    ret

# Out: EAX = this processor's place in lvtt_periodic. ECX, EDX and flags change.
lvtt_of:
    movl $APIC_ID, %eax
    call read_apic
    shrl $24, %eax
    andl $15, %eax
    ret

# Measure the APIC's counts of a millisecond against the TSC, over 10 ms, unless that was done.
# Every processor's timer runs at one rate. The timer is stopped by it. All registers but EBX and
# EBP change.
measure_apic:
    cmpl $0, %ss:apic_rate
    jne measure_apic_done
    movl $APIC_VERSION, %eax
    call read_apic
    testl %eax, %eax
    jz measure_apic_done                    # there is none, or no map of it
    pushl %ebx
    movl $DIVIDE_BY_16, %edx
    movl $APIC_DIVIDE, %eax
    call write_apic
    movl $-1, %edx
    movl $APIC_INITIAL, %eax
    call write_apic
    movl $apic_count, %edx
    call sample
    pushl %esi
    pushl %edi
    movl $10, %eax
    mull %ss:cycles_khz
    movl %eax, %ebx
measure_apic_wait:
    movl $4096, %ecx
measure_apic_spin:
    decl %ecx
    jnz measure_apic_spin
    rdtsc
    subl (%esp), %eax
    cmpl %ebx, %eax
    jb measure_apic_wait
    movl $apic_count, %edx
    call sample
    popl %eax
    subl %eax, %edi                         # cycles
    popl %eax
    subl %esi, %eax                         # counts
    mull %ss:cycles_khz
    shldl $10, %eax, %edx
    shll $10, %eax
    cmpl %edi, %edx
    jae measure_apic_odd                    # so it would be faster than 4 GHz
    divl %edi
    movl %eax, %ss:apic_rate
measure_apic_odd:
    movl $APIC_INITIAL, %eax
    xorl %edx, %edx
    call write_apic
    popl %ebx
measure_apic_done:
    ret

# Out: EAX = current count. ECX, EDX and flags change.
apic_count:
    movl $APIC_CURRENT, %eax
    jmp read_apic
