# The calls on pages, as far as they need no paging: what they store, and that the others return.

.set ENTRY_FLAGS, VMI_PAGE_PT+VMI_PAGE_CURRENT_AS

# For check_mapping, where there is paging: a linear page that shows one of two frames.
.set WINDOW, 0x7ff000
.set WINDOW_FLAGS, WINDOW+ENTRY_FLAGS
.set FRAME_A, 0x600000
.set FRAME_B, 0x601000
.set CR0_WP, 0x10000
.set CR4_PGE, 0x80
.set GLOBAL, 0x100                          # bit of an entry

check_page_calls:
    movl $0, stored_entry
    movl $0x12345067, %eax
    movl $stored_entry, %edx
    movl $ENTRY_FLAGS, %ecx
    vmi(SetPxE)
    movl stored_entry, %eax
    expect("pages/set-pxe-stores", 0x12345067)
    movl $stored_entry, %eax
    movl $ENTRY_FLAGS, %edx
    vmi(UpdatePxE)
    movl stored_entry, %eax
    expect("pages/update-pxe-changes-nothing", 0x12345067)

    pushl $ENTRY_FLAGS
    movl $0x12345067, %eax
    movl $0x80000001, %edx
    movl $long_entry, %ecx
    vmi(SetPxELong)                         # over an entry that is not present
    movl $0x23456067, %eax
    movl $0x80000002, %edx
    movl $long_entry, %ecx
    vmi(SetPxELong)                         # over one that is
    addl $4, %esp
    movl long_entry, %eax
    expect("pages/set-pxe-long-stores-low", 0x23456067)
    movl long_entry+4, %eax
    expect("pages/set-pxe-long-stores-high", 0x80000002)
    movl $long_entry, %eax
    movl $ENTRY_FLAGS, %edx
    vmi(UpdatePxELong)
    movl long_entry, %eax
    expect("pages/update-pxe-long-changes-nothing", 0x23456067)

    movl $0x00123000, %eax
    vmi(MachineToPhysical)
    expect("pages/machine-is-physical", 0x00123000)
    movl $0x00456000, %eax
    vmi(PhysicalToMachine)
    expect("pages/physical-is-machine", 0x00456000)

    pushl $256                              # clone: count
    pushl $768                              # and first entry
    movl $0x602, %eax
    movl $VMI_PAGE_PD+VMI_PAGE_CLONE, %edx
    movl $0x601, %ecx
    vmi(AllocatePage)
    addl $8, %esp
    movl $0x602, %eax
    movl $VMI_PAGE_PD, %edx
    vmi(ReleasePage)
    pushl $0                                # first page frame number
    movl $0, %eax
    movl $PAGE_OFFSET, %edx
    movl $2048, %ecx
    vmi(SetLinearMapping)
    addl $4, %esp
    movl $1, %eax
    vmi(SetLazyMode)
    movl $0, %eax
    vmi(SetLazyMode)
    vmi(SetCallbacks)
    movl $stored_entry, %eax
    vmi(InvalPage)

    movl %cr4, %ebx
    movl %ebx, %eax
    orl $CR4_PGE, %eax
    movl %eax, %cr4
    movl $VMI_FLUSH_TLB, %eax
    vmi(FlushTLB)
    movl $VMI_FLUSH_TLB+VMI_FLUSH_GLOBAL, %eax
    vmi(FlushTLB)
    movl %cr4, %eax
    andl $CR4_PGE, %eax
    expect("pages/flush-tlb-leaves-global-pages-on", CR4_PGE)
    movl %ebx, %cr4
    ret

# Out: EAX = error code of the one page fault since `entered` was cleared, -1 if there was not one.
page_fault_error:
    movl $-1, %eax
    cmpl $1, entered
    jne page_fault_known
    cmpl $14, log
    jne page_fault_known
    movl log+24, %eax
page_fault_known:
    ret

.data
.balign 8
long_entry:     .quad 0
stored_entry:   .long 0
