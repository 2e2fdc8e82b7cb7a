# Ports: the mask of the master 8259 for bytes, the selector of QEMU's firmware configuration for
# words, and the PCI configuration for all widths. The device is read back by instructions.

.set PCI_ADDRESS, 0xcf8
.set PCI_DATA, 0xcfc
.set HOST_BRIDGE, 0x80000000                # bus 0, device 0, register 0: device and vendor
.set FIRMWARE_SELECTOR, 0x510
.set FIRMWARE_DATA, 0x511
.set FIRMWARE_SIGNATURE, 0                  # the item whose bytes are "QEMU"

check_ports:
    movl $0x21, %edx
    movl $0xffffffa5, %eax
    vmi(OUTB)
    inb $0x21, %al
    movzbl %al, %eax
    expect("ports/outb-writes-a-byte", 0xa5)
    movl $0x12345600, %eax
    movl $0x21, %edx
    vmi(INB)
    expect("ports/inb-reads-a-byte-and-no-more", 0x123456a5)
    movb $0, %al
    outb %al, $0x21

    movl $PCI_ADDRESS, %edx
    movl $HOST_BRIDGE+0x40, %eax
    vmi(OUTL)
    movl $PCI_ADDRESS, %edx
    inl %dx, %eax
    expect("ports/outl-writes-a-dword", HOST_BRIDGE+0x40)
    movl $HOST_BRIDGE, %eax
    outl %eax, %dx
    movl $0, %eax
    vmi(INL)
    expect("ports/inl-reads-a-dword", HOST_BRIDGE)
    movl $PCI_DATA, %edx
    movl $0x12340000, %eax
    vmi(INW)
    expect("ports/inw-reads-a-word-and-no-more", 0x12348086)
    movl $FIRMWARE_SELECTOR, %edx
    movl $0xffff0000+FIRMWARE_SIGNATURE, %eax
    vmi(OUTW)
    movl $FIRMWARE_DATA, %edx
    inb %dx, %al
    movzbl %al, %eax
    expect("ports/outw-writes-a-word", 0x51)
    vmi(IODelay)

    movl $0xffffffff, %eax
    andl $0x3000, %eax
    vmi(SetIOPLMask)
    pushfl
    popl %eax
    andl $0x3000, %eax
    expect("ports/iopl-3", 0x3000)
    movl $0, %eax
    vmi(SetIOPLMask)
    pushfl
    popl %eax
    andl $0x3000, %eax
    expect("ports/iopl-0", 0)
    ret

check_strings:
    movl $PCI_ADDRESS, %edx
    movl $two_addresses, %esi
    movl $2, %ecx
    vmi(OUTSL)
    movl %esi, %eax
    expect("ports/outsl-moves-esi", two_addresses+8)
    movl %ecx, %eax
    expect("ports/outsl-counts-down", 0)
    inl %dx, %eax
    expect("ports/outsl-writes-the-last-dword-last", HOST_BRIDGE)

    movl $PCI_DATA, %edx
    movl $string_buffer, %edi
    movl $2, %ecx
    vmi(INSL)
    movl %edi, %eax
    expect("ports/insl-moves-edi", string_buffer+8)
    inl %dx, %eax
    movl %eax, %ebx
    xorl string_buffer+4, %eax
    expect("ports/insl-reads-each-dword", 0)
    movl $string_buffer, %edi
    movl $3, %ecx
    vmi(INSW)
    movl string_buffer+4, %eax
    andl $0xffff, %eax
    expect("ports/insw-reads-each-word", 0x8086)
    movl %edi, %eax
    expect("ports/insw-moves-edi", string_buffer+6)

    movl $FIRMWARE_SELECTOR, %edx
    movl $two_items, %esi
    movl $2, %ecx
    vmi(OUTSW)
    movl %esi, %eax
    expect("ports/outsw-moves-esi", two_items+4)
    movl $FIRMWARE_DATA, %edx
    movl $string_buffer, %edi
    movl $4, %ecx
    vmi(INSB)
    movl string_buffer, %eax
    expect("ports/insb-reads-each-byte", 0x554d4551)
    movl %edi, %eax
    expect("ports/insb-moves-edi", string_buffer+4)

    movl $0x21, %edx
    movl $two_masks, %esi
    movl $2, %ecx
    vmi(OUTSB)
    movl %esi, %eax
    expect("ports/outsb-moves-esi", two_masks+2)
    inb $0x21, %al
    movzbl %al, %eax
    expect("ports/outsb-writes-the-last-byte-last", 0x5a)
    movb $0, %al
    outb %al, $0x21
    ret

.data
.balign 4
two_addresses:  .long HOST_BRIDGE+0x40, HOST_BRIDGE
two_items:      .word 0x19, FIRMWARE_SIGNATURE
two_masks:      .byte 0xff, 0x5a
.balign 4
string_buffer:  .space 16
