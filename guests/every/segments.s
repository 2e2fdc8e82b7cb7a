# Descriptors in use: what a segment register reaches by an entry that a call has written.

.set TLS_SELECTOR, 0x48                     # the last entry of the GDT
.set LOCAL_SELECTOR, 0x1c                   # the last entry of the LDT

# Bases are those of two dwords, so that offset 0 reads them.
check_segments:
    movl $first_seen, %eax
    call data_segment
    pushl %edx
    movl %eax, %ecx
    movl $gdt, %eax
    movl $TLS_SELECTOR/8, %edx
    vmi(WriteGDTEntry)
    addl $4, %esp
    movl $TLS_SELECTOR, %eax
    movl %eax, %gs
    movl %gs:0, %eax
    expect("segments/gs-by-write-gdt-entry", 0x01010101)

    movl $second_seen, %eax
    call data_segment
    pushl %edx
    movl %eax, %ecx
    movl $ldt, %eax
    movl $LOCAL_SELECTOR/8, %edx
    vmi(WriteLDTEntry)
    addl $4, %esp
    movl $LDT_SELECTOR, %eax
    vmi(SetLDT)
    movl $LOCAL_SELECTOR, %eax
    movl %eax, %fs
    movl %fs:0, %eax
    expect("segments/fs-by-write-ldt-entry", 0x02020202)
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    vmi(SetLDT)
    ret

# In: EAX = base. Out: EDX:EAX = descriptor of a data segment of 4 GiB there. ECX changes.
data_segment:
    movl %eax, %edx
    movl %eax, %ecx
    shll $16, %eax
    movw $0xffff, %ax
    shrl $16, %edx
    andl $0xff, %edx
    andl $0xff000000, %ecx
    orl %ecx, %edx
    orl $0x00cf9200, %edx
    ret

.data
.balign 4
first_seen:     .long 0x01010101
second_seen:    .long 0x02020202
