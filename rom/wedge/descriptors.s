# Descriptor tables and the task register: what the ROMs that own the real ones share.
# Standard convention: EAX, ECX, EDX and flags may change; CS, SS, DS and ES are flat.

# End of SetGDT and SetLDT: load each segment register anew from the new table (VMI ABI, 6.2).
# A live selector must be valid there; a null one may stay. In: (%esp) = the guest's return address.
# Interrupts: may come between two loads, and find the new table with selectors valid in both.
reload_segments:
    movl %ds, %ecx
    movl %ecx, %ds
    movl %es, %ecx
    movl %ecx, %es
    movl %fs, %ecx
    movl %ecx, %fs
    movl %gs, %ecx
    movl %ecx, %gs
    movl %ss, %ecx
    movl %ecx, %ss
    popl %edx
    pushl %cs
    pushl %edx
    .byte 0xcb                              # lretl: loads CS and returns to the guest

# In: ECX = selector. Out: ECX = linear address of its descriptor in the GDT. Flags change.
gdt_descriptor:
    andl $0xfff8, %ecx
    subl $8, %esp
    sgdtl (%esp)
    addl 2(%esp), %ecx
    addl $8, %esp
    ret

# Out: ECX = linear address of the TSS in TR, 0 when TR is null. EDX and flags change.
# Only CS and SS are assumed, for SYSEXIT's sake.
current_tss:
    xorl %ecx, %ecx
    strw %cx
    testl %ecx, %ecx
    jz no_tss
    call gdt_descriptor
    movl %ss:4(%ecx), %edx
    movl %ss:2(%ecx), %ecx
    andl $0xff000000, %edx
    andl $0x00ffffff, %ecx
    orl %edx, %ecx
no_tss:
    ret

# In: EAX = selector. LTR refuses a busy TSS; SetTR names the TSS to use and may name it again, so
# the busy bit is cleared first. Where LTR faults for another reason the GDT stays as it was: the
# selector is null, past the limit, of an LDT, or of no TSS. ECX, EDX and flags change.
load_task_register:
    movzwl %ax, %ecx
    testl $0xfff8, %ecx
    jz load_tr
    testb $4, %cl
    jnz load_tr
    orl $7, %ecx
    subl $8, %esp
    sgdtl (%esp)
    cmpw (%esp), %cx
    leal 8(%esp), %esp                      # ADD would change the flags
    ja load_tr
    call gdt_descriptor
    movb %ss:5(%ecx), %dl
    andb $0x15, %dl                         # a system descriptor, TSS: 16 or 32 bits, busy or not
    cmpb $0x01, %dl
    jne load_tr
    andb $0xfd, %ss:5(%ecx)
load_tr:
    ltrw %ax
    ret

# In: EAX = SS selector (Linux) or linear address of the TSS (the 2.0 document): a selector has 16
# bits. EDX = ESP0. The record disagrees on EAX; both readings end in the same TSS.
update_kernel_stack:
    movl %eax, %ecx
    cmpl $0xffff, %eax
    ja kernel_stack_tss
    pushl %edx
    call current_tss
    popl %edx
    testl %ecx, %ecx
    jz kernel_stack_done
    testl %eax, %eax
    jz kernel_stack_tss
    movl %eax, 8(%ecx)
kernel_stack_tss:
    movl %edx, 4(%ecx)
kernel_stack_done:
    ret
