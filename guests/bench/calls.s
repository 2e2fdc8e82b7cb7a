# The system calls: a user program reads 64 bytes from a device in memory and adds them up, READS
# times, by int $0x80 or by SYSENTER. In Linux 2.6 a system call that does nothing takes 100
# instructions or less, a read of a few bytes 200 to 400: the file's table and its position, the
# permission hooks, the driver, the copy to the user, the accounts. This one takes about 275 in the
# kernel and 110 in the program. As there, nothing on this path switches the interrupt flag but the
# entry and the exit.

.set READS, 4000
.set READ_SIZE, 64
.set FILES, 4

# In: EBX = file's number, ECX = buffer, EDX = bytes. Out: EAX = bytes read. Others change.
read_file:
    cmpl $FILES, %ebx
    jae unexpected_work
    movl files(,%ebx,4), %esi
    testl %esi, %esi
    jz unexpected_work
    lock
    incl (%esi)                             # the file is in use
    testl $1, 4(%esi)                       # open for reading?
    jz unexpected_work
    leal (%ecx,%edx), %eax
    cmpl $PAGE_OFFSET, %eax                 # a buffer of the user's own?
    ja unexpected_work
    pushl %edx
    pushl %ecx
    movl $12, %ecx                          # locks on the file, permissions
    call walk
    popl %edi
    popl %ecx
    call *8(%esi)
    pushl %eax
    movl $12, %ecx                          # who watches the file, what is accounted
    call walk
    lock
    decl (%esi)
    incl reads
    popl %eax
    ret

# In: EDI = buffer, ECX = bytes. Out: EAX = bytes.
read_device:
    pushl %esi
    pushl %ecx
    movl queue_head, %edx
    leal 64(%edx), %eax
    andl $0x3ff, %eax
    movl %eax, queue_head
    leal queue(%edx), %esi
    shrl $2, %ecx
    rep
    movsl
    movl $8, %ecx                           # the page it is on, the driver's state
    call walk
    popl %eax
    popl %esi
    ret

.data
.balign 4
files:          .long 0, 0, 0, device
device:         .long 1, 3, read_device
reads:          .long 0
queue_head:     .long 0
queue:          .space 1024
