# The local APIC by the linear address of a register, or by its offset alone, as Linux passes it.
# For an offset the APIC's page has to be known: without paging by its physical address, with paging
# by a look into the guest's page tables, once. Standard convention. An interrupt may come anywhere.

.set PAGE, 0x1000
.set IA32_APIC_BASE, 0x1b
.set APIC_AT_RESET, 0xfee00000
.set FEATURE_APIC, 0x200                    # bits of CPUID leaf 1, EDX
.set APIC_LVTT, 0x320
.set CR4_PSE, 0x10
.set CR4_PAE, 0x20

# In: EAX = register. Out: EAX = value; 0 where there is no APIC or no map of it.
APICRead:
    cmpl $PAGE, %eax
    jae apic_read_linear
read_apic:                                  # for the ROM itself: an offset
    movl %ss:apic_page, %ecx
    jecxz apic_read_find
    movl (%ecx,%eax), %eax
    ret
apic_read_linear:
    movl (%eax), %eax
    ret
apic_read_find:
    pushl %eax
    call find_apic
    popl %eax
    jecxz apic_read_none
    movl (%ecx,%eax), %eax
    ret
apic_read_none:
    xorl %eax, %eax
    ret

# In: EAX = register, EDX = value. Nothing happens where there is no APIC or no map of it. LVTT is
# the guest's, but for the mode of an alarm that is armed (timer.s).
APICWrite:
    cmpl $PAGE, %eax
    jae apic_write_linear
    cmpl $APIC_LVTT, %eax
    je apic_write_lvtt
write_apic:                                 # for the ROM itself: an offset
    movl %ss:apic_page, %ecx
    jecxz apic_write_find
    movl %edx, (%ecx,%eax)
    ret
apic_write_linear:
    movl %eax, %ecx
    andl $PAGE-1, %ecx
    cmpl $APIC_LVTT, %ecx
    je apic_write_lvtt
apic_write_address:
    movl %edx, (%eax)
    ret
apic_write_lvtt:
    call keep_periodic
    cmpl $PAGE, %eax
    jae apic_write_address
    jmp write_apic
apic_write_find:
    pushl %eax
    pushl %edx
    call find_apic
    popl %edx
    popl %eax
    jecxz apic_write_none
    movl %edx, (%ecx,%eax)
apic_write_none:
    ret

# Out: ECX = linear address of the APIC's page, 0 when there is none. EAX, EDX and flags change.
# A page that was found is remembered: guests map it once. One seen without paging is not.
find_apic:
    xorl %ecx, %ecx
    testl $FEATURE_APIC, %ss:features
    jz find_apic_done
    pushl %edi
    call apic_physical
    movl %edi, %ecx
    movl %cr0, %eax
    testl %eax, %eax
    jns find_apic_unpaged                   # CR0.PG is bit 31
    pushl %ebx
    pushl %esi
    pushl %ebp
    call find_mapping
    popl %ebp
    popl %esi
    popl %ebx
    movl %ecx, %ss:apic_page
find_apic_unpaged:
    popl %edi
find_apic_done:
    ret

# Out: EDI = physical address of the APIC's page. EAX, ECX, EDX and flags change.
apic_physical:
    movl $APIC_AT_RESET, %edi
    movl %ss:signature, %eax
    andl $0xf00, %eax
    cmpl $0x600, %eax                       # family 5 has it there and cannot move it
    jb apic_physical_known
    movl $IA32_APIC_BASE, %ecx
    rdmsr
    andl $~(PAGE-1), %eax
    movl %eax, %edi
apic_physical_known:
    ret

# In: EDI = physical address of a page. Out: ECX = a linear address that the guest maps there,
# present and writable; 0 when there is none. All other registers and flags change.
# From the top down: that is where kernels map devices, so few entries are looked at.
find_mapping:
    movl $-PAGE, %ebp
