# Ports. IN changes its result alone, OUT nothing, the string forms what their instruction changes.
# An interrupt may come anywhere; a string form goes on where it was.

INL:
    inl %dx, %eax
    ret

INB:
    inb %dx, %al
    ret

INW:
    inw %dx, %ax
    ret

INSL:
    rep
    insl
    ret

INSB:
    rep
    insb
    ret

INSW:
    rep
    insw
    ret

OUTL:
    outl %eax, %dx
    ret

OUTB:
    outb %al, %dx
    ret

OUTW:
    outw %ax, %dx
    ret

OUTSL:
    rep
    outsl
    ret

OUTSB:
    rep
    outsb
    ret

OUTSW:
    rep
    outsw
    ret

# A port that nothing answers at: the time of one cycle of the old bus.
IODelay:
    outb %al, $0x80
    ret
