# SetInitialAPState: each field of the state is what the processor starts with.

.set STATE, 0x600000-46                     # its two halves are in two pages
.set SIZE, 92
.set GIVEN_CR0, 0x80050033
.set GIVEN_CR2, 0x12345678
.set GIVEN_FLAGS, 0x8d7                     # the six that arithmetic sets, IF clear
.set IA32_EFER, 0xc0000080
.set EFER_NO_EXECUTE, 0x800

# With its own IDT and interrupts disabled, then anew with the shared one and enabled.
check_state:
    movl $given_first, %esi
    call give_state
    movl seen_eflags, %eax
    expect("state/eflags-with-if-clear", GIVEN_FLAGS)
    call check_fields
    movl seen_mask, %eax
    expect("state/the-mask-with-if-clear", 0)
    movzwl seen_idt, %eax
    expect("state/idtr-limit", 0x3ff)
    movl seen_idt+2, %eax
    expect("state/idtr-base", second_idt)
    call check_reached
    expect("state/handlers-of-its-own-table", 1)

    movl $given_second, %esi
    call give_state
    movl seen_eflags, %eax
    expect("state/eflags-with-if-set", GIVEN_FLAGS+0x200)
    call check_fields
    movl seen_mask, %eax
    expect("state/the-mask-with-if-set", 0x200)
    movl seen_idt+2, %eax
    expect("state/idtr-base-anew", idt)
    call check_reached
    expect("state/handlers-of-the-shared-table", 1)

# A state that cannot be, and one for a processor that runs: nothing happens there.
    call send_init
    movl $0, second_up
    xorl %eax, %eax
    movl $SECOND, %edx
    call set_state
    andl $0x7fffffff, STATE
    call set_state_here
    orl $0x80000000, STATE
    andl $0xfffffffe, STATE
    call set_state_here
    orl $1, STATE
    orl $0x100, STATE+16                    # LME
    call set_state_here
    andl $0xfffffeff, STATE+16
    call linger
    movl second_up, %eax
    expect("state/a-bad-one-starts-nothing", 0)
    call set_state_here
    call await_second
    expect("state/a-good-one-starts-after-bad-ones", 0x200)
    movl $0, second_up
    call set_state_here
    movl second_up, %eax
    expect("state/a-running-processor-goes-on", 0)
    movl $second_disable, %eax
    jmp run_second

# In: ESI = EFLAGS, IDTR base and limit. INIT, the state, and once the processor is up, STARTUP.
give_state:
    movl $STATE, %edi
    xorl %eax, %eax
    movl $SIZE, %ecx
    rep
    stosb
    movl $GIVEN_CR0, STATE
    movl $GIVEN_CR2, STATE+4
    movl space, %eax
    movl %eax, STATE+8
    movl %cr4, %eax
    orl $0x80, %eax                         # PGE
    movl %eax, STATE+12
    cmpl $0, has_nx
    je state_no_nx
    movl $EFER_NO_EXECUTE, STATE+16
state_no_nx:
    movl $second_given, STATE+24
    movl (%esi), %eax
    movl %eax, STATE+28
    movl $0xaaaa0001, STATE+32
    movl $0xaaaa0002, STATE+36
    movl $0xaaaa0003, STATE+40
    movl $0xaaaa0004, STATE+44
    movl $second_stack_top, STATE+48
    movl $0xaaaa0005, STATE+52
    movl $0xaaaa0006, STATE+56
    movl $0xaaaa0007, STATE+60
    movw $KERNEL_CS, STATE+64
    movw $KERNEL_DS, STATE+66
    movw $USER_DS, STATE+68
    movw $USER_DS, STATE+70
    movw $FAR_DS, STATE+72
    movw $LDT_SELECTOR, STATE+76
    movw $gdt_end-gdt-1, STATE+78
    movl $second_gdt, STATE+80
    movl 4(%esi), %eax
    movl %eax, STATE+84
    movl 8(%esi), %eax
    movw %ax, STATE+88
    movl trampolines, %ebx
    call send_init
    movl $0, second_up
    call set_state_here
    call await_second                       # a busy host may give it no time before the call ends
    movl $STARTUP_PAGE, %eax
    movl $SECOND, %edx
    call send
    call linger_with_second
    movl trampolines, %eax
    subl %ebx, %eax
    expect("state/the-guests-startup-finds-it-running", 0)
    ret
set_state_here:
    movl $STATE, %eax
    movl $SECOND, %edx
set_state:
    jmp *bound_eip+4*VMI_CALL_SetInitialAPState

