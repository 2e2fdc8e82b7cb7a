# The ROM's 16-bit init, which the BIOS calls during POST, and what it leaves in the image.
#
# SeaBIOS write-protects the ROM area once POST is over, so the ROM needs RAM of its own. This code
# asks the POST Memory Manager for a permanent block below 1 MiB, copies the wedge there, relocates
# it to the block's physical address, and writes the block's address into the image while the image
# can still be written. The checksum byte is mended, so that the image stays a valid option ROM.

.balign 4
rom_physical:   .long 0         # physical address of this image, known from CS during POST
block_physical: .long 0         # physical address of the RAM block, 0: there is none
post_status:    .long 0         # one of the POST_ numbers; 0: this code never ran

.set POST_READY, 1
.set POST_NO_PMM, 2
.set POST_NO_ROOM, 3

.code16
# In: far call from the BIOS, CS:0003 = this image's entry. All registers are given back.
# Interrupts: the BIOS's own state; nothing here depends on it.
post_init:
    pushal
    pushw %ds
    pushw %es
    cld
    pushw %cs
    popw %ds
    xorl %eax, %eax
    movw %cs, %ax
    shll $4, %eax
    movl %eax, rom_physical

# PMM: "$PMM" on a 16-byte boundary of E0000-FFFFF, a byte checksum of 0 over the length at +5,
# the far entry point at +7 (POST Memory Manager specification, 3.1).
    movw $0xe000, %ax
find_pmm:
    movw %ax, %es
    cmpl $0x4d4d5024, %es:0
    jne find_pmm_next
    movzbw %es:5, %cx
    xorw %si, %si
    xorw %bx, %bx
sum_pmm:
    addb %es:(%si), %bl
    incw %si
    decw %cx
    jnz sum_pmm
    testb %bl, %bl
    jz found_pmm
find_pmm_next:
    incw %ax
    jnz find_pmm
    movl $POST_NO_PMM, %ebp
    jmp post_done

# pmmAllocate(length in paragraphs, handle, flags): conventional (1) and permanent (8).
found_pmm:
    pushw $9
    pushl $0xffffffff
    pushl $BLOCK_PARAGRAPHS
    pushw $0
    .byte 0x26, 0xff, 0x1e, 0x07, 0x00      # lcallw *%es:7
    addw $12, %sp
    shll $16, %edx
    movw %ax, %dx                           # EDX = physical address of the block
    movl $POST_NO_ROOM, %ebp
    testl %edx, %edx
    jz post_done

# Copy the wedge, clear the rest of the block, and relocate the copy.
    movl %edx, %eax
    shrl $4, %eax
    movw %ax, %es
    xorw %di, %di
    movw $template, %si
    movw $TEMPLATE_SIZE, %cx
    rep
    movsb
    xorb %al, %al
    movw $BLOCK_SIZE-TEMPLATE_SIZE, %cx
    rep
    stosb
    movw $relocations, %si
    movw $relocations_end, %cx
relocate_copy:
    cmpw %cx, %si                           # a wedge may have no relocation at all
    jae copy_relocated
    lodsw
    movw %ax, %di
    addl %edx, %es:(%di)
    jmp relocate_copy
copy_relocated:
    movl %edx, %es:CPU_LINKED_AT
    movl %edx, block_physical
    movl $POST_READY, %ebp

# Note the outcome, and take what was written out of the checksum byte (all of it was 0 before).
post_done:
    movl %ebp, post_status
    movw $rom_physical, %si
    movw $12, %cx
mend_checksum:
    lodsb
    subb %al, rom_checksum
    decw %cx
    jnz mend_checksum
    popw %es
    popw %ds
    popal
    .byte 0xcb                              # lretw
.code32
