# The handlers of both wirings: they count, and note the real counter.

.set LVTT_VECTOR, 0x41

.data
.balign 4
alarms:         .long 0                     # alarms that came
alarm_seen:                                 # the real counter when each of the first eight came
    .space 64
irq0_gate:      .long 0, 0                  # the gate of vector 20 before
.text

set_up_alarms:
    movl idt+0x20*8, %eax
    movl %eax, irq0_gate
    movl idt+0x20*8+4, %eax
    movl %eax, irq0_gate+4
    movl $irq0_entry, %eax
    movl $0x20, %edx
    call write_gate
    movl $lvtt_entry, %eax
    movl $LVTT_VECTOR, %edx

# In: EAX = handler, EDX = vector.
write_gate:
    movl %eax, %ecx
    andl $0xffff0000, %eax
    orl $0x8e00, %eax
    pushl %eax
    andl $0xffff, %ecx
    orl $KERNEL_CS*65536, %ecx
    movl $idt, %eax
    vmi(WriteIDTEntry)
    addl $4, %esp
    ret

# Vector 20 as the other guests have it.
give_irq0_back:
    pushl irq0_gate+4
    movl irq0_gate, %ecx
    movl $0x20, %edx
    movl $idt, %eax
    vmi(WriteIDTEntry)
    addl $4, %esp
    ret

irq0_entry:
    pushal
    call note_alarm
    movb $0x20, %al
    outb %al, $0x20
    popal
    vmi(IRET)

lvtt_entry:
    pushal
    call note_alarm
    movl $0xb0, %eax                        # EOI
    xorl %edx, %edx
    call *bound_eip+4*VMI_CALL_APICWrite
    popal
    vmi(IRET)

note_alarm:
    xorl %eax, %eax
    call *bound_eip+4*VMI_CALL_GetCycleCounter
    movl alarms, %ecx
    incl alarms
    andl $7, %ecx
    movl %eax, alarm_seen(,%ecx,8)
    movl %edx, alarm_seen+4(,%ecx,8)
    ret
