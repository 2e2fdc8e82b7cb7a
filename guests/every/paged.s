# Mappings that change, with 32-bit entries: one page, the window, shows frame A or B.

.set WINDOW_ENTRY, page_tables+(WINDOW/4096)*4
.set NEW_DIRECTORY, 0x602000
.set NEW_TABLE, 0x603000

check_mapping:
    movl $0xaaaa0001, FRAME_A
    movl $0xbbbb0002, FRAME_B
    movl $FRAME_A+OPEN, %eax
    call set_window
    movl WINDOW, %eax
    expect("mapping/set-pxe-shows-a-frame", 0xaaaa0001)
    movl $FRAME_B+OPEN, %eax
    call set_window
    movl WINDOW, %eax
    expect("mapping/set-pxe-shows-another-frame", 0xbbbb0002)

# The same without InvalPage, of an entry that is not global and of one that is.
    movl $FRAME_A+OPEN, %eax
    call store_window
    movl $VMI_FLUSH_TLB, %eax
    vmi(FlushTLB)
    movl WINDOW, %eax
    expect("mapping/flush-tlb-shows-the-frame", 0xaaaa0001)
    movl %cr4, %eax
    orl $CR4_PGE, %eax
    vmi(SetCR4)
    movl $FRAME_A+OPEN+GLOBAL, %eax
    call set_window
    movl WINDOW, %ebx
    movl $FRAME_B+OPEN, %eax
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
    call set_window
    movl $0, entered
    movl $5, skip_fault
    movl WINDOW, %eax
    vmi(GetCR2)
    expect("mapping/cr2-has-the-address", WINDOW)
    call page_fault_error
    expect("mapping/not-present-faults", 0)

# Changed by the guest's own instruction, as a page's accessed bit is.
    movl $FRAME_A+OPEN, %eax
    xchgl %eax, WINDOW_ENTRY
    movl $WINDOW_ENTRY, %eax
    movl $WINDOW_FLAGS, %edx
    vmi(UpdatePxE)
    movl $WINDOW, %eax
    vmi(InvalPage)
    movl WINDOW, %eax
    expect("mapping/update-pxe-shows-the-frame", 0xaaaa0001)

# Read-only, and written with CR0.WP set: as for copy on write.
    movl $FRAME_A+OPEN-2, %eax
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
    movl WINDOW, %eax
    expect("mapping/read-only-keeps-its-content", 0xaaaa0001)

# Another address space: the same but for the window.
    movl $page_tables+4096, %esi
    movl $NEW_TABLE, %edi
    movl $1024, %ecx
    rep
    movsl
    movl $page_directory, %esi
    movl $NEW_DIRECTORY, %edi
    movl $1024, %ecx
    rep
    movsl
    movl $NEW_TABLE/4096, %eax
    movl $VMI_PAGE_PT, %edx
    vmi(AllocatePage)
    pushl $256
    pushl $768
    movl $NEW_DIRECTORY/4096, %eax
    movl $VMI_PAGE_PD+VMI_PAGE_CLONE, %edx
    movl $page_directory, %ecx
    shrl $12, %ecx
    vmi(AllocatePage)
    addl $8, %esp
    movl $FRAME_B+OPEN, %eax
    movl $NEW_TABLE+0x3ff*4, %edx
    movl $VMI_PAGE_PT, %ecx
    vmi(SetPxE)
    movl $NEW_TABLE+OPEN, %eax
    movl $NEW_DIRECTORY+4, %edx
    movl $VMI_PAGE_PD, %ecx
    vmi(SetPxE)
    movl $NEW_DIRECTORY, %eax
    vmi(SetCR3)
    movl WINDOW, %eax
    expect("mapping/another-address-space", 0xbbbb0002)
    vmi(GetCR3)
    expect("mapping/cr3-is-the-other-one", NEW_DIRECTORY)
    movl $page_directory, %eax
    vmi(SetCR3)
    movl WINDOW, %eax
    expect("mapping/back-again", 0xaaaa0001)
    movl $NEW_DIRECTORY/4096, %eax
    movl $VMI_PAGE_PD, %edx
    vmi(ReleasePage)
    movl $NEW_TABLE/4096, %eax
    movl $VMI_PAGE_PT, %edx
    vmi(ReleasePage)
    movl $WINDOW+OPEN, %eax                 # as it was at first

# In: EAX = entry for the window. EAX, ECX and EDX change.
set_window:
    call store_window
    movl $WINDOW, %eax
    vmi(InvalPage)
    ret
store_window:
    movl $WINDOW_ENTRY, %edx
    movl $WINDOW_FLAGS, %ecx
    vmi(SetPxE)
    ret
