# The second processor: its tables, its code, and how it comes up without the ROM, by a trampoline.

.set GDT_ENTRIES, 10                        # as many as the first one has
.set TRAMPOLINE, 0x8000
.set INIT, 0x4500                           # ICR: delivery modes INIT and start-up, assert
.set STARTUP_PAGE, 0x4600+TRAMPOLINE/4096
.set APIC, 0xffffb000                       # where map_apic has put it
.set FW_CFG, 0x510                          # QEMU's: a selector, and in the next port its bytes
.set FW_CFG_NB_CPUS, 5                      # selects the number of processors, little end first

# A GDT like the first one's, with a TSS of its own, an IDT of its own, and the trampoline in place.
# A machine that says it has one processor is not waited for.
set_up_processors:
    movl $FW_CFG_NB_CPUS, %eax
    movl $FW_CFG, %edx
    outw %ax, %dx
    incl %edx
    inb %dx, %al
    cmpb $1, %al
    je alone
    movl $gdt, %esi
    movl $second_gdt, %edi
    movl $gdt_end-gdt, %ecx
    rep
    movsb
    movl $second_tss, %eax
    movw %ax, second_gdt+TSS_SELECTOR+2
    shrl $16, %eax
    movb %al, second_gdt+TSS_SELECTOR+4
    movb $0x89, second_gdt+TSS_SELECTOR+5   # available: the first one's is busy
    movb %ah, second_gdt+TSS_SELECTOR+7
    movl $trampoline, %esi
    movl $TRAMPOLINE, %edi
    movl $trampoline_end-trampoline, %ecx
    rep
    movsb
    movl %cr4, %eax
    movl %eax, native_cr4
    call set_up_gates
    call enable_apic
    movl $idt, %esi
    movl $second_idt, %edi
    movl $256*8, %ecx
    rep
    movsb
    ret

# The other processor goes back to where it waits for a STARTUP.
send_init:
    movl $INIT, %eax
    movl $SECOND, %edx
    call send
    jmp linger

# In: EAX = where the processor begins, with its IDTR as INIT leaves it, or for start_with_idt with
# the shared table in it, both by its own instructions. Out: EAX = the mask that it found at its end.
start_with_idt:
    movl $1, native_idt
    jmp start_natively
start_without_idt:
    movl $0, native_idt
start_natively:
    movl %eax, native_begins
    call send_init
    movl $0, second_up
    movl $STARTUP_PAGE, %eax
    movl $SECOND, %edx
    call send

# Wait for the other processor to be up. Out: EAX = its mask then.
await_second:
    movl $PATIENCE, %ecx
await_second_on:
    cmpl $0, second_up
    jne await_second_done
    pause
    decl %ecx
    jnz await_second_on
alone:
    movl $text_alone, %esi
    jmp give_up
await_second_done:
    movl seen_mask, %eax
    ret

# --- on the second processor ------------------------------------------------------------------

.balign 4
trampoline:
.code16
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl trampoline_gdt-trampoline
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    .byte 0x66, 0xea                        # ljmpl
    .long TRAMPOLINE+trampoline_flat-trampoline
    .word KERNEL_CS
.code32
trampoline_flat:
    movw $KERNEL_DS, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    incl trampolines
    movl native_cr4, %eax
    movl %eax, %cr4
    movl space, %eax
    movl %eax, %cr3
    cmpl $0, has_nx
    je trampoline_paging
    movl $IA32_EFER, %ecx
    rdmsr
    orl $EFER_NO_EXECUTE, %eax
    wrmsr
trampoline_paging:
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    movl $second_native, %eax
    jmp *%eax
.balign 4
trampoline_gdt:
    .word gdt_end-gdt-1
    .long second_gdt
trampoline_end:

second_native:
    movl $second_stack_top, %esp
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $0x1ff, APIC+0xf0
    cmpl $0, native_idt
    je second_begins
    lidtl idt_register
second_begins:
    jmp *native_begins

second_made:
    vmi(GetInterruptMask)
    movl %eax, seen_mask
    vmi(DisableInterrupts)
    movl $1, second_up

# Where the second processor is between its jobs.
second_loop:
    movl job, %eax
    testl %eax, %eax
    jz second_idle
    call *%eax
    movl $0, job
second_idle:
    pause
    jmp second_loop

# For a debugger: a loop for this processor to return to.
second_returned:
    nop
    jmp second_returned

.data
.balign 4
native_cr4:     .long 0
native_idt:     .long 0
native_begins:  .long 0
trampolines:    .long 0                     # how often it ran
second_up:      .long 0                     # 1: it has come to its loop
seen_mask:      .long 0                     # what GetInterruptMask answered first
second_gdt_register:
    .word gdt_end-gdt-1
    .long second_gdt
second_idt_register:
    .word 0x3ff
    .long second_idt
.balign 8
second_gdt:     .space GDT_ENTRIES*8
second_idt:     .space 256*8
second_tss:     .space 102
                .word 104
.balign 4
second_stack:   .space 4096
second_stack_top:
