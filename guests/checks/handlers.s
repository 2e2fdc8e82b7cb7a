# One handler for all vectors. It logs what it saw, sends the EOI, and leaves by IRET. A debugger
# turns the knobs below to have it do more.

.data
.balign 4
eoi_specific:   .long 0                     # 0: non-specific EOI, 1: specific
enable_before:  .long 0                     # vector whose handler enables interrupts before its EOI
enable_after:   .long 0                     # vector whose handler enables interrupts after its EOI
skip_fault:     .long 0                     # bytes to add to EIP of an exception; 0: it is the end
entered:        .long 0                     # handlers entered so far
depth:          .long 0                     # handlers that are running
deepest:        .long 0                     # the most that ran at once

# The log: 32 bytes an entry, LOG_SIZE entries, then it starts anew. Fields: vector, EIP, CS,
# EFLAGS image, ESP (address of the frame), virtual IF in the handler, error code, depth.
.set LOG_SIZE, 64
log:            .space LOG_SIZE*32
.text

# Stack: vector, error code (0 pushed where there is none), EIP, CS, EFLAGS ...
handler:
    pushal
    pushl %ds
    pushl %es
    movl $KERNEL_DS, %eax
    movl %eax, %ds
    movl %eax, %es
    cld
    leal 40(%esp), %ebx                     # EBX -> vector, error code, EIP, CS, EFLAGS
    incl depth
    movl depth, %eax
    cmpl deepest, %eax
    jbe handler_not_deeper
    movl %eax, deepest
handler_not_deeper:
    movl $1, %edi
    xaddl %edi, entered                     # the entry is ours, whatever comes meanwhile
    andl $LOG_SIZE-1, %edi
    shll $5, %edi
    addl $log, %edi
    movl (%ebx), %eax
    movl %eax, (%edi)
    movl 8(%ebx), %eax
    movl %eax, 4(%edi)
    movl 12(%ebx), %eax
    movl %eax, 8(%edi)
    movl 16(%ebx), %eax
    movl %eax, 12(%edi)
    leal 8(%ebx), %eax
    movl %eax, 16(%edi)
    vmi(GetInterruptMask)
    movl %eax, 20(%edi)
    movl 4(%ebx), %eax
    movl %eax, 24(%edi)
    movl depth, %eax
    movl %eax, 28(%edi)
handler_logged:
    movl (%ebx), %ecx
    cmpl $32, %ecx
    jb handler_exception
    cmpl $0x30, %ecx
    jae handler_leave
    cmpl $0x21, %ecx
    jne handler_no_key
    inb $0x60, %al
handler_no_key:
    cmpl enable_before, %ecx
    jne handler_eoi
    vmi(EnableInterrupts)
handler_eoi:
    movb $0x20, %al
    cmpl $0, eoi_specific
    je eoi_ready
    movb %cl, %al
    andb $7, %al
    orb $0x60, %al
eoi_ready:
    cmpl $0x28, %ecx
    jb eoi_master
    outb %al, $0xa0
    movb $0x20, %al
    cmpl $0, eoi_specific
    je eoi_master
    movb $0x62, %al
eoi_master:
    outb %al, $0x20
    cmpl enable_after, %ecx
    jne handler_leave
    vmi(EnableInterrupts)
handler_leave:
    vmi(DisableInterrupts)
    decl depth
    popl %es
    popl %ds
    popal
    addl $8, %esp
    vmi(IRET)

# Breakpoint, overflow, debug and NMI go on by themselves. Others are the guest's end, unless a
# debugger said by how much to move on.
handler_exception:
    cmpl $5, %ecx
    jae exception_fault
    testl %ecx, %ecx
    jnz handler_leave
exception_fault:
    movl skip_fault, %eax
    addl %eax, 8(%ebx)
    testl %eax, %eax
    jnz handler_leave
    movl $text_exception, %esi
    call print
    movl (%ebx), %eax
    call print_hex
    movl $text_at, %esi
    call print
    movl 8(%ebx), %eax
    call print_hex
    movl $text_error, %esi
    call print
    movl 4(%ebx), %eax
    call print_hex
    movb $10, %al
    outb %al, $0xe9
    movl $text_exception, %esi
    jmp give_up
