# The local APIC in one page near the top, as Linux maps it, and the map of memory as Linux tells it.

.set APIC_PAGE_ENTRY, 1019                  # linear address FFFFB000

map_apic:
    movl $0xfee0001b, apic_table+APIC_PAGE_ENTRY*4  # present, writable, not cached
    movl $apic_table+OPEN, %eax
    movl %eax, page_directory+4092
    pushl $0                                # page frame number
    xorl %eax, %eax
    movl $PAGE_OFFSET, %edx
    movl $PAGE_TABLES*1024, %ecx
    call *bound_eip+4*VMI_CALL_SetLinearMapping
    addl $4, %esp
    ret

.data
.balign 4096
apic_table: .space 4096
