# Paging with PAE: entries of eight bytes, low memory at 0 and once more at C0000000, and no-execute
# where the processor has it.

.set PAGE_OFFSET, 0xc0000000

.set PAGE_TABLES, 4                         # of 2 MiB each
.set OPEN, 7                                # present, writable, for user mode, too
.set CR4_PAE, 0x20
.set EFER, 0xc0000080
.set EFER_NXE, 0x800

set_up_paging:
    movl $OPEN, %eax
    movl $page_tables, %edi
    movl $PAGE_TABLES*512, %ecx
map_page:
    movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $4096, %eax
    addl $8, %edi
    decl %ecx
    jnz map_page
    movl $page_tables+OPEN, %eax
    xorl %ecx, %ecx
map_table:
    movl %eax, page_directory(,%ecx,8)
    movl $0, page_directory+4(,%ecx,8)
    addl $4096, %eax
    incl %ecx
    cmpl $PAGE_TABLES, %ecx
    jb map_table
    movl $page_directory+1, %eax            # such an entry has no other low bits
    movl %eax, page_pointers
    movl %eax, page_pointers+24
    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_nx
    movl $0x80000001, %eax
    cpuid
    testl $0x00100000, %edx
    jz no_nx
    movl $1, has_nx
    movl $EFER, %ecx
    rdmsr
    orl $EFER_NXE, %eax
    wrmsr
no_nx:
    movl $page_pointers, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax                   # PG
    movl %eax, %cr0
    jmp paging_on
paging_on:
    ret

.data
.balign 4096
page_directory: .space 4096
page_tables:    .space PAGE_TABLES*4096
page_pointers:  .space 32
has_nx:         .long 0
