# Fork: a process of a code page, 64 data pages and 8 stack pages forks a child; the child writes 24
# of the data pages and one of the stack, which copies them, and ends; the parent writes the same
# ones, which gives them back to it. FORKS times, the process running in user mode.
#
# Fork, fault and exit have the steps of Linux 2.6. There an entry of a page table is copied in 60
# to 100 instructions (here about 50); a process has a dozen areas or more, each with an object from
# the allocator, interrupts off around it (here 12 of some 400 instructions); a write fault takes
# 1000 to 1500 instructions (here about 800), and its copy a new page and 1024 words more; a switch
# of processes takes about 500 (here 450).

.set FORKS, 20
.set WRITTEN, 24
.set AREAS, 12
.set FORK_FAULTS, 2*FORKS*(WRITTEN+1)-WRITTEN-1    # the first time the parent owns its pages

# Out: EAX = 1 in the parent, 0 in the child, which goes first. The frame is right above the return
# address. Registers change.
fork:
    movl $task, %esi                        # the task, its files, signals and areas
    movl $task_copy, %edi
    movl $350, %ecx
    rep
    movsl
    movl $AREAS, %ebp
fork_area:
    movl $60, %ecx
    call locked_walk
    decl %ebp
    jnz fork_area
    call allocate_page
    movl %eax, child_directory
    movl %eax, %edi
    movl $VMI_PAGE_PD, %edx
    call register_table
    movl $page_directory, %esi
    movl $1024, %ecx
    rep
    movsl
    movl child_directory, %edi
    movl $0, CODE_SLOT*4(%edi)
    movl $0, STACK_SLOT*4(%edi)
    xorl %ebp, %ebp
fork_table:
    movl table_slots(,%ebp,4), %ebx
    call new_table
    movl table_slots(,%ebp,4), %ebx
    movl page_directory(,%ebx,4), %ebx
    andl $0xfffff000, %ebx
    movl area_first(,%ebp,4), %esi
    movl area_count(,%ebp,4), %ecx
    call copy_area
    incl %ebp
    cmpl $2, %ebp
    jb fork_table
    movl $VMI_FLUSH_TLB, %eax               # the parent's pages are read-only now
    vmi(FlushTLB)
    leal 4(%esp), %esi                      # the child returns to the same place
    movl $child_stack_top-FRAME, %edi
    movl $FRAME/4, %ecx
    rep
    movsl
    movl $0, child_stack_top-FRAME+28
    movl %esp, parent_esp
    movl child_directory, %ebx
    movl $child_stack_top, %esi
    call switch_to
    movl $child_stack_top-FRAME, %esp
    jmp system_call_exit

# The child ends; the parent goes on and takes its memory back.
exit:
    movl $AREAS, %ebp
exit_area:
    movl $40, %ecx
    call locked_walk
    decl %ebp
    jnz exit_area
    movl $page_directory, %ebx
    movl $thread_stack_top, %esi
    call switch_to
    movl parent_esp, %esp
    xorl %ebp, %ebp
exit_table:
    movl table_slots(,%ebp,4), %ebx
    movl child_directory, %edi
    movl (%edi,%ebx,4), %edi
    andl $0xfffff000, %edi
    movl area_first(,%ebp,4), %esi
    movl area_count(,%ebp,4), %ebx
    call free_area
    movl $VMI_PAGE_PT, %edx
    call release_table
    incl %ebp
    cmpl $2, %ebp
    jb exit_table
    movl child_directory, %edi
    movl $VMI_PAGE_PD, %edx
    call release_table
    movl $1, %eax
    ret

# In: EDI = page, EDX = PD or PT. EAX, ECX, EDX and flags change.
register_table:
    movl %edi, %eax
    shrl $12, %eax
    pushl $0
    pushl $0
    xorl %ecx, %ecx
    vmi(AllocatePage)
    addl $8, %esp
    ret
release_table:
    movl %edi, %eax
    shrl $12, %eax
    vmi(ReleasePage)
    movl %edi, %eax
    jmp put_page

# In: EBX = slot of the child's directory. Out: EDI = a page table, cleared and in its slot. EAX,
# ECX, EDX and flags change.
new_table:
    call allocate_page
    pushl %eax
    movl %eax, %edi
    xorl %eax, %eax
    movl $1024, %ecx
    rep
    stosl
    popl %edi
    movl $VMI_PAGE_PT, %edx
    call register_table
    movl child_directory, %edx
    leal (%edx,%ebx,4), %edx
    leal 7(%edi), %eax
    movl $VMI_PAGE_PD, %ecx
    vmi(SetPxE)
    ret

# In: EBX, EDI = the parent's and the child's table, ESI = first entry, ECX = entries. Both get the
# page read-only. EAX, ECX, EDX, ESI and flags change.
copy_area:
    pushl %ecx
