# The interrupt storm: the timer ticks STORM_TICKS times, each 8.4 us of a machine that executes an
# instruction a ns, while the kernel receives STORM_PACKETS packets.
#
# A tick of Linux 2.6 takes some 2000 to 4000 instructions, this one about 2400; a small packet some
# 3000 to 5000 from the driver to the reader, this one about 2600. The interrupt flag is switched
# where Linux does. In a tick: the 8259 is locked twice, two softirqs are raised, the softirqs run
# with interrupts on, and the timer wheel is locked and opened around each of the timers that are
# due (two here). For a packet: four locks that save the mask (a buffer is taken from the allocator,
# the packet queued, its reader woken, the buffer given back) and one that does not (the driver's
# ring). That is a pair of calls every 500 instructions.

.set STORM_TICKS, 300
.set STORM_PACKETS, 700                     # more than fit between the ticks: both end in all runs
.set STORM_COUNT, 10                        # of the PIT's 1193182 Hz

storm:
    movb $0xff, %al                         # all lines but the timer's are closed
    outb %al, $0xa1
    movb $0xfe, %al
    movb %al, line_mask
    outb %al, $0x21
    movb $0x34, %al                         # counter 0, mode 2: periodic
    outb %al, $0x43
    movb $STORM_COUNT, %al
    outb %al, $0x40
    movb $0, %al
    outb %al, $0x40
    vmi(EnableInterrupts)
    movl $STORM_PACKETS, %ebp
packet_next:
    vmi(DisableInterrupts)                  # the driver's ring of descriptors
    incl packets_taken
    movl packets_taken, %ecx
    andl $15, %ecx
    movl $1, packet_ring(,%ecx,4)
    vmi(EnableInterrupts)
    movl $70, %ecx
    call locked_walk                        # a buffer; below, packets in the protocol's layers
    movl $packet, %esi                      # the sum, and a copy for its reader
    movl $packet_copy, %edi
    movl $64, %ecx
    xorl %edx, %edx
packet_sum:
    movl (%esi), %eax
    addl %eax, %edx
    adcl $0, %edx
    movl %eax, (%edi)
    leal 4(%esi), %esi
    leal 4(%edi), %edi
    decl %ecx
    jnz packet_sum
    movl $90, %ecx
    call locked_walk
    movl $90, %ecx
    call locked_walk
    movl $70, %ecx
    call locked_walk
    decl %ebp
    jnz packet_next
    vmi(DisableInterrupts)
    movb $0x30, %al                         # mode 0 without a count: it ticks no more
    outb %al, $0x43
    ret

# In: ECX = steps. A queue is changed under a lock that saves the mask, then the path goes on. EAX,
# ECX, EDX and flags change.
locked_walk:
    pushl %ecx
    vmi(GetInterruptMask)
    pushl %eax
    vmi(DisableInterrupts)
    movl $4, %ecx
    call walk
    popl %eax
    vmi(SetInterruptMask)
    popl %ecx
    jmp walk

timer_interrupt:
    pushl $-1
    pushl %ds
    pushl %es
    pushal
    cld
    movl $KERNEL_DS, %ebp
    movl %ebp, %ds
    movl %ebp, %es
    incl storm_ticks
    call mask_and_acknowledge
    call keep_time
    movl $80, %ecx                          # the process that runs: its times, limits, slice
    call walk
    movl $100, %ecx                         # the run queue: load, balance, virtual time
    call walk
    movl $2, %ecx                           # timers
    call raise_softirq
    movl $0x200, %ecx                       # what waits for all processors to have moved on
    call raise_softirq
    call unmask
    vmi(EnableInterrupts)                   # softirqs
    vmi(DisableInterrupts)                  # the timer wheel
    movl $2, %ebx                           # timers that are due
timer_due:
    vmi(EnableInterrupts)
    movl $50, %ecx
    call walk
    vmi(DisableInterrupts)
    decl %ebx
    jnz timer_due
    vmi(EnableInterrupts)
    movl $60, %ecx
    call walk
    vmi(DisableInterrupts)
    jmp leave_kernel

# The 8259, under its lock.
mask_and_acknowledge:
    vmi(GetInterruptMask)
    pushl %eax
    vmi(DisableInterrupts)
    orb $1, line_mask
    inb $0x21, %al
    movb line_mask, %al
    outb %al, $0x21
    movb $0x60, %al
    outb %al, $0x20
    popl %eax
    vmi(SetInterruptMask)
    ret
unmask:
    cmpl $STORM_TICKS, storm_ticks
    jae unmask_done                         # the storm is over
    vmi(GetInterruptMask)
    pushl %eax
    vmi(DisableInterrupts)
    andb $0xfe, line_mask
    movb line_mask, %al
    outb %al, $0x21
    popl %eax
    vmi(SetInterruptMask)
unmask_done:
    ret

# In: ECX = its bit.
raise_softirq:
    vmi(GetInterruptMask)
    pushl %eax
    vmi(DisableInterrupts)
    orl %ecx, softirqs
    popl %eax
    vmi(SetInterruptMask)
    ret

# The time of day from the counter: scaled 64-bit arithmetic, and the clock's steering.
keep_time:
    incl time_sequence
    inb $0x61, %al                          # a device is read for it
    movl $12, %ecx
keep_time_next:
    movl time_scale, %eax
    mull time_low
    shrdl $10, %edx, %eax
    shrl $10, %edx
    addl %eax, time_nanoseconds
    adcl %edx, time_nanoseconds+4
    decl %ecx
    jnz keep_time_next
    movl $20, %ecx
    call walk
    incl time_sequence
    ret

.data
.balign 4
storm_ticks:    .long 0
packets_taken:  .long 0
softirqs:       .long 0
time_sequence:  .long 0
time_scale:     .long 4194304
time_low:       .long 838
time_nanoseconds: .long 0, 0
line_mask:      .long 0
packet_ring:    .space 64
packet:         .space 256
packet_copy:    .space 256
