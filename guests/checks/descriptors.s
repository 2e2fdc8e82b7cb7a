# The guest's own checks of the descriptor calls.

check_descriptors:
    movl $table_buffer, %eax
    vmi(GetGDT)
    movzwl table_buffer, %eax
    expect("descriptors/gdt-limit-comes-back", gdt_end-gdt-1)
    movl table_buffer+2, %eax
    expect("descriptors/gdt-base-comes-back", gdt)
    movl $table_buffer, %eax
    vmi(GetIDT)
    movl table_buffer+2, %eax
    expect("descriptors/idt-base-comes-back", idt)
    vmi(GetTR)
    expect("descriptors/tr-comes-back", TSS_SELECTOR)

    pushl $0x00cf9200                       # high dword: a flat data segment
    movl $gdt, %eax
    movl $SPARE_SELECTOR/8, %edx
    movl $0x0000ffff, %ecx
    vmi(WriteGDTEntry)
    addl $4, %esp
    movl gdt+SPARE_SELECTOR, %eax
    expect("descriptors/write-gdt-entry-low", 0x0000ffff)
    movl gdt+SPARE_SELECTOR+4, %eax
    expect("descriptors/write-gdt-entry-high", 0x00cf9200)

    movl $LDT_SELECTOR, %eax
    vmi(SetLDT)
    vmi(GetLDT)
    expect("descriptors/ldt-comes-back", LDT_SELECTOR)
    movl $0, %eax
    vmi(SetLDT)
    vmi(GetLDT)
    expect("descriptors/no-ldt-comes-back", 0)
    ret

# A place in user mode, for a debugger's IRET and SYSEXIT.
user_code:
    nop
    jmp user_code

.data
.balign 4
table_buffer:   .space 8
