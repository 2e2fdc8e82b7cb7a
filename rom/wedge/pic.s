# The two 8259s, asked only when one vector was entered while another waits. Their command ports
# are left to read the request register, which is what they read after initialisation (Intel 8259A
# data sheet, OCW3). Closed code.

.set NO_LINE, 31                            # no line, yet the number of a bit

# Out: EAX = lines in service: bits 0-7 the master's, 8-15 the slave's; 0 where there is no 8259.
# EDX and flags change.
in_service:
    xorl %eax, %eax
    movb $0x0b, %al
    outb %al, $0xa0
    inb $0xa0, %al
    movb %al, %ah
    movb $0x0b, %al
    outb %al, $0x20
    inb $0x20, %al
    movl %eax, %edx
    movb $0x0a, %al
    outb %al, $0xa0
    outb %al, $0x20
    movl %edx, %eax
    cmpb $0xff, %al                         # a bus with nothing on it
    jne in_service_done
    xorl %eax, %eax
in_service_done:
    ret

# In: ECX = vector, EAX = lines in service. Out: ECX = the line it came by, or NO_LINE.
# The low three bits of a vector are the line within its 8259. Where both have that line in service
# the later to be accepted is meant, and it outranks the other: lines 0 and 1 come before the
# slave's, 3 to 7 after them.
line_of:
    andl $7, %ecx
    orl $8, %ecx
    btl %ecx, %eax
    jnc line_not_slave
    cmpl $10, %ecx
    jae line_found
    andl $7, %ecx
    btl %ecx, %eax
    jc line_found
    orl $8, %ecx
line_found:
    ret
line_not_slave:
    andl $7, %ecx
    btl %ecx, %eax
    jc line_found
    movl $NO_LINE, %ecx
    ret
