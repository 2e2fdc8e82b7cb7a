# Reboot and Shutdown where the ROM has the machine to itself. Neither returns.

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
reboot_hard:
    movw $0xcf9, %dx                        # reset control of PCI chipsets: hard reset, then go
    movb $2, %al
    outb %al, %dx
    movb $6, %al
    outb %al, %dx
    movb $0xfe, %al                         # the keyboard controller pulses the reset line
    outb %al, $0x64

# What the processor does when nothing else is left: a fault with no IDT to go by is a shutdown.
triple_fault:
    pushl $0
    pushl $0
    lidtl (%esp)
    int3

# This processor powers off (VMI ABI, 6.1): interrupts off, halted; an NMI halts again.
Shutdown:
    cli
shutdown_halt:
    hlt
    jmp shutdown_halt
