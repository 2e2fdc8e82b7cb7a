# The ROM's 16-bit init, which the BIOS calls during POST, and what it leaves in the image.
#
# SeaBIOS write-protects the ROM area once POST is over, so the ROM needs RAM of its own. This code
# asks the POST Memory Manager for a permanent block below 1 MiB, copies the wedge there, relocates
# it to the block's physical address, and writes the block's address into the image while the image
# can still be written. The checksum byte is mended, so that the image stays a valid option ROM.

.balign 4
post_results:
rom_physical:   .long 0         # physical address of this image, known from CS during POST
block_physical: .long 0         # physical address of the RAM block, 0: there is none
post_status:    .long 0         # one of the POST_ numbers; 0: this code never ran
processors:     .long 0         # processors of the machine; more than 1: calls by their smp_ stubs
blocks:         .long 0         # processors that the RAM block has room for
start_physical: .long 0         # pages that processors start in; 0: there are none
post_results_end:

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

found_pmm:
    call count_processors
    movl %eax, processors
    movl $MOST_BLOCKS, %ecx
    cmpl %ecx, %eax
    jbe post_blocks
    movl %ecx, %eax
post_blocks:
    movl %eax, blocks
    imull $STRIDE/16, %eax, %ecx
    cmpl $1, processors
    jbe post_ask
    addl $START_SIZE/16, %ecx               # asked for by themselves they might find no room left
post_ask:
    call allocate
    testl %edx, %edx
    jnz got_room
    movl blocks, %eax                       # less may do: a processor without a block never runs
    decl %eax
    jnz post_blocks
    movl $POST_NO_ROOM, %ebp
    jmp post_done

got_room:
    cmpl $1, processors
    jbe got_block
    movl %edx, start_physical
    addl $START_SIZE, %edx

# Clear the block, copy the code, and relocate the copy. VMI_Init fills the other processors' blocks.
got_block:
    pushw %es
    movl %edx, %ebx                         # EBX = physical address of the block
    movl %edx, %eax
    shrl $4, %eax
    movw %ax, %es
    imull $STRIDE, blocks, %ecx
    xorw %di, %di
    xorb %al, %al
    rep
    stosb
    movw $template, %si
    movw $CODE_START, %di
    movw $TEMPLATE_SIZE, %cx
    rep
    movsb
    movw $relocations, %si
    movw $relocations_end, %cx
relocate_copy:
    cmpw %cx, %si                           # a wedge may have no relocation at all
    jae copy_relocated
    lodsw
    movw %ax, %di
    addl %ebx, %es:(%di)
    jmp relocate_copy
copy_relocated:
    movl %ebx, %es:CPU_LINKED_AT
    movl %ebx, block_physical
    movl $POST_READY, %ebp
    popw %es
    jmp post_done

# In: ECX = paragraphs, ES = segment of the "$PMM" structure. Out: EDX = physical address or 0; EAX
# changes. pmmAllocate(length in paragraphs, handle, flags): conventional (1), aligned to the lowest
# bit set in the length (4), permanent (8). Whole pages are so aligned to pages.
allocate:
    pushw $13
    pushl $0xffffffff
    pushl %ecx
    pushw $0
    .byte 0x26, 0xff, 0x1e, 0x07, 0x00      # lcallw *%es:7
    addw $12, %sp
    shll $16, %edx
    movw %ax, %dx
    ret

# Out: EAX = processors of the machine: what QEMU's fw_cfg says (signature 0, count 5). On a machine
# without it, be ready for as many as there is room for. ECX and EDX change.
count_processors:
    xorw %ax, %ax
    movl $4, %ecx
    call read_configuration
    cmpl $0x554d4551, %eax                  # "QEMU"
    movl $MOST_BLOCKS+1, %eax
    jne count_done
    movw $5, %ax
    movl $2, %ecx
    call read_configuration
    shrl $16, %eax
    testl %eax, %eax
    jnz count_done
    incl %eax
count_done:
    ret

# In: AX = item, ECX = bytes. Out: EAX = the bytes, shifted in from above. EDX and ECX change.
read_configuration:
    movw $0x510, %dx
    outw %ax, %dx
    incw %dx
    xorl %eax, %eax
read_byte:
    inb %dx, %al
    rorl $8, %eax
    decl %ecx
    jnz read_byte
    ret

# Note the outcome, and take what was written out of the checksum byte (all of it was 0 before).
post_done:
    movl %ebp, post_status
    movw $post_results, %si
    movw $post_results_end-post_results, %cx
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
