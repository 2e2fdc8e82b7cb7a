# Alarms. Each wiring has one timer of the hardware, and an alarm takes the place of what is armed
# there: both counters are one clock here. No interrupt is intercepted; what expires while the guest
# has interrupts masked waits at the 8259 or the local APIC. Standard convention.

.set ALARM_PERIODIC, 0x100
.set ALARM_LVTT, 0x10000
.set PIT_CHANNEL_0, 0x40
.set PIT_ONE_SHOT, 0x38                     # channel 0, both bytes: mode 4
.set PIT_PERIODIC, 0x34                     # mode 2
.set PIT_STOPPED, 0x32                      # mode 1
.set PIT_LONGEST, 54                        # milliseconds: what 16 bits can count, rounded up

# In: EAX = flags, ECX:EDX = expiry, 8(%esp):4(%esp) = period. The state of IRQ0's timer is of the
# machine, that of LVTT of this processor.
SetAlarm:
    cmpb $1, %al
    ja set_alarm_none
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %ebp
    movl %eax, %ebx                         # EBX = flags
    movl %edx, %esi
    movl %ecx, %edi                         # EDI:ESI = expiry
    call measure_cycles
    call hold_devices
    pushl %eax
    testl $ALARM_PERIODIC, %ebx
    jz set_one_shot
    movl 24(%esp), %eax
    movl 28(%esp), %edx
    movl %eax, %ecx
    orl %edx, %ecx
    jnz set_wired
    andl $~ALARM_PERIODIC, %ebx             # a period of 0 is none
set_one_shot:
    rdtsc
    subl %eax, %esi
    sbbl %edx, %edi
    movl %esi, %eax
    movl %edi, %edx                         # EDX:EAX = cycles until then
    jnc set_wired
    xorl %eax, %eax                         # it has passed: at once
    xorl %edx, %edx
set_wired:
    testl $ALARM_LVTT, %ebx
    jnz set_lvtt
    call arm_irq0
    jmp set_alarm_done
set_lvtt:
    call arm_lvtt
set_alarm_done:
    popl %eax
    call release_devices
    popl %ebp
    popl %edi
    popl %esi
    popl %ebx
set_alarm_none:
    ret

# In: EAX = flags. Out: EAX = 1 when the alarm was armed and will not fire any more, else 0. A
# one-shot whose time has come is left alone: it has fired, or is about to.
CancelAlarm:
    cmpb $1, %al
    ja cancel_none
    pushl %ebx
    pushl %eax
    call hold_devices
    popl %edx
    pushl %eax
    testl $ALARM_LVTT, %edx
    jnz cancel_lvtt
    call cancel_irq0
    jmp cancel_done
cancel_lvtt:
    call disarm_lvtt
cancel_done:
    movl %eax, %ebx
    popl %eax
    call release_devices
    movl %ebx, %eax
    popl %ebx
    ret
cancel_none:
    xorl %eax, %eax
    ret

# In: EAX = count of a one-shot, rounded down. Out: EAX = one that is not early, even though what was
# measured is good to one part in 2^13 only; CF set when there is none. EDX changes.
round_up:
    movl %eax, %edx
    shrl $13, %edx
    addl %edx, %eax
    jc round_up_done
    addl $1, %eax
round_up_done:
    ret

# --- IRQ0: channel 0 of the 8254 ---------------------------------------------------------------

# In: EDX:EAX = cycles, EBX = flags. One-shot is mode 4: its output stays high but for one tick at
# the end, so that a new count or another mode raises no line by itself. Periodic is mode 2, with
# the nearest period that there is. EAX, ECX, EDX, ESI, EDI and flags change.
arm_irq0:
    testl $ALARM_PERIODIC, %ebx
    jnz arm_irq0_periodic
    movl %eax, %esi
    movl %edx, %edi                         # EDI:ESI = cycles until then
    movl $PIT_LONGEST, %eax
    mull %ss:cycles_khz
    cmpl %edx, %edi
    ja arm_irq0_limited
    jb arm_irq0_near
    cmpl %eax, %esi
    ja arm_irq0_limited
arm_irq0_near:
    movl %esi, %eax
    movl %edi, %edx
arm_irq0_limited:                           # farther than the 8254 can count: it comes early
    movl %eax, %esi
    movl %edx, %edi
    rdtsc
    addl %esi, %eax
    adcl %edi, %edx
    movl %eax, %ss:irq0_expiry
    movl %edx, %ss:irq0_expiry+4
    movl $1, %ss:irq0_kind
    movl %esi, %eax
    movl %edi, %edx
    movl $PIT_HZ, %ecx
    call scale                              # thousandths of a tick
    xorl %edx, %edx
    movl $1000, %ecx
    divl %ecx
    call round_up
    movl $PIT_ONE_SHOT, %ecx
    jmp load_pit

arm_irq0_periodic:
    movl $2, %ss:irq0_kind
    movl $PIT_HZ, %ecx
    call scale
    testl %edx, %edx
    jnz arm_irq0_longest
    addl $500, %eax
    jc arm_irq0_longest
    movl $1000, %ecx
    divl %ecx
    cmpl $2, %eax                           # mode 2 counts no less
    jae arm_irq0_long
    movl $2, %eax
arm_irq0_long:
    cmpl $0x10000, %eax
    jb arm_irq0_count
arm_irq0_longest:
    xorl %eax, %eax                         # stands for 65536
arm_irq0_count:
    movl $PIT_PERIODIC, %ecx

# In: ECX = mode of channel 0, EAX = count. ECX changes.
load_pit:
    xchgl %eax, %ecx
    outb %al, $PIT_COMMAND
    movl %ecx, %eax
    outb %al, $PIT_CHANNEL_0
    movb %ah, %al
    outb %al, $PIT_CHANNEL_0
    ret

# Out: EAX as CancelAlarm. A timer in mode 1 waits for a trigger that never comes, with its output
# high. That much stops an 8254 at once. QEMU's goes on to the end of the last count and looks then
# at what the new mode makes of it: so that is a count of mode 2, whose end mode 1 says nothing to.
# EBX, ECX, EDX and flags change.
cancel_irq0:
    movl %ss:irq0_kind, %ebx
    testl %ebx, %ebx
    jz cancel_irq0_no
    call irq0_expired
    jnc cancel_irq0_no
    xorl %eax, %eax
    movl $PIT_PERIODIC, %ecx
    call load_pit
    movb $PIT_STOPPED, %al
    outb %al, $PIT_COMMAND
    movl $0, %ss:irq0_kind
    call irq0_expired
    jnc cancel_irq0_late
    movl $1, %eax
    ret
cancel_irq0_late:                           # the time came in between: none may be lost for that
    movl $1, %eax
    movl $PIT_ONE_SHOT, %ecx
    call load_pit
cancel_irq0_no:
    xorl %eax, %eax
    ret

# In: EBX = kind. Out: CF clear when a one-shot's time has come. EAX, EDX and flags change.
irq0_expired:
    cmpl $2, %ebx
    je irq0_not_expired
    rdtsc
    subl %ss:irq0_expiry, %eax
    sbbl %ss:irq0_expiry+4, %edx
    ret
irq0_not_expired:
    stc
    ret
