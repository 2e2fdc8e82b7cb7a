# Descriptor tables, interrupt controllers and timer.

# Selectors. FAR has its base far from any memory that the guest uses, so a ROM that goes through
# a segment register it must not trust misses (TCG checks neither null selectors nor limits).
.set KERNEL_CS, 0x08
.set KERNEL_DS, 0x10
.set USER_CS, 0x1b
.set USER_DS, 0x23
.set TSS_SELECTOR, 0x28
.set LDT_SELECTOR, 0x30
.set FAR_DS, 0x38
.set SPARE_SELECTOR, 0x40

set_up_descriptors:
    movl $tss, %eax                         # the TSS and the LDT get their bases
    movw %ax, gdt+TSS_SELECTOR+2
    shrl $16, %eax
    movb %al, gdt+TSS_SELECTOR+4
    movb %ah, gdt+TSS_SELECTOR+7
    movl $ldt, %eax
    movw %ax, gdt+LDT_SELECTOR+2
    shrl $16, %eax
    movb %al, gdt+LDT_SELECTOR+4
    movb %ah, gdt+LDT_SELECTOR+7
    movl $gdt_register, %eax
    vmi(SetGDT)
    movl $KERNEL_DS, %eax                   # for a SetGDT that is LGDT alone
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $TSS_SELECTOR, %eax
    vmi(SetTR)
    movl $KERNEL_DS, %eax
    movl $kernel_stack_top, %edx
    vmi(UpdateKernelStack)
    movl $kernel_stack_top, tss+4           # and for a guest with no ROM below it
    movl $KERNEL_DS, tss+8
    ret

# Every vector gets an interrupt gate to its entry; 3, 4 and 0x80 may be used by user code.
set_up_interrupts:
    xorl %ecx, %ecx
gate_next:
    leal entries(,%ecx,8), %eax
    movl %eax, %edx
    andl $0xffff, %eax
    orl $KERNEL_CS*65536, %eax
    andl $0xffff0000, %edx
    orl $0x8e00, %edx
    cmpl $3, %ecx
    je gate_user
    cmpl $4, %ecx
    je gate_user
    cmpl $0x80, %ecx
    jne gate_kernel
gate_user:
    orl $0x6000, %edx
gate_kernel:
    movl %eax, idt(,%ecx,8)
    movl %edx, idt+4(,%ecx,8)
    incl %ecx
    cmpl $256, %ecx
    jb gate_next
    movl $idt_register, %eax
    vmi(SetIDT)

# The BIOS left the timer ticking. In mode 0 it counts down once and then keeps its line up for
# good, but a mode without a count would not stop the old one: so it gets one, of 55 ms, while the
# 8259s are set up, and then a short one that is waited for.
    movb $0x30, %al
    outb %al, $0x43
    movb $0, %al
    outb %al, $0x40
    outb %al, $0x40
    movb $0x11, %al                         # 8259s: vectors 20-27 and 28-2f, cascade on line 2
    outb %al, $0x20
    outb %al, $0xa0
    movb $0x20, %al
    outb %al, $0x21
    movb $0x28, %al
    outb %al, $0xa1
    movb $4, %al
    outb %al, $0x21
    movb $2, %al
    outb %al, $0xa1
    movb $1, %al
    outb %al, $0x21
    outb %al, $0xa1
    movb $0xfe, %al                         # the timer's last interrupt, taken by polling
    outb %al, $0x21
    call raise_timer
    movb $0, %al
    call await_line
    movb $0x0c, %al
    outb %al, $0x20
    inb $0x20, %al
    movb $0x20, %al
    outb %al, $0x20
    call keyboard_ready
    movb $0x60, %al                         # keyboard controller: interrupts on, translation on
    outb %al, $0x64
    call keyboard_ready
    movb $0x45, %al
    outb %al, $0x60
    call keyboard_ready
drain_keyboard:
    inb $0x64, %al
    testb $1, %al
    jz keyboard_empty
    inb $0x60, %al
    jmp drain_keyboard
keyboard_empty:
    movb $0, %al                            # all lines open
    outb %al, $0x21
    outb %al, $0xa1
    ret

keyboard_ready:
    inb $0x64, %al
    testb $2, %al
    jnz keyboard_ready
    ret

# Line 1, right now: the keyboard controller is told to show a byte of its own (command D2).
raise_keyboard:
    call keyboard_ready
    movb $0xd2, %al
    outb %al, $0x64
    call keyboard_ready
    movb $0x1c, %al
    outb %al, $0x60
    ret

# Line 0, once, a little later: mode 0 counts down from 64 and raises the line. ECX and EAX change.
raise_timer:
    movb $0x30, %al
    outb %al, $0x43
    movb $64, %al
    outb %al, $0x40
    movb $0, %al
    outb %al, $0x40
    ret

# Wait until line AL (0-7) is requested or in service. A limit keeps a lost one from hanging us.
await_line:
    pushl %ecx
    pushl %edx
    movb %al, %cl
    movl $1, %edx
    shll %cl, %edx
    movl $0x100000, %ecx
await_again:
    movb $0x0b, %al
    outb %al, $0x20
    inb $0x20, %al
    movb %al, %ah
    movb $0x0a, %al
    outb %al, $0x20
    inb $0x20, %al
    orb %ah, %al
    testb %dl, %al
    jnz await_done
    decl %ecx
    jnz await_again
await_done:
    popl %edx
    popl %ecx
    ret

.data
.balign 8
gdt:
    .quad 0
    .quad 0x00cf9a000000ffff                # 08 code, flat
    .quad 0x00cf92000000ffff                # 10 data, flat
    .quad 0x00cffa000000ffff                # 1b code of user mode
    .quad 0x00cff2000000ffff                # 23 data of user mode
    .quad 0x0000890000000067                # 28 TSS
    .quad 0x000082000000001f                # 30 LDT of four entries
    .quad 0x30cf92000000ffff                # 38 data, base 30000000
    .quad 0                                 # 40 spare: for WriteGDTEntry
    .quad 0                                 # 48 spare
gdt_end:
ldt:
    .quad 0
    .quad 0x00cf92000000ffff                # 0c data, flat
    .quad 0
    .quad 0
gdt_register:
    .word gdt_end-gdt-1
    .long gdt
idt_register:
    .word 256*8-1
    .long idt
.balign 4
tss:
    .space 102
    .word 104                               # no I/O permission bitmap
