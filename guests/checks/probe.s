# Find the ROM with Linux's seven checks, in their order (VMI ABI, section 1.3).

# Out: rom_base, or the end. The checks of the ROM that is taken are reported one by one.
find_rom:
    movl $PAGE_OFFSET+VMI_PROBE_START, %ebx
probe_here:
    cmpw $VMI_ROM_SIGNATURE, (%ebx)                         # 1
    jne probe_next
    cmpl $VMI_VROM_SIGNATURE, VMI_HEADER_VROM_SIGNATURE(%ebx)    # 2
    jne probe_next
    movzbl VMI_HEADER_API_VERSION_MAJ(%ebx), %eax           # 3
    expect("probe/api-version", VMI_API_VERSION_MAJ)
    cmpl $VMI_API_VERSION_MAJ, %eax
    jne probe_next
    movzwl VMI_HEADER_PCI_HEADER_OFFS(%ebx), %edx           # 4
    xorl %eax, %eax
    testl %edx, %edx
    setnz %al
    expect("probe/pci-header", 1)
    testl %edx, %edx
    jz probe_next
    movl PCI_DATA_VENDOR(%ebx,%edx), %eax                   # 5
    expect("probe/pci-ids", VMI_PCI_DEVICE*65536+VMI_PCI_VENDOR)
    call license_accepted                                   # 6
    expect("probe/license", 1)
    testl %eax, %eax
    jz probe_next
    movl %ebx, rom_base
    movl $text_rom, %esi
    call print
    movl %ebx, %eax
    call print_hex
    movb $10, %al
    outb %al, $0xe9
    leal VMI_HEADER_VMI_INIT(%ebx), %edx                    # 7
    call *%edx
    expect("probe/init", 0)
    testl %eax, %eax
    movl $text_no_init, %esi
    jnz give_up
    ret
probe_next:
    addl $VMI_PROBE_STEP, %ebx
    cmpl $PAGE_OFFSET+VMI_PROBE_END, %ebx
    jb probe_here
    movl $text_no_rom, %esi
    jmp give_up

# In: EBX = ROM. Out: EAX = 1 when its licence is exactly "GPL" or "GPL v2".
license_accepted:
    movzwl VMI_HEADER_LICENSE_OFFS(%ebx), %edi
    testl %edi, %edi
    jz license_refused
    addl %ebx, %edi
    movl $1, %eax
    cmpl $0x004c5047, (%edi)                # "GPL\0"
    je license_done
    cmpl $0x204c5047, (%edi)                # "GPL "
    jne license_refused
    cmpw $0x3276, 4(%edi)                   # "v2"
    jne license_refused
    cmpb $0, 6(%edi)
    je license_done
license_refused:
    xorl %eax, %eax
license_done:
    ret

# Ask for every number, note the answers, and patch the call sites with them.
bind_calls:
    xorl %esi, %esi                         # ESI = number
    xorl %edi, %edi                         # EDI = calls provided
bind_next:
    movl %esi, %eax
    movl rom_base, %edx
    addl $VMI_HEADER_GET_RELOCATION_INFO, %edx
    call *%edx
    movl %eax, bound_eip(,%esi,4)
    movb %dl, bound_type(%esi)
    cmpl $VMI_RELOC_NONE, %edx
    je bind_none
    incl %edi
bind_none:
    incl %esi
    cmpl $CALL_COUNT, %esi
    jb bind_next

    movl $sites, %esi                       # each: address, call number, end
patch_next:
    cmpl $sites_end, %esi
    jae patch_done
    movl (%esi), %ebx
    movl 4(%esi), %ecx
    movl 8(%esi), %ebp
    addl $12, %esi
    movb bound_type(%ecx), %al
    cmpb $VMI_RELOC_CALL_REL, %al
    movb $0xe8, %dl
    je patch_branch
    cmpb $VMI_RELOC_JUMP_REL, %al
    movb $0xe9, %dl
    je patch_branch
    cmpb $VMI_RELOC_NOP, %al
    jne patch_next                          # NONE: the native instruction stays
    jmp patch_nops
patch_branch:
    movl bound_eip(,%ecx,4), %eax
    subl %ebx, %eax
    subl $SITE_SIZE, %eax
    movb %dl, (%ebx)
    movl %eax, 1(%ebx)
    addl $SITE_SIZE, %ebx
patch_nops:                                 # the rest of the site: NOPs, jumped over if there are
    movl %ebp, %eax                         # two or more
    subl %ebx, %eax
    subl $2, %eax
    jb patch_nop
    movb $0xeb, (%ebx)
    movb %al, 1(%ebx)
    addl $2, %ebx
patch_nop:
    cmpl %ebp, %ebx
    jae patch_next
    movb $0x90, (%ebx)
    incl %ebx
    jmp patch_nop
patch_done:
    jmp patch_flush                         # a branch, so that no old bytes are executed
patch_flush:
    movl $text_bound, %esi
    call print
    movl %edi, %eax
    call print_hex
    movl $text_of, %esi
    call print
    movl $CALLS_KNOWN, %eax
    call print_hex
    movb $10, %al
    outb %al, $0xe9
    ret

.data
.balign 4
rom_base:       .long 0
bound_eip:      .space CALL_COUNT*4
bound_type:     .space CALL_COUNT
