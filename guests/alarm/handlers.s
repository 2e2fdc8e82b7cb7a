# The handlers of both wirings: they note the real counter, and count.

.set LVTT_VECTOR, 0x41

.balign 4
alarms:         .long 0                     # alarms that came
alarm_seen:     .long 0, 0                  # the real counter when the first of them came
irq0_gate:      .long 0, 0                  # the gate of vector 20 before

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
    incl alarms
    cmpl $1, alarms
    jne note_alarm_done
    xorl %eax, %eax
    call *bound_eip+4*VMI_CALL_GetCycleCounter
    movl %eax, alarm_seen
    movl %edx, alarm_seen+4
note_alarm_done:
    ret
