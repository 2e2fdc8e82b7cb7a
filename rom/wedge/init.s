# VMI_Init and GetRelocationInfo: the two entries that a guest calls in the image itself.
#
# They run at whatever linear address the guest sees the image, so they find themselves by call/pop
# and change nothing in it. Standard convention: EAX, ECX and EDX may be clobbered (VMI ABI,
# sections 3 and 4).

.set INIT_NOT_POSTED, 1
.set INIT_NO_PMM, 2
.set INIT_NO_ROOM, 3
.set INIT_TWICE, 4
.set INIT_NO_RAM, 5

# Out: EAX = 0, or one of the INIT_ reasons.
# Interrupts: held off by the real IF while the wedge moves, then as the guest had them.
VMI_Init:
    pushfl
    cli
    pushl %ebx
    pushl %edi
    pushl %esi
    cld
    call init_here
init_here:
    popl %ebx
    subl $init_here, %ebx                   # EBX = linear address of the image
    movl post_status(%ebx), %eax
    cmpl $POST_READY, %eax
    je init_posted
    testl %eax, %eax                        # POST_NO_PMM and POST_NO_ROOM are INIT_ reasons, too
    jnz init_done
    movl $INIT_NOT_POSTED, %eax
    jmp init_done
init_posted:
    movl block_physical(%ebx), %edi         # the block lies in the same linear map as the image
    addl %ebx, %edi
    subl rom_physical(%ebx), %edi           # EDI = linear address of the block
    movl $INIT_TWICE, %eax
    cmpl $0, CPU_INITIALISED(%edi)
    jne init_done

# Each processor's block gets the code, if POST did not bring it, and its place.
    pushl %edi
    pushl blocks(%ebx)
init_block:
    cmpl $0, CPU_LINKED_AT(%edi)
    jne init_relocate
    pushl %edi
    leal template(%ebx), %esi
    addl $CODE_START, %edi
    movl $TEMPLATE_SIZE, %ecx
    rep
    movsb
    popl %edi
init_relocate:
    movl %edi, %eax
    subl CPU_LINKED_AT(%edi), %eax
    movl %edi, CPU_LINKED_AT(%edi)
    cmpl %edi, CPU_LINKED_AT(%edi)          # a block that does not keep what is written is no RAM
    jne init_no_ram
    leal relocations(%ebx), %esi
    leal relocations_end(%ebx), %ecx
relocate_block:
    cmpl %ecx, %esi
    jae block_relocated
    movzwl (%esi), %edx
    addl %eax, (%edi,%edx)
    addl $2, %esi
    jmp relocate_block
block_relocated:
    movl %edi, %eax
    subl 4(%esp), %eax
    movl %eax, CPU_TO_FIRST(%edi)
    imull $STRIDE, blocks(%ebx), %eax
    movl %eax, CPU_BLOCKS_SIZE(%edi)
    addl $STRIDE, %edi
    decl (%esp)
    jnz init_block
    popl %eax
    popl %edi

# What all processors share: the guest's linear map, and who is here.
    movl %ebx, %eax
    subl rom_physical(%ebx), %eax
    movl %eax, LINEAR_OFFSET(%edi)
    cmpl $1, processors(%ebx)
    jbe init_backend
    movl start_physical(%ebx), %ecx
    jecxz init_owner
    addl %eax, %ecx
    movl %ecx, START_PAGE(%edi)
    movl $0, START_GO(%ecx)                 # nothing has cleared these pages
init_owner:
    pushl %ebx
    movl $1, %eax
    cpuid
    shrl $24, %ebx
    incl %ebx
    movl %ebx, CPU_OWNER(%edi)
    popl %ebx
init_backend:
    movl 12(%esp), %eax
    andl $IF, %eax                          # the flag state that the guest brings along
    leal BACKEND_INIT(%edi), %edx
    call *%edx
    movl $1, CPU_INITIALISED(%edi)
    xorl %eax, %eax
    jmp init_done
init_no_ram:
    addl $8, %esp
    movl $INIT_NO_RAM, %eax
init_done:
    popl %esi
    popl %edi
    popl %ebx
    popfl
    ret

# In: EAX = call number. Out: EDX:EAX = type:EIP, 0 (NONE) for a call that this ROM does not
# provide or this processor cannot do, for every unknown number, and for all of them until Init has
# succeeded.
# Interrupts: may come anywhere. What was asked for is noted, once Init has succeeded, for a look
# from outside.
GetRelocationInfo:
    call relocation_here
relocation_here:
    popl %ecx
    subl $relocation_here, %ecx             # ECX = linear address of the image
    cmpl $CALL_COUNT, %eax
    jae relocation_none
    movl %cs:block_physical(%ecx), %edx
    testl %edx, %edx
    jz relocation_none
    addl %ecx, %edx
    subl %cs:rom_physical(%ecx), %edx       # EDX = linear address of the block
    cmpl $0, %ss:CPU_INITIALISED(%edx)
    je relocation_none
    movb $1, %ss:ASKED(%edx,%eax)
    cmpl $1, %cs:processors(%ecx)
    jbe relocation_one
    addl $CALL_COUNT, %eax                  # the second table
relocation_one:
    movl %cs:calls(%ecx,%eax,4), %eax       # offset of the stub in the block, type << 16, and
    testl %eax, %eax                        # the number of the CPUID bit it needs << 24
    jz relocation_none
    movl %eax, %ecx
    shrl $24, %ecx
    jz relocation_provided                  # none
    btl %ecx, %ss:FEATURES(%edx)
    jnc relocation_none
relocation_provided:
    movzwl %ax, %ecx
    addl %ecx, %edx
    shrl $16, %eax
    movzbl %al, %eax
    xchgl %eax, %edx
    ret
relocation_none:
    xorl %eax, %eax
    xorl %edx, %edx
    ret
