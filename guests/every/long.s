# Mappings that change, with 64-bit entries: one page, the window, shows frame A or B.

.set WINDOW_ENTRY, page_tables+(WINDOW/4096)*8
.set NEW_POINTERS, 0x602000
.set NEW_DIRECTORY, 0x603000
.set NEW_TABLE, 0x604000

check_mapping:
    movl $0xaaaa0001, FRAME_A
    movl $0xbbbb0002, FRAME_B
    movl $FRAME_A+OPEN, %eax
    xorl %edx, %edx
    call set_window
    movl WINDOW, %eax
    expect("mapping/set-pxe-long-shows-a-frame", 0xaaaa0001)
    movl $FRAME_B+OPEN, %eax
    xorl %edx, %edx
    call set_window
    movl WINDOW, %eax
    expect("mapping/set-pxe-long-shows-another-frame", 0xbbbb0002)

# The same without InvalPage, of an entry that is not global and of one that is.
    movl $FRAME_A+OPEN, %eax
    xorl %edx, %edx
    call store_window
    movl $VMI_FLUSH_TLB, %eax
    vmi(FlushTLB)
    movl WINDOW, %eax
    expect("mapping/flush-tlb-shows-the-frame", 0xaaaa0001)
    movl %cr4, %eax
    orl $CR4_PGE, %eax
    vmi(SetCR4)
    movl $FRAME_A+OPEN+GLOBAL, %eax
    xorl %edx, %edx
    call set_window
    movl WINDOW, %ebx
    movl $FRAME_B+OPEN, %eax
    xorl %edx, %edx
    call store_window
    movl $VMI_FLUSH_TLB+VMI_FLUSH_GLOBAL, %eax
    vmi(FlushTLB)
    movl WINDOW, %eax
    expect("mapping/flush-tlb-drops-a-global-entry", 0xbbbb0002)
    movl %cr4, %eax
    andl $~CR4_PGE, %eax
    vmi(SetCR4)

# Not present, and read: a page fault, whose instruction is skipped.
    movl $0, %eax
    xorl %edx, %edx
    call set_window
    movl $0, entered
    movl $5, skip_fault
    movl WINDOW, %eax
    call page_fault_error
    expect("mapping/not-present-faults", 0)

# Changed by the guest's own instructions: the upper half first, while it is not present.
    movl $0, WINDOW_ENTRY+4
    movl $FRAME_A+OPEN, WINDOW_ENTRY
    movl $WINDOW_ENTRY, %eax
    movl $WINDOW_FLAGS, %edx
    vmi(UpdatePxELong)
    movl $WINDOW, %eax
    vmi(InvalPage)
    movl WINDOW, %eax
    expect("mapping/update-pxe-long-shows-the-frame", 0xaaaa0001)

# Read-only, and written with CR0.WP set: as for copy on write.
    movl $FRAME_A+OPEN-2, %eax
    xorl %edx, %edx
    call set_window
    movl %cr0, %ebx
    movl %ebx, %eax
    orl $CR0_WP, %eax
    vmi(SetCR0)
    movl $0, entered
    movl %eax, WINDOW
    movl %ebx, %eax
    vmi(SetCR0)
    call page_fault_error
    expect("mapping/read-only-faults", 3)
    movl $0, skip_fault

# No execute: the fault's EIP is the window's, and the handler moves it on to the next check.
    cmpl $0, has_nx
    je no_execute_done
    movb $0xc3, FRAME_A+8                   # RET
    movl $FRAME_A+OPEN, %eax
    xorl %edx, %edx
    call set_window
    movl $WINDOW+8, %eax
    call *%eax
    movl $FRAME_A+OPEN, %eax
    movl $0x80000000, %edx
    call set_window
    movl $0, entered
    movl $no_execute_landed-WINDOW-8, skip_fault
    movl $WINDOW+8, %eax
    call *%eax
no_execute_landed:
    addl $4, %esp                           # the return address
    movl $0, skip_fault
    call page_fault_error
    expect("mapping/no-execute-faults", 0x11)
    movl WINDOW, %eax
    expect("mapping/no-execute-can-be-read", 0xaaaa0001)
no_execute_done:

# Another address space: the same but for the window.
    movl $page_tables+3*4096, %esi
    movl $NEW_TABLE, %edi
    movl $1024, %ecx
    rep
    movsl
    movl $page_directory, %esi
    movl $NEW_DIRECTORY, %edi
    movl $1024, %ecx
    rep
    movsl
    movl $page_pointers, %esi
    movl $NEW_POINTERS, %edi
    movl $8, %ecx
    rep
    movsl
    movl $NEW_TABLE/4096, %eax
    movl $VMI_PAGE_PT+VMI_PAGE_PAE, %edx
    vmi(AllocatePage)
    movl $NEW_DIRECTORY/4096, %eax
    movl $VMI_PAGE_PD+VMI_PAGE_PAE, %edx
    vmi(AllocatePage)
    pushl $VMI_PAGE_PT
    movl $FRAME_B+OPEN, %eax
    xorl %edx, %edx
    movl $NEW_TABLE+0x1ff*8, %ecx
    vmi(SetPxELong)
    movl $NEW_TABLE+OPEN, %eax
    xorl %edx, %edx
    movl $NEW_DIRECTORY+3*8, %ecx
    movl $VMI_PAGE_PD, (%esp)
    vmi(SetPxELong)
    movl $NEW_DIRECTORY+1, %eax
    xorl %edx, %edx
    movl $NEW_POINTERS, %ecx
    movl $VMI_PAGE_PDP, (%esp)
    vmi(SetPxELong)
    addl $4, %esp
    movl $NEW_POINTERS, %eax
    vmi(SetCR3)
    movl WINDOW, %eax
    expect("mapping/another-address-space", 0xbbbb0002)
    vmi(GetCR3)
    expect("mapping/cr3-is-the-other-one", NEW_POINTERS)
    movl $page_pointers, %eax
    vmi(SetCR3)
    movl WINDOW, %eax
    expect("mapping/back-again", 0xaaaa0001)
    movl $NEW_DIRECTORY/4096, %eax
    movl $VMI_PAGE_PD+VMI_PAGE_PAE, %edx
    vmi(ReleasePage)
    movl $NEW_TABLE/4096, %eax
    movl $VMI_PAGE_PT+VMI_PAGE_PAE, %edx
    vmi(ReleasePage)
    movl $WINDOW+OPEN, %eax                 # as it was at first
    xorl %edx, %edx

# In: EDX:EAX = entry for the window. EAX, ECX and EDX change.
set_window:
    call store_window
    movl $WINDOW, %eax
    vmi(InvalPage)
    ret
store_window:
    pushl $WINDOW_FLAGS
    movl $WINDOW_ENTRY, %ecx
    vmi(SetPxELong)
    addl $4, %esp
    ret