find_mapping_next:
    call look_up                            # EDX:EAX = entry, ECX = bytes that it maps - 1
    andl $0x7fffffff, %edx                  # without NX
    jnz find_mapping_below                  # beyond 4 GiB
    movl %eax, %edx
    andl $3, %edx
    cmpl $3, %edx                           # present and writable
    jne find_mapping_below
    movl %ecx, %edx
    notl %edx                               # EDX = bits of the page's address
    xorl %edi, %eax
    testl %edx, %eax
    jnz find_mapping_below
    andl %edi, %ecx
    andl %ebp, %edx
    orl %edx, %ecx
    ret
find_mapping_below:
    notl %ecx
    andl %ecx, %ebp                         # start of what the entry maps
    subl $PAGE, %ebp
    jnc find_mapping_next
    xorl %ecx, %ecx
    ret

# In: EBP = linear address. Out: EDX:EAX = the entry that maps it, or 0; ECX = how many bytes the
# last entry that was read maps - 1. EBX, ESI and flags change.
look_up:
    movl %cr4, %edx
    movl %cr3, %eax
    testb $CR4_PAE, %dl
    jnz look_up_pae
    movl $0xffffffff, %ecx
    andl $~(PAGE-1), %eax
    call linear_of
    jc look_up_none
    movl $0x3fffff, %ecx
    movl %ebp, %esi
    shrl $22, %esi
    movl %ss:(%eax,%esi,4), %eax
    testb $1, %al
    jz look_up_none
    testb $0x80, %al
    jz look_up_table
    testb $CR4_PSE, %dl
    jz look_up_table
    testl $0x1fe000, %eax                   # PSE-36: bits 32-39 of the address
    jnz look_up_none
    xorl %edx, %edx
    ret
look_up_table:
    andl $~(PAGE-1), %eax
    call linear_of
    jc look_up_none
    movl $PAGE-1, %ecx
    movl %ebp, %esi
    shrl $12, %esi
    andl $0x3ff, %esi
    movl %ss:(%eax,%esi,4), %eax
    xorl %edx, %edx
    ret

# Three levels of entries of eight bytes. A table that lies beyond 4 GiB is in no map.
look_up_pae:
    movl $0xffffffff, %ecx
    andl $~31, %eax
    call linear_of
    jc look_up_none
    movl $0x3fffffff, %ecx
    movl %ebp, %esi
    shrl $30, %esi
    call look_up_next
    jc look_up_none
    movl $0x1fffff, %ecx
    movl %ebp, %esi
    shrl $21, %esi
    andl $0x1ff, %esi
    testb $0x80, %ss:(%eax,%esi,8)
    jnz look_up_large
    call look_up_next
    jc look_up_none
    movl $PAGE-1, %ecx
    movl %ebp, %esi
    shrl $12, %esi
    andl $0x1ff, %esi
look_up_large:
    movl %ss:4(%eax,%esi,8), %edx
    movl %ss:(%eax,%esi,8), %eax
    ret
look_up_none:
    xorl %eax, %eax
    xorl %edx, %edx
    ret

# In: EAX = table, ESI = index. Out: EAX = the table that the entry names; CF set: it cannot be
# read. EBX, EDX and flags change.
look_up_next:
    movl %ss:4(%eax,%esi,8), %edx
    movl %ss:(%eax,%esi,8), %eax
    andl $0x7fffffff, %edx
    jnz linear_none
    testb $1, %al
    jz linear_none
    andl $~(PAGE-1), %eax

# In: EAX = physical address of a page table. Out: EAX = its linear address; CF set: it is in no
# map, and is not to be touched. The guest's map of memory is slot 0 of SetLinearMapping; the others
# are windows that come and go. Until it is given, the map in which the guest called VMI_Init counts.
# EBX and flags change.
linear_of:
    cmpl $0, %ss:linear_mappings+4
    je linear_of_init
    movl %eax, %ebx
    shrl $12, %ebx
    subl %ss:linear_mappings+8, %ebx        # an earlier frame wraps around, to a high number
    cmpl %ss:linear_mappings+4, %ebx
    jae linear_none
    movl %ss:linear_mappings+8, %ebx
    shll $12, %ebx
    subl %ebx, %eax
    addl %ss:linear_mappings, %eax
    clc
    ret
linear_of_init:
    addl %ss:linear_offset, %eax
    ret
linear_none:
    stc
    ret
