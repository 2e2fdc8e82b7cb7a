# Paging as Linux has it: low memory once more at C0000000, where the ROM is looked for and called.
# The guest itself goes on at its physical addresses, so both maps are in use.

.set PAGE_OFFSET, 0xc0000000

.set PAGE_TABLES, 2                         # of 4 MiB each; 4 KiB pages, for a 486 has no others
.set OPEN, 7                                # present, writable, for user mode, too

set_up_paging:
    movl $OPEN, %eax
    movl $page_tables, %edi
    movl $PAGE_TABLES*1024, %ecx
map_page:
    movl %eax, (%edi)
    addl $4096, %eax
    addl $4, %edi
    decl %ecx
    jnz map_page
    movl $page_tables+OPEN, %eax
    xorl %ecx, %ecx
map_table:
    movl %eax, page_directory(,%ecx,4)
    movl %eax, page_directory+0xc00(,%ecx,4)
    addl $4096, %eax
    incl %ecx
    cmpl $PAGE_TABLES, %ecx
    jb map_table
    movl $page_directory, %eax
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
