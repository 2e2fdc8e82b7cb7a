# A guest for two processors. The first one runs the checks; it starts the other, gives it jobs, and
# looks at what they left. Only the first one prints. IPIs go by APICWrite, as Linux sends them.

.set SECOND, 1                              # APIC ID of the other processor
.set PATIENCE, 0x2000000                    # looks at what should change soon: some seconds

check_calls:
    call map_apic
    call set_up_processors
    call check_first_calls
    call check_state
    call check_ipis
    call check_gates
    call check_alarms
    call check_halts
    call check_storm
    ret

# In: EAX = register, EDX = value. EAX, ECX and EDX change. And out: EAX = value.
write_apic:
    jmp *bound_eip+4*VMI_CALL_APICWrite
read_apic:
    jmp *bound_eip+4*VMI_CALL_APICRead

# Out: EAX = number of this processor, 0 or 1: its APIC ID. ECX and EDX change.
processor_id:
    movl $0x20, %eax
    call read_apic
    shrl $24, %eax
    ret

# In: EAX = low half of the ICR, EDX = APIC ID. EAX, ECX and EDX change.
send:
    pushl %eax
    shll $24, %edx
    movl $0x310, %eax
    call write_apic
    popl %edx
    movl $0x300, %eax
    jmp write_apic

# In: EAX = vector, EDX = APIC ID.
send_ipi:
    orl $0x4000, %eax
    jmp send

# Software enable of this processor's APIC; spurious vector FF.
enable_apic:
    movl $0xf0, %eax
    movl $0x1ff, %edx
    jmp write_apic

# Some time for what is under way to arrive: about a millisecond. EAX and ECX change.
linger:
    movl $1000, %ecx
linger_on:
    inb $0x80, %al
    decl %ecx
    jnz linger_on
    ret

# The same, and until the other processor has noticed what was sent to it before.
linger_with_second:
    call linger
    movl $second_nothing, %eax
    jmp run_second

# In: EAX = address of a count, EDX = what it comes to. Waits for that, and then lingers. ECX changes.
await_count:
    movl $PATIENCE, %ecx
await_count_on:
    cmpl %edx, (%eax)
    jae linger
    pause
    decl %ecx
    jnz await_count_on
    ret

# In: EAX = what the other processor is to call, with interrupts as they are. start_job goes on at
# once, and end_job waits for its end. EAX, ECX and flags change.
run_second:
    call start_job
end_job:
    movl $PATIENCE, %ecx
end_job_wait:
    cmpl $0, job
    je end_job_done
    pause
    decl %ecx
    jnz end_job_wait
    movl $text_hangs, %esi
    jmp give_up
start_job:
    movl %eax, job
end_job_done:
    ret

.data
.balign 4
job:            .long 0                     # what the other processor calls next; 0: nothing
text_alone:     .asciz "this guest needs a second processor, and APIC ID 1 did not start: give it two"
text_hangs:     .asciz "the second processor does not come back from its job"
