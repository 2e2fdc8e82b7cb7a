# Page tables and the TLB, where the guest's page tables are the machine's own. Standard convention.
# An interrupt may come anywhere; a page walk may, too, by the processor at any time.

# In: EAX = entry, EDX = its linear address.
SetPxE:
    movl %eax, (%edx)
    ret

# In: EDX:EAX = entry, ECX = its linear address. A page walk, here or on another processor, sees the
# old entry or the new one. While the old one is not present its upper half means nothing yet.
SetPxELong:
    testb $1, (%ecx)
    jnz set_long_present
    movl %edx, 4(%ecx)
    movl %eax, (%ecx)
    ret
set_long_present:
    pushl %ebx
    pushl %esi
    movl %ecx, %esi
    movl %eax, %ebx
    movl %edx, %ecx                         # ECX:EBX = new
    movl (%esi), %eax
    movl 4(%esi), %edx
set_long_again:
    lock
    cmpxchg8b (%esi)                        # fails when the processor has just set A or D
    jnz set_long_again
    popl %esi
    popl %ebx
    ret

# In: EAX = linear address.
InvalPage:
    invlpg (%eax)
    ret

# In: EAX = flags, bit 1: global entries too. Clearing CR4.PGE drops all entries (Intel SDM 3A,
# 4.10.4.1); a handler that comes between the two writes finds a processor without global pages.
FlushTLB:
    testb $2, %al
    jz flush_not_global
    movl %cr4, %eax
    testb $0x80, %al
    jz flush_not_global
    movl %eax, %edx
    andb $0x7f, %al
    movl %eax, %cr4
    movl %edx, %cr4
    ret
flush_not_global:
    movl %cr3, %eax
    movl %eax, %cr3
    ret

# In: EAX = slot, EDX = linear address, ECX = pages, 4(%esp) = first page frame number. Where the
# ROM itself has to read page tables it looks here (see apic.s). Past slot 3 nothing happens.
SetLinearMapping:
    cmpl $3, %eax
    ja set_mapping_done
    leal (%eax,%eax,2), %eax                # three dwords a slot
    movl %edx, %ss:linear_mappings(,%eax,4)
    movl %ecx, %ss:linear_mappings+4(,%eax,4)
    movl 4(%esp), %ecx
    movl %ecx, %ss:linear_mappings+8(,%eax,4)
set_mapping_done:
    ret

# The guest's physical memory is the machine's: out is in. Each call has a stub of its own, here and
# below, so that one can tell from outside which was called.
MachineToPhysical:
    ret
PhysicalToMachine:
    ret

# Nothing is shadowed and nothing is queued, so these have nothing to do.
UpdatePxE:
    ret
UpdatePxELong:
    ret
AllocatePage:
    ret
ReleasePage:
    ret
SetLazyMode:
    ret

# Only its number is on record.
SetCallbacks:
    ret