check_fields:
    movl seen_eax, %eax
    expect("state/eax", 0xaaaa0001)
    movl seen_ebx, %eax
    expect("state/ebx", 0xaaaa0002)
    movl seen_ecx, %eax
    expect("state/ecx", 0xaaaa0003)
    movl seen_edx, %eax
    expect("state/edx", 0xaaaa0004)
    movl seen_esp, %eax
    expect("state/esp", second_stack_top)
    movl seen_ebp, %eax
    expect("state/ebp", 0xaaaa0005)
    movl seen_esi, %eax
    expect("state/esi", 0xaaaa0006)
    movl seen_edi, %eax
    expect("state/edi", 0xaaaa0007)
    movl seen_cr0, %eax
    expect("state/cr0", GIVEN_CR0)
    movl seen_cr2, %eax
    expect("state/cr2", GIVEN_CR2)
    movl seen_cr3, %eax
    subl space, %eax
    expect("state/cr3", 0)
    movl seen_cr4, %eax
    subl STATE+12, %eax
    expect("state/cr4", 0)
    movl seen_efer, %eax
    andl $EFER_NO_EXECUTE, %eax
    subl STATE+16, %eax
    expect("state/efer", 0)
    movl seen_cs, %eax
    expect("state/cs", KERNEL_CS)
    movl seen_ss, %eax
    expect("state/ss", KERNEL_DS)
    movl seen_ds, %eax
    expect("state/ds", USER_DS)
    movl seen_es, %eax
    expect("state/es", USER_DS)
    movl seen_fs, %eax
    expect("state/fs", FAR_DS)
    movl seen_gs, %eax
    expect("state/gs", 0)
    movl seen_ldt, %eax
    expect("state/ldtr", LDT_SELECTOR)
    movl seen_tr, %eax
    expect("state/tr-is-null", 0)
    movzwl seen_gdt, %eax
    expect("state/gdtr-limit", gdt_end-gdt-1)
    movl seen_gdt+2, %eax
    expect("state/gdtr-base", second_gdt)
    ret

# --- on the second processor ------------------------------------------------------------------

# Notes all that it has, by its own instructions first.
second_given:
    movl %eax, seen_eax
    movl %ebx, seen_ebx
    movl %ecx, seen_ecx
    movl %edx, seen_edx
    movl %esp, seen_esp
    movl %ebp, seen_ebp
    movl %esi, seen_esi
    movl %edi, seen_edi
    pushfl
    popl seen_eflags
    cld
    movl %cs, %eax
    movl %eax, seen_cs
    movl %ss, %eax
    movl %eax, seen_ss
    movl %ds, %eax
    movl %eax, seen_ds
    movl %es, %eax
    movl %eax, seen_es
    movl %fs, %eax
    movl %eax, seen_fs
    movl %gs, %eax
    movl %eax, seen_gs
    movl %cr0, %eax
    movl %eax, seen_cr0
    movl %cr2, %eax
    movl %eax, seen_cr2
    movl %cr3, %eax
    movl %eax, seen_cr3
    movl %cr4, %eax
    movl %eax, seen_cr4
    sgdtl seen_gdt
    movl $seen_idt, %eax
    vmi(GetIDT)
    vmi(GetLDT)
    movl %eax, seen_ldt
    vmi(GetTR)
    movl %eax, seen_tr
    cmpl $0, has_nx
    je second_no_nx
    movl $IA32_EFER, %ecx
    rdmsr
    movl %eax, seen_efer
second_no_nx:
    call enable_apic
    jmp second_made

.data
.balign 4
given_first:    .long GIVEN_FLAGS, second_idt, 0x3ff
given_second:   .long GIVEN_FLAGS+0x200, idt, 0x7ff
seen_eax:       .long 0
seen_ebx:       .long 0
seen_ecx:       .long 0
seen_edx:       .long 0
seen_esp:       .long 0
seen_ebp:       .long 0
seen_esi:       .long 0
seen_edi:       .long 0
seen_eflags:    .long 0
seen_cr0:       .long 0
seen_cr2:       .long 0
seen_cr3:       .long 0
seen_cr4:       .long 0
seen_efer:      .long 0
seen_cs:        .long 0
seen_ss:        .long 0
seen_ds:        .long 0
seen_es:        .long 0
seen_fs:        .long 0
seen_gs:        .long 0
seen_ldt:       .long 0
seen_tr:        .long 0
                .word 0
seen_gdt:       .space 6
                .word 0
seen_idt:       .space 6
