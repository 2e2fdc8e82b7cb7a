# Reboot and Shutdown where the ROM has the machine to itself. Neither returns. Where there is
# closed code this is part of it, so that an NMI in the midst of it does not open the real IF.

# In: EAX = 0 soft (the processor's INIT), else hard (the machine's reset).
# Interrupts: off for good.
Reboot:
    cli
    testl %eax, %eax
    jnz reboot_hard
    inb $0x92, %al                          # port A: a rising edge of bit 0 pulses INIT
    andb $0xfe, %al
    outb %al, $0x92
    orb $1, %al
    outb %al, $0x92
    call reboot_wait
reboot_hard:
    movw $0xcf9, %dx                        # reset control of PCI chipsets: hard reset, then go
    movb $2, %al
    outb %al, %dx
    movb $6, %al
    outb %al, %dx
    call reboot_wait
    movb $0xfe, %al                         # the keyboard controller pulses the reset line
    outb %al, $0x64
    call reboot_wait

# What the processor does when nothing else is left: a fault with no IDT to go by is a shutdown.
triple_fault:
    pushl $0
    pushl $0
    lidtl (%esp)
    int3

# A reset takes effect some time after it was asked for: read a slow port for some milliseconds.
reboot_wait:
    movl $0x4000, %ecx
reboot_waiting:
    inb $0x64, %al
    decl %ecx
    jnz reboot_waiting
    ret

# This processor powers off (VMI ABI, 6.1): interrupts off, halted; an NMI halts again.
Shutdown:
    cli
shutdown_halt:
    hlt
    jmp shutdown_halt
