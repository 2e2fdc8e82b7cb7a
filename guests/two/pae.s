# What depends on the form of the page tables: 64-bit entries. The APIC's page as in alarm/paged.s.

.set APIC_PAGE_ENTRY, 507                   # linear address FFFFB000, in the last 2 MiB

map_apic:
    movl $0xfee0001b, apic_table+APIC_PAGE_ENTRY*8
    movl $0, apic_table+APIC_PAGE_ENTRY*8+4
    movl $apic_table+OPEN, %eax
    movl %eax, page_directory+4088
    movl $0, page_directory+4092
    pushl $0                                # page frame number
    xorl %eax, %eax
    movl $PAGE_OFFSET, %edx
    movl $PAGE_TABLES*512, %ecx
    call *bound_eip+4*VMI_CALL_SetLinearMapping
    addl $4, %esp
    ret

.data
.balign 4
space:          .long page_pointers         # CR3 of both processors

.balign 4096
apic_table: .space 4096
