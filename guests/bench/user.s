# The process: its memory, and its programs, which run in user mode.

.set CODE_SLOT, 32                          # slots of the page directory: 08000000 and bfc00000
.set STACK_SLOT, 767
.set CODE_PAGE, 72                          # entries of the tables
.set CODE_PAGES, 65                         # one page of code, then data
.set STACK_PAGE, 1016
.set STACK_PAGES, 8
.set USER_CODE, 0x08048000
.set USER_DATA, 0x08049000
.set USER_STACK_TOP, 0xc0000000

set_up_user:
    movl $page_directory, %eax
    movl %eax, child_directory              # for new_table
    movl $CODE_SLOT, %ebx
    call new_table
    movl $CODE_PAGE, %esi
    movl $CODE_PAGES, %ebx
    call map_pages
    movl $user_program+5, CODE_PAGE*4(%edi) # its code is read-only
    movl $user_program, %edx                # and no page of the pool: it is never free
    shrl $12-4, %edx
    incl page_info(%edx)
    movl $STACK_SLOT, %ebx
    call new_table
    movl $STACK_PAGE, %esi
    movl $STACK_PAGES, %ebx
    call map_pages
    movl free_count, %eax
    movl %eax, free_before
    ret

# In: EDI = table, ESI = first entry, EBX = entries: each gets a page of its own.
map_pages:
    call allocate_page
    orl $7, %eax
    leal (%edi,%esi,4), %edx
    movl $VMI_PAGE_PT, %ecx
    vmi(SetPxE)
    incl %esi
    decl %ebx
    jnz map_pages
    ret

.balign 4096
user_program:

user_int_80:
    movl $READS, %ebp
    subl $READ_SIZE, %esp
user_int_80_next:
    movl $READ, %eax
    movl $3, %ebx
    movl %esp, %ecx
    movl $READ_SIZE, %edx
    int $0x80
    call user_sum
    decl %ebp
    jnz user_int_80_next
    movl $END, %eax
    int $0x80

user_fast:
    movl $READS, %ebp
    subl $READ_SIZE, %esp
user_fast_next:
    movl $READ, %eax
    movl $3, %ebx
    movl %esp, %ecx
    movl $READ_SIZE, %edx
    call user_sysenter
    call user_sum
    decl %ebp
    jnz user_fast_next
    movl $END, %eax
    int $0x80

# As the page that Linux lends to programs: SYSEXIT comes back with ECX and EDX lost.
user_sysenter:
    pushl %ecx
    pushl %edx
    pushl %ebp
    movl %esp, %ebp
    sysenter
user_sysenter_return:
    popl %ebp
    popl %edx
    popl %ecx
    ret

# What a program does with what it has read. In: buffer above the return address. EAX = bytes read.
user_sum:
    cmpl $READ_SIZE, %eax
    jne user_failed
    leal 4(%esp), %esi
    movl $READ_SIZE/4, %ecx
    xorl %edx, %edx
user_sum_next:
    movl (%esi), %eax
    addl %eax, %edx
    roll $5, %edx
    addl $4, %esi
    decl %ecx
    jnz user_sum_next
    ret
user_failed:
    ud2

user_fork:
    movl $FORKS, %ebp
user_fork_next:
    call user_write
    movl $FORK, %eax
    int $0x80
    testl %eax, %eax
    jz user_child
    decl %ebp
    jnz user_fork_next
    movl $END, %eax
    int $0x80
user_child:
    call user_write
    movl $EXIT, %eax
    int $0x80

# Look at 64 words of each page, and write one.
user_write:
    movl $USER_DATA, %edi
    movl $WRITTEN, %ebx
user_write_next:
    movl $64, %ecx
    xorl %eax, %eax
user_look:
    addl (%edi,%ecx,4), %eax
    decl %ecx
    jnz user_look
    movl %eax, (%edi)
    addl $4096, %edi
    decl %ebx
    jnz user_write_next
    ret

.balign 4096
