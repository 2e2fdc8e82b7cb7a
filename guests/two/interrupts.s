# Inter-processor interrupts: held back by the receiver's mask alone, then delivered, each once.

.set IPI_VECTOR, 0x50
.set HIGH_VECTOR, 0x60                      # of higher priority
.set GATE_VECTOR, 0x70                      # its gate changes

# Gates of the table that both share.
set_up_gates:
    movl $ipi_entry, %eax
    movl $IPI_VECTOR, %edx
    call write_gate
    movl $high_entry, %eax
    movl $HIGH_VECTOR, %edx
    call write_gate
    movl $alarm_entry, %eax
    movl $ALARM_VECTOR, %edx

# In: EAX = handler, EDX = vector. EAX, ECX, EDX and flags change.
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

ipi_entry:
    pushal
    movl $IPI_VECTOR, %ebx
    jmp ipi_arrived
high_entry:
    pushal
    movl $HIGH_VECTOR, %ebx
ipi_arrived:                                # EBX = vector
    call processor_id
    incl ipis(,%eax,4)
    movl arrived(,%eax,4), %ecx
    shll $8, %ecx
    orl %ebx, %ecx
    movl %ecx, arrived(,%eax,4)
ipi_end:
    movl $0xb0, %eax                        # EOI
    xorl %edx, %edx
    call write_apic
    popal
    vmi(IRET)

check_ipis:
    vmi(DisableInterrupts)
    call masked_ipi
    expect("ipi/masked-is-not-delivered", 0)
    vmi(EnableInterrupts)
    movl $second_get_mask, %eax
    call run_second
    movl job_answer, %eax
    expect("ipi/enabling-here-does-not-enable-there", 0)
    movl ipis+4, %eax
    expect("ipi/enabling-here-delivers-nothing-there", 0)
    vmi(DisableInterrupts)
    movl $second_enable, %eax
    call run_second
    vmi(GetInterruptMask)
    expect("ipi/enabling-there-does-not-enable-here", 0)
    call delivered_ipi
    expect("ipi/enable-delivers-once", 1)
    movl job_answer, %eax
    expect("ipi/nothing-is-in-service-after-it", 0)
    vmi(EnableInterrupts)
    movl $second_enable, %eax
    call run_second
    vmi(DisableInterrupts)
    movl $second_get_mask, %eax
    call run_second
    movl job_answer, %eax
    expect("ipi/disabling-here-does-not-disable-there", 0x200)

    call masked_ipi
    movl $second_set_mask, %eax
    call run_second
    call delivered_ipi
    expect("ipi/set-mask-delivers-once", 1)
    call masked_ipi
    movl $second_iret, %eax
    call run_second
    call delivered_ipi
    expect("ipi/iret-delivers-once", 1)
    call masked_ipi
    movl $second_halt, %eax
    call run_second
    call delivered_ipi
    expect("ipi/halt-delivers-once", 1)

# Two that wait: the order is the local APIC's.
    call masked_ipi
    movl $HIGH_VECTOR, %eax
    movl $SECOND, %edx
    call send_ipi
    call linger_with_second
    movl ipis+4, %eax
    expect("ipi/two-wait", 0)
    movl $second_enable, %eax
    call run_second
    call delivered_ipi
    expect("ipi/two-are-delivered", 2)
    movl arrived+4, %eax
    expect("ipi/the-higher-one-first", HIGH_VECTOR*256+IPI_VECTOR)

# The other way: the second processor sends.
    vmi(DisableInterrupts)
    movl $0, ipis
    movl $second_sends, %eax
    call run_second
    call linger_with_second
    movl ipis, %eax
    expect("ipi/masked-here-is-not-delivered", 0)
    vmi(EnableInterrupts)
    nop
    movl ipis, %eax
    expect("ipi/enable-here-delivers-once", 1)
    vmi(DisableInterrupts)
    ret

# An IPI to the second processor, which is masked. Out: EAX = handlers entered there.
masked_ipi:
    movl $second_disable, %eax
    call run_second
    movl $0, ipis+4
    movl $0, arrived+4
    movl $IPI_VECTOR, %eax
    movl $SECOND, %edx
    call send_ipi
    call linger_with_second
    movl ipis+4, %eax
    ret

# Out: EAX = handlers entered there, after a while, and the bits in service in job_answer.
delivered_ipi:
    call linger_with_second
    movl $second_in_service, %eax
    call run_second
    movl ipis+4, %eax
    ret

# A gate of the shared table that one processor writes is the other's, too.
check_gates:
    vmi(DisableInterrupts)
    movl $first_gate, %eax
    movl $GATE_VECTOR, %edx
    call write_gate
    movl $second_enable, %eax
    call run_second
    movl $0, gates
    movl $0, gates+4
    movl $GATE_VECTOR, %eax
    movl $SECOND, %edx
    call send_ipi
    call linger_with_second
    movl gates, %eax
    expect("gates/written-here-entered-there", 1)
    movl $second_writes_gate, %eax
    call run_second
    movl $GATE_VECTOR, %eax
    movl $SECOND, %edx
    call send_ipi
    movl $GATE_VECTOR, %eax
    xorl %edx, %edx
    call send_ipi
    call linger_with_second
    movl gates+4, %eax
    expect("gates/written-there-entered-there", 1)
    vmi(EnableInterrupts)
    nop
    movl gates+4, %eax
    expect("gates/written-there-entered-here", 2)
    movl gates, %eax
    expect("gates/the-old-handler-is-not-entered", 1)
    vmi(DisableInterrupts)
    ret

first_gate:
    pushal
    incl gates
    jmp ipi_end
second_gate:
    pushal
    lock
    incl gates+4
    jmp ipi_end

# --- jobs of the second processor ---------------------------------------------------------------

second_nothing:
    ret
second_enable:
    vmi(EnableInterrupts)
    ret
second_disable:
    vmi(DisableInterrupts)
    ret
second_get_mask:
    vmi(GetInterruptMask)
    movl %eax, job_answer
    ret
second_set_mask:
    movl $0x200, %eax
    vmi(SetInterruptMask)
    ret
second_iret:
    pushl $0x202
    pushl %cs
    pushl $second_iret_lands
    vmi(IRET)
second_iret_lands:
    ret
second_halt:
    vmi(Halt)
    ret
second_sends:
    movl $IPI_VECTOR, %eax
    xorl %edx, %edx
    jmp send_ipi
# In service, vectors 20 and up.
second_in_service:
    movl $0, job_answer
    movl $0x110, %ebx
second_in_service_next:
    movl %ebx, %eax
    call read_apic
    orl %eax, job_answer
    addl $0x10, %ebx
    cmpl $0x180, %ebx
    jb second_in_service_next
    ret
second_writes_gate:
    movl $second_gate, %eax
    movl $GATE_VECTOR, %edx
    jmp write_gate

.data
.balign 4
ipis:           .long 0, 0                  # handlers that IPIs entered, by processor
arrived:        .long 0, 0                  # their vectors, the last one lowest
gates:          .long 0, 0                  # entries of the old handler, and of the new one
job_answer:     .long 0
