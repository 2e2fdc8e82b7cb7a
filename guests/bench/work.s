# What all workloads use: time spent on data structures, and the allocator of pages.

# In: ECX = steps, six instructions each. The path of a kernel through a queue: follow the link,
# look at what is there, count it. EAX, ECX, EDX and flags change.
walk:
    movl $ring, %edx
walk_next:
    movl 4(%edx), %eax
    testl %eax, %eax
    incl 8(%edx)
    movl (%edx), %edx
    decl %ecx
    jnz walk_next
    ret

# Physical memory for pages: 2 to 8 MiB, mapped one to one. A page has 16 bytes in page_info: how
# many use it, how many page table entries name it.
.set FIRST_PAGE, 0x200000
.set PAGES_END, 0x800000
.set PAGE_COUNT, PAGES_END/4096

set_up_memory:
    movl $FIRST_PAGE, %eax
free_next:
    movl free_head, %ecx
    movl %ecx, (%eax)
    movl %eax, free_head
    incl free_count
    addl $4096, %eax
    cmpl $PAGES_END, %eax
    jb free_next
    jmp set_up_user

# Out: EAX = page. As Linux's page allocator: a processor's own list, interrupts off around it; then
# what the zone and the page itself are checked for. ECX, EDX and flags change.
allocate_page:
    vmi(GetInterruptMask)
    pushl %eax
    vmi(DisableInterrupts)
    movl free_head, %edx
    testl %edx, %edx
    jz out_of_pages
    movl (%edx), %ecx
    movl %ecx, free_head
    decl free_count
    popl %eax
    vmi(SetInterruptMask)
    pushl %edx
    movl $15, %ecx
    call walk
    movl (%esp), %edx
    shrl $12-4, %edx
    movl $1, page_info(%edx)
    movl $1, page_info+4(%edx)
    popl %eax
    ret
out_of_pages:
    movl $text_no_page, %esi
    jmp give_up

# In: EAX = page that nobody uses any more. EAX, ECX, EDX and flags change.
free_page:
    pushl %eax
    movl $8, %ecx
    call walk
    vmi(GetInterruptMask)
    popl %edx
    pushl %eax
    vmi(DisableInterrupts)
    movl free_head, %ecx
    movl %ecx, (%edx)
    movl %edx, free_head
    incl free_count
    popl %eax
    vmi(SetInterruptMask)
    ret

# In: EAX = page. One user less; the last one frees it. EAX, ECX, EDX and flags change.
put_page:
    movl %eax, %edx
    shrl $12-4, %edx
    lock
    decl page_info+4(%edx)
    lock
    decl page_info(%edx)
    jz free_page
    ret

.data
text_no_page:   .asciz "out of pages"
.balign 4
free_head:      .long 0
free_count:     .long 0
ring:
    .long ring+16, 1, 0, 0
    .long ring+32, 2, 0, 0
    .long ring+48, 3, 0, 0
    .long ring+64, 4, 0, 0
    .long ring, 5, 0, 0
page_info:      .space PAGE_COUNT*16
