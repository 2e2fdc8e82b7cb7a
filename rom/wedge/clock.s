# Cycles: the counters, how fast they run, and the same time in other units. A cycle is a tick of
# the processor's time stamp counter (TSC). Standard convention. An interrupt may come anywhere; the
# devices' ports are used with the guest's handlers and the other processors held off.

.set PIT_HZ, 1193182                        # the 8254 counts at 14.31818 MHz / 12
.set PIT_COMMAND, 0x43
.set PIT_CHANNEL_2, 0x42
.set PORT_B, 0x61                           # bit 0: gate of channel 2, bit 1: speaker, bit 5: output
.set MEASURED, 29830                        # ticks of channel 2 to measure over: 25 ms
.set MOST_POLLS, 0x10000                    # some 0.1 s at the least
.set MOST_MEASUREMENTS, 5
.set SAMPLES, 8
.set KHZ_UNKNOWN, 1000000                   # for a machine whose 8254 does not count

# In: EAX = counter. Out: EDX:EAX = its value. A ROM that has the machine to itself steals nothing.
GetCycleCounter:
    cmpl $1, %eax
    ja counter_zero
    rdtsc
    ret
counter_zero:
    xorl %eax, %eax
    xorl %edx, %edx
    ret

# Out: EDX:EAX = cycles a second. Measured when it is first asked for, constant from then on.
GetCycleFrequency:
    call measure_cycles
    movl $1000, %eax
    mull %ss:cycles_khz
    ret

# Let no handler of the guest and no other processor come between. Out: EAX = mask to give back.
# ECX and flags change. The one who holds them needs some milliseconds; who waits much longer than
# that has interrupted him by an NMI, and goes on.
hold_devices:
    call mask_guest
    pushl %eax
    movl $0x10000000, %ecx
hold_again:
    movl $1, %eax
    xchgl %eax, %ss:devices_held
    testl %eax, %eax
    jz hold_done
    pause
    decl %ecx
    jnz hold_again
hold_done:
    popl %eax
    ret

# In: EAX = mask. What is pending is delivered in here.
release_devices:
    movl $0, %ss:devices_held
    jmp unmask_guest

# In: EDX:EAX = cycles, ECX = how many of another unit a millisecond has. Out: EDX:EAX = the same
# time in that unit, rounded down; all ones when it is too large. ECX and flags change.
scale:
    pushl %ebx
    pushl %esi
    movl %edx, %esi
    mull %ecx
    movl %eax, %ebx
    xchgl %edx, %esi
    movl %edx, %eax
    mull %ecx
    addl %esi, %eax
    adcl $0, %edx                           # EDX:EAX:EBX = product
    movl %ss:cycles_khz, %ecx
    cmpl %ecx, %edx
    jae scale_most
    divl %ecx
    xchgl %eax, %ebx
    divl %ecx
    movl %ebx, %edx
    jmp scale_done
scale_most:
    movl $-1, %eax
    movl $-1, %edx
scale_done:
    popl %esi
    popl %ebx
    ret

# Measure the cycles of a millisecond against channel 2 of the 8254, unless that was done. EAX,
# ECX, EDX and flags change. Channel 2 is left without a count, the speaker as it was.
measure_cycles:
    cmpl $0, %ss:cycles_khz
    jne measure_done
    call hold_devices
    cmpl $0, %ss:cycles_khz                 # another processor may have been first
    jne measure_release
    pushl %eax
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %ebp
    inb $PORT_B, %al
    pushl %eax
    andb $0xfc, %al
    orb $1, %al
    outb %al, $PORT_B
    movl $MOST_MEASUREMENTS, %ebp
measure_again:
    call measure_once
    jnc measure_taken
    decl %ebp
    jnz measure_again
    movl $KHZ_UNKNOWN, %eax
measure_taken:
    movl %eax, %ss:cycles_khz
    popl %eax
    andb $3, %al
    outb %al, $PORT_B
    popl %ebp
    popl %edi
    popl %esi
    popl %ebx
    popl %eax
measure_release:
    jmp release_devices
measure_done:
    ret

# Out: EAX = cycles a millisecond; CF set when nothing can be said: the channel does not count, or
# this processor was away for so long that it ran out. Mode 0: the output rises at that moment.
# EBX, ECX, EDX, ESI, EDI and flags change.
measure_once:
    movb $0xb0, %al                         # channel 2, both bytes, mode 0
    outb %al, $PIT_COMMAND
    movb $0xff, %al
    outb %al, $PIT_CHANNEL_2
    outb %al, $PIT_CHANNEL_2
    movl $pit_count, %edx
    call sample
    pushl %edi
    pushl %esi
    movl $MOST_POLLS, %edi
measure_poll:
    movl $4096, %ecx                        # reading a port is slow under every hypervisor
measure_spin:
    decl %ecx
    jnz measure_spin
    call pit_count
    movl (%esp), %ecx
    subl %eax, %ecx
    cmpw $MEASURED, %cx
    jae measure_end
    decl %edi
    jnz measure_poll
measure_failed:
    addl $8, %esp
    stc
    ret
measure_end:
    movl $pit_count, %edx
    call sample
    inb $PORT_B, %al
    testb $0x20, %al
    jnz measure_failed
    popl %ecx
    subl %esi, %ecx                         # ECX = ticks, less than 65536
    popl %eax
    subl %eax, %edi                         # EDI = cycles
    imull $1000, %ecx, %ecx
    movl $PIT_HZ, %eax
    mull %edi
    divl %ecx                               # at least 29 million: the quotient has 32 bits
    clc
    ret

# Out: EAX = count of channel 2. Flags change.
pit_count:
    movb $0x80, %al                         # latch it
    outb %al, $PIT_COMMAND
    inb $PIT_CHANNEL_2, %al
    movb %al, %ah
    inb $PIT_CHANNEL_2, %al
    xchgb %al, %ah
    movzwl %ax, %eax
    ret

# In: EDX = code that reads a count into EAX and may change ECX and EDX. Out: ESI = count, EDI = low
# half of the TSC at that moment: of several, the reading that took the shortest time, for any of
# them may have been held up. EAX, EBX, ECX, EDX and flags change.
sample:
    pushl %ebp
    pushl $SAMPLES
    movl $-1, %ebp                          # shortest time
sample_next:
    pushl %edx
    rdtsc
    pushl %eax
    call *4(%esp)
    movl %eax, %ebx
    rdtsc
    popl %ecx
    popl %edx
    subl %ecx, %eax
    cmpl %ebp, %eax
    jae sample_longer
    movl %eax, %ebp
    movl %ebx, %esi
    shrl $1, %eax
    leal (%ecx,%eax), %edi
sample_longer:
    decl (%esp)
    jnz sample_next
    popl %eax
    popl %ebp
    ret