copy_next:
    movl (%ebx,%esi,4), %eax
    testb $1, %al
    jz copy_not_present
    movl %eax, %edx
    andl $0xfffff000, %edx
    cmpl $PAGES_END, %edx
    jae copy_not_present
    shrl $12-4, %edx
    lock
    incl page_info(%edx)
    lock
    incl page_info+4(%edx)
    incl task_copy+16                       # pages in memory
    pushl %eax
    movl $4, %ecx                           # what kind of area, what kind of page
    call walk
    popl %eax
    testb $2, %al
    jz copy_read_only
    andb $0xfd, %al
    pushl %eax
    leal (%ebx,%esi,4), %edx
    movl $VMI_PAGE_PT|VMI_PAGE_CURRENT_AS|VMI_PAGE_DEFER, %ecx
    vmi(SetPxE)
    popl %eax
copy_read_only:
    andb $0x9f, %al                         # neither accessed nor dirty
    leal (%edi,%esi,4), %edx
    movl $VMI_PAGE_PT, %ecx
    vmi(SetPxE)
copy_not_present:
    incl %esi
    decl (%esp)
    jnz copy_next
    addl $4, %esp
    ret

# In: EDI = table, ESI = first entry, EBX = entries. EAX, ECX, EDX, EBX, ESI and flags change.
free_area:
    movl (%edi,%esi,4), %eax
    testb $1, %al
    jz free_area_next
    pushl %eax
    xorl %eax, %eax
    leal (%edi,%esi,4), %edx
    movl $VMI_PAGE_PT|VMI_PAGE_DEFER, %ecx
    vmi(SetPxE)
    movl $3, %ecx
    call walk
    popl %eax
    andl $0xfffff000, %eax
    call put_page
free_area_next:
    incl %esi
    decl %ebx
    jnz free_area
    ret

# In: EBX = directory, ESI = ESP0 of the process to go on with. The lock on the run queue is held
# with interrupts off. EAX, ECX, EDX and flags change.
switch_to:
    vmi(DisableInterrupts)
    movl $70, %ecx
    call walk
    movl %ebx, current_directory
    movl %ebx, %eax
    vmi(SetCR3)
    movl $KERNEL_DS, %eax
    movl %esi, %edx
    vmi(UpdateKernelStack)
    pushl $0x00cff200                       # two entries for the thread's own data
    movl $gdt, %eax
    movl $SPARE_SELECTOR/8, %edx
    movl $0x0000ffff, %ecx
    vmi(WriteGDTEntry)
    movl $gdt, %eax
    movl $SPARE_SELECTOR/8+1, %edx
    movl $0x0000ffff, %ecx
    vmi(WriteGDTEntry)
    addl $4, %esp
    vmi(CLTS)
    vmi(EnableInterrupts)
    ret

# In: EBX = address, ECX = error code. A write to a page that is read-only since the fork: the last
# one that uses it gets it back, any other one a copy. Registers change.
handle_fault:
    cmpl $7, %ecx                           # a write by user code to a page that is present
    jne unexpected_work
    lock
    incl memory_lock
    movl $55, %ecx                          # the area that the address is in
    call walk
    movl current_directory, %edx
    movl %ebx, %ecx
    shrl $22, %ecx
    movl (%edx,%ecx,4), %edi
    andl $0xfffff000, %edi
    movl %ebx, %ecx
    shrl $12, %ecx
    andl $0x3ff, %ecx
    leal (%edi,%ecx,4), %edi                # EDI = the entry's address
    movl (%edi), %esi
    andl $0xfffff000, %esi                  # ESI = the page
    movl %esi, %edx
    shrl $12-4, %edx
    cmpl $1, page_info(%edx)
    movl %esi, %eax
    je fault_own
    call allocate_page
    pushl %eax
    pushl %esi
    pushl %edi
    movl %eax, %edi
    movl $1024, %ecx
    rep
    movsl
    movl $50, %ecx                          # who maps the page, and the list of pages in use
    call walk
    popl %edi
    popl %eax
    call put_page
    popl %eax
fault_own:
    orl $0x67, %eax
    movl %edi, %edx
    movl %ebx, %ecx
    andl $0xfffff000, %ecx
    orl $VMI_PAGE_PT|VMI_PAGE_CURRENT_AS, %ecx
    vmi(SetPxE)
    movl %ebx, %eax
    vmi(InvalPage)
    movl $70, %ecx                          # the accounts, and the way out
    call walk
    lock
    decl memory_lock
    incl faults
    ret

.data
.balign 4
faults:         .long 0
memory_lock:    .long 0
parent_esp:     .long 0
child_directory: .long 0
current_directory: .long page_directory
free_before:    .long 0
table_slots:    .long CODE_SLOT, STACK_SLOT
area_first:     .long CODE_PAGE, STACK_PAGE
area_count:     .long CODE_PAGES, STACK_PAGES
task:           .space 1400
task_copy:      .space 1400
thread_stack:   .space 4096
thread_stack_top:
child_stack:    .space 4096
child_stack_top:
