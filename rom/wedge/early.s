# The time from VMI_Init until the guest first enables interrupts. Closed code.
#
# A guest may come with interrupts off, no IDT to speak of, and the first 8259 as a BIOS leaves it:
# its lines on vectors 8 to 15, which are exceptions. What arrives is only recorded, so no gate of
# the guest is needed for it; but on these eight the wedge must be able to tell a line from an
# exception, and it can do so only through an entry of its own. While the guest's gates allow that,
# the real IF is on as ever; else it stays off, and lines wait in the 8259 as without a ROM.

# After VMI_Init, SetIDT and WriteIDTEntry. EAX, ECX and flags change.
set_early_flag:
    testl $EARLY, cpu(pending)
    jz early_flag_done
    cmpb $0, cpu(pending)                   # something is recorded: off until it is delivered
    jne early_flag_done
    movl $0, cpu(real_if)
    movl $8, %eax
early_flag_next:
    movb %ss:shadow_idt+5(,%eax,8), %cl
    andb $0x9f, %cl
    cmpb $0x8e, %cl                         # ours, and only ours, are 32-bit interrupt gates
    jne early_flag_done
    incl %eax
    cmpl $16, %eax
    jb early_flag_next
    movl $IF, cpu(real_if)
early_flag_done:
    ret

# Vectors 8 to 15. Stack: vector, EIP ... for a line; vector, maybe an error code, EIP ... for an
# exception. It is a line if the real IF was on and the 8259 has the line in service.
early_exception:
    testl $EARLY, cpu(pending)
    jz exception
    call is_early_line
    jc early_line
    jmp exception
early_exception_with_error:
    testl $EARLY, cpu(pending)
    jz exception_with_error
    call is_early_line
    jnc exception_with_error
early_line:
    pushl %eax
    pushl %ecx
    movzbl 8(%esp), %eax
    jmp record

# In: 4(%esp) = vector. Out: CF set for a line. Other flags change.
is_early_line:
    cmpl $0, cpu(real_if)                   # off: no line can have come. (CF is clear.)
    je not_early_line
    pushl %eax
    pushl %ecx
    pushl %edx
    call in_service
    movzbl 16(%esp), %ecx
    andl $7, %ecx
    btl %ecx, %eax
    popl %edx
    popl %ecx
    popl %eax
not_early_line:
    ret

# The guest enables for the first time. A line that was recorded by a vector of the BIOS's is due
# only if it is still in service: a guest that set up the 8259 since has dropped it thereby, as it
# would without a ROM. EAX, ECX, EDX and flags change.
end_early:
    testl $ARRIVALS, cpu(pending)
    jz end_early_done
    movzbl cpu(arrival_vector), %ecx        # nothing was delivered yet, so there is but one
    cmpl $32, %ecx
    jae end_early_done
    call in_service
    andl $7, %ecx
    btl %ecx, %eax
    jc end_early_done
    movl $0, cpu(pending)
    movl $IF, cpu(real_if)
end_early_done:
    ret
