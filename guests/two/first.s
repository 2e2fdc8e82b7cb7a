# A processor that the guest starts by itself comes to the ROM with its first call, whichever it is,
# and counts as masked before it.

check_first_calls:
    movl $first_disable, %eax
    call start_with_idt
    expect("first-call/disable-masks", 0)
    movl $first_enable, %eax
    call start_with_idt
    expect("first-call/enable-enables", 0x200)
    movl $first_get_mask, %eax
    call start_with_idt
    expect("first-call/get-mask-answers-0", 0)
    movl $first_set_mask, %eax
    call start_with_idt
    expect("first-call/set-mask-enables", 0x200)
    movl $first_iret, %eax
    call start_with_idt
    expect("first-call/iret-enables", 0x200)
    movl $first_set_idt, %eax
    call start_without_idt
    expect("first-call/set-idt-keeps-the-mask", 0)
    call check_reached
    expect("first-call/set-idt-brings-handlers", 1)
    movl $first_set_gdt, %eax
    call start_without_idt
    expect("first-call/set-gdt-keeps-the-mask", 0)
    movl $first_get_idt, %eax
    call start_with_idt
    expect("first-call/get-idt-keeps-the-mask", 0)
    movl seen_register+2, %eax
    expect("first-call/get-idt-answers-its-own-table", idt)
    movl $first_get_gdt, %eax
    call start_without_idt
    movl seen_register+2, %eax
    expect("first-call/get-gdt-answers-its-own-table", second_gdt)
    movl $first_set_ldt, %eax
    call start_without_idt
    expect("first-call/set-ldt-keeps-the-mask", 0)
    movl $first_get_ldt, %eax
    call start_without_idt
    movl seen_selector, %eax
    expect("first-call/get-ldt-answers-0", 0)
    movl $first_set_tr, %eax
    call start_without_idt
    movzbl second_gdt+TSS_SELECTOR+5, %eax
    expect("first-call/set-tr-makes-the-tss-busy", 0x8b)
    movl $first_get_tr, %eax
    call start_without_idt
    movl seen_selector, %eax
    expect("first-call/get-tr-answers-0", 0)
    movl $first_write_idt, %eax
    call start_with_idt
    call check_reached
    expect("first-call/write-idt-entry-writes-it", 1)
    movl $first_iopl, %eax
    call start_without_idt
    movl seen_selector, %eax
    expect("first-call/set-iopl-mask-sets-it", 0x3000)

# Halt goes to sleep, and the first processor wakes it.
    movl $0, ipis+4
    movl $first_halt, native_begins
    movl $1, native_idt
    movl $0, halting
    movl $0, second_up
    call send_init
    movl $STARTUP_PAGE, %eax
    movl $SECOND, %edx
    call send
    movl $PATIENCE, %ecx
first_await_halt:
    cmpl $0, halting
    jne first_halts
    pause
    decl %ecx
    jnz first_await_halt
first_halts:
    call linger
    movl second_up, %eax
    expect("first-call/halt-sleeps", 0)
    movl $IPI_VECTOR, %eax
    movl $SECOND, %edx
    call send_ipi
    call await_second
    expect("first-call/halt-enables", 0x200)
    movl ipis+4, %eax
    expect("first-call/halt-is-woken-by-an-ipi", 1)
    ret

# Out: EAX = handlers that an IPI has entered there, once it is enabled.
check_reached:
    movl $0, ipis+4
    movl $IPI_VECTOR, %eax
    movl $SECOND, %edx
    call send_ipi
    movl $second_enable, %eax
    call run_second
    movl $second_disable, %eax
    call run_second
    movl ipis+4, %eax
    ret

# --- on the second processor ------------------------------------------------------------------

first_disable:
    vmi(DisableInterrupts)
    jmp second_made
first_enable:
    vmi(EnableInterrupts)
    jmp second_made
first_get_mask:
    vmi(GetInterruptMask)
    jmp second_made
first_set_mask:
    movl $0x200, %eax
    vmi(SetInterruptMask)
    jmp second_made
first_iret:
    pushl $0x202
    pushl %cs
    pushl $second_made
    vmi(IRET)
first_halt:
    movl $1, halting
    vmi(Halt)
    jmp second_made
first_set_idt:
    movl $idt_register, %eax
    vmi(SetIDT)
    jmp second_made
first_get_idt:
    movl $seen_register, %eax
    vmi(GetIDT)
    jmp second_made
first_set_gdt:
    movl $second_gdt_register, %eax
    vmi(SetGDT)
    jmp second_made
first_get_gdt:
    movl $seen_register, %eax
    vmi(GetGDT)
    jmp second_made
first_set_ldt:
    movl $LDT_SELECTOR, %eax
    vmi(SetLDT)
    jmp second_made
first_get_ldt:
    movl $-1, seen_selector
    vmi(GetLDT)
    movl %eax, seen_selector
    jmp second_made
first_set_tr:
    movl $TSS_SELECTOR, %eax
    vmi(SetTR)
    jmp second_made
first_get_tr:
    movl $-1, seen_selector
    vmi(GetTR)
    movl %eax, seen_selector
    jmp second_made
first_write_idt:
    movl idt+IPI_VECTOR*8, %ecx
    pushl idt+IPI_VECTOR*8+4
    movl $IPI_VECTOR, %edx
    movl $idt, %eax
    vmi(WriteIDTEntry)
    addl $4, %esp
    jmp second_made
first_iopl:
    movl $0x3000, %eax
    vmi(SetIOPLMask)
    pushfl
    popl %eax
    andl $0x3000, %eax
    movl %eax, seen_selector
    xorl %eax, %eax
    vmi(SetIOPLMask)
    jmp second_made

.data
.balign 4
halting:        .long 0
seen_selector:  .long 0
                .word 0
seen_register:  .space 6
