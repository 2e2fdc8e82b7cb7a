# SetInitialAPState: another processor, started with the state that the guest gave.
#
# Two pages below 1 MiB serve for it, one start at a time. The first has the code of `start_code`,
# where the processor comes up in real mode, and the state; the second is a page directory that maps
# this code where it is and where the guest sees it, so that paging can be turned on under it.

.set START_STATE, 0xe00                     # in the first page: the guest's 92 bytes
.set START_POINTERS, 0xf80                  # and four entries of eight bytes, for PAE
.set START_TABLE, 0x1000                    # the second page
.set STATE_CR0, 0
.set STATE_CR2, 4
.set STATE_CR3, 8
.set STATE_CR4, 12
.set STATE_EFER, 16
.set STATE_EIP, 24
.set STATE_EFLAGS, 28
.set STATE_REGISTERS, 32                    # EAX EBX ECX EDX ESP EBP ESI EDI
.set STATE_CS, 64
.set STATE_SS, 66
.set STATE_DS, 68
.set STATE_ES, 70
.set STATE_FS, 72
.set STATE_GS, 74
.set STATE_LDTR, 76
.set STATE_GDTR, 78                         # limit and base
.set STATE_IDTR_BASE, 84
.set STATE_IDTR_LIMIT, 88
.set STATE_SIZE, 92
.set APIC_ICR, 0x300
.set APIC_ICR_TARGET, 0x310
.set STARTUP, 0x4600                        # ICR: delivery mode start-up, assert
.set IA32_EFER, 0xc0000080
.set EFER_LONG, 0x500                       # LME and LMA
.set START_OFFERED, 1                       # a processor is to come up with the state
.set START_TAKEN, 2                         # it has come up, and reads these pages
.set START_MOST, 300000                     # times a port is read: about as many microseconds

# In: EAX = linear address of the state, EDX = APIC ID. The guest has sent INIT to the processor; it
# starts here and now, and what STARTUP the guest sends finds it running and does nothing.
# It does not start, and nothing else happens, when the address is null, when CR0 lacks PE or PG or
# EFER asks for long mode, when the guest's map of memory is not a multiple of 4 MiB from physical
# addresses, or when there is no APIC to start it by. One that does not come up is waited for some
# 300 ms; then the call returns, and it may start later, until the next call.
SetInitialAPState:
    testl %eax, %eax
    jz start_refused
    cmpl $0, %ss:start_page
    je start_refused
    testl $0x3fffff, %ss:linear_offset
    jnz start_refused
    cmpb $0, STATE_SIZE-1(%eax)             # all of it is mapped, so no fault comes under the lock
    movl STATE_CR0(%eax), %ecx
    andl $0x80000001, %ecx
    cmpl $0x80000001, %ecx
    jne start_refused
    testl $EFER_LONG, STATE_EFER(%eax)
    jnz start_refused
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %ebp
    movl %edx, %ebp                         # EBP = APIC ID
    movl %eax, %ebx                         # EBX = the guest's state

start_lock:                                 # one start at a time
    movl $1, %eax
    xchgl %eax, %ss:start_held
    testl %eax, %eax
    jz start_locked
    pause
    jmp start_lock
start_locked:
    movl %ss:start_page, %edi
    xorl %ecx, %ecx
start_take_back:                            # a processor that is late has lost its start now
    movl $START_OFFERED, %eax
    lock
    cmpxchgl %ecx, %ss:start_go-start_code(%edi)
    cmpl $START_TAKEN, %eax
    je start_take_back
    movl $start_code, %esi
    movl $start_code_end-start_code, %ecx
    rep
    movsb
    movl %ss:start_page, %edx               # EDX = the first page
    movl %edx, %eax
    subl %ss:linear_offset, %eax            # EAX = its physical address
    addl %eax, start_gdtr_base-start_code(%edx)
    addl %eax, start_jump-start_code(%edx)
    movl %eax, start_first-start_code(%edx)
    movl %ebx, %esi
    leal START_STATE(%edx), %edi
    movl $STATE_SIZE, %ecx
    rep
    movsb

# The tables: large pages that map the first 4 MiB (with PAE 2 MiB) twice.
    leal START_TABLE(%edx), %edi
    xorl %eax, %eax
    movl $1024, %ecx
    rep
    stosl
    leal START_POINTERS(%edx), %edi
    movl $8, %ecx
    rep
    stosl
    movl %edx, %eax
    subl %ss:linear_offset, %eax
    leal START_TABLE(%eax), %esi            # ESI = physical address of the table
    testb $CR4_PAE, STATE_CR4(%ebx)
    jnz start_pae
    movl $0x83, START_TABLE(%edx)           # present, writable, large
    movl %ss:linear_offset, %ecx
    shrl $22, %ecx
    movl $0x83, START_TABLE(%edx,%ecx,4)
    movl %esi, start_cr3-start_code(%edx)
    jmp start_send
start_pae:
    movl $0x83, START_TABLE(%edx)
    movl %ss:linear_offset, %ecx
    shrl $21, %ecx
    andl $0x1ff, %ecx
    movl $0x83, START_TABLE(%edx,%ecx,8)
    orl $1, %esi
    movl %esi, START_POINTERS(%edx)
    movl %ss:linear_offset, %ecx
    shrl $30, %ecx
    movl %esi, START_POINTERS(%edx,%ecx,8)
    leal START_POINTERS(%eax), %esi
    movl %esi, start_cr3-start_code(%edx)

start_send:
    movl %eax, %ebx                         # EBX = physical address of the first page
    movl $START_OFFERED, start_go-start_code(%edx)
    movl %ebp, %edx
    shll $24, %edx
    movl $APIC_ICR_TARGET, %eax
    call write_apic
    movl %ebx, %edx
    shrl $12, %edx
    orl $STARTUP, %edx
    movl $APIC_ICR, %eax
    call write_apic

# The processor takes the start, and clears start_go when it needs these pages no more. One that is
# late finds its start here as long as nobody else wants the pages.
    movl $START_MOST, %ecx
    movl %ss:start_page, %edx
start_wait:
    movl start_go-start_code(%edx), %eax
    testl %eax, %eax
    jz start_done
    inb $0x80, %al
    decl %ecx
    jnz start_wait
    cmpl $START_TAKEN, start_go-start_code(%edx)
    je start_wait                           # it is on its way: another while
start_done:
    movl $0, %ss:start_held
    popl %ebp
    popl %edi
    popl %esi
    popl %ebx
start_refused:
    ret

# --- on the processor that starts --------------------------------------------------------------

# Real mode, CS = the first page. Interrupts: off until the guest's state says otherwise.
.balign 4
start_code:
.code16
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movl $START_OFFERED, %eax
    movl $START_TAKEN, %ecx
    lock
    cmpxchgl %ecx, start_go-start_code
    jne start_stop                          # nobody waits for it
    lgdtl start_gdtr-start_code
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    .byte 0x66, 0xea                        # ljmpl: to the next instructions, with CS flat
start_jump:
    .long start_flat-start_code
    .word 8
start_stop:
    hlt
    jmp start_stop
.code32
start_flat:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    .byte 0xbb                              # movl $..., %ebx: the first page
start_first:
    .long 0
    movl START_STATE+STATE_CR4(%ebx), %eax
    orb $CR4_PSE, %al
    movl %eax, %cr4
    movl start_cr3-start_code(%ebx), %eax
    movl %eax, %cr3
    movl START_STATE+STATE_EFER(%ebx), %eax
    movl START_STATE+STATE_EFER+4(%ebx), %edx
    movl %eax, %ecx
    orl %edx, %ecx
    jz start_paging                         # 0, as after power-on: there may be no such register
    movl $IA32_EFER, %ecx
    wrmsr
start_paging:
    movl START_STATE+STATE_CR0(%ebx), %eax
    movl %eax, %cr0
    movl start_target-start_code(%ebx), %eax
    jmp *%eax

.balign 4
start_go:       .long 0                     # START_OFFERED, START_TAKEN, 0
start_cr3:      .long 0
start_target:   .long start_linear
start_gdtr:     .word 23
start_gdtr_base: .long start_gdt-start_code
.balign 8
start_gdt:
    .long 0, 0
    .long 0x0000ffff, 0x00cf9a00            # flat code
    .long 0x0000ffff, 0x00cf9200            # flat data
start_code_end:

# Linear addresses of the guest from here on; still on the ROM's tables and segments.
start_linear:
    movl %ss:start_page, %ebx
    addl $START_STATE, %ebx                 # EBX = the state
    movl STATE_CR3(%ebx), %eax
    movl %eax, %cr3
    movl STATE_CR4(%ebx), %eax
    movl %eax, %cr4
    movl STATE_CR2(%ebx), %eax
    movl %eax, %cr2
    lgdtl STATE_GDTR(%ebx)
    movw STATE_SS(%ebx), %ss
    movl STATE_REGISTERS+16(%ebx), %esp
    movzwl STATE_CS(%ebx), %eax
    pushl %eax
    pushl $start_segments
    .byte 0xcb                              # lretl
start_segments:
    pushl STATE_IDTR_BASE(%ebx)
    pushw STATE_IDTR_LIMIT(%ebx)
    lidtl (%esp)
    addl $6, %esp
    lldtw STATE_LDTR(%ebx)
    pushl STATE_EFLAGS(%ebx)
    movzwl STATE_CS(%ebx), %eax
    pushl %eax
    pushl STATE_EIP(%ebx)
    pushl STATE_REGISTERS(%ebx)             # EAX
    pushl STATE_REGISTERS+4(%ebx)           # EBX
    movl STATE_REGISTERS+8(%ebx), %ecx
    movl STATE_REGISTERS+12(%ebx), %edx
    movl STATE_REGISTERS+20(%ebx), %ebp
    movl STATE_REGISTERS+24(%ebx), %esi
    movl STATE_REGISTERS+28(%ebx), %edi
    movw %ss:STATE_ES(%ebx), %es
    movw %ss:STATE_FS(%ebx), %fs
    movw %ss:STATE_GS(%ebx), %gs
    movw %ss:STATE_DS(%ebx), %ds
    movl %ss:start_page, %ebx
    movl $0, %ss:start_go-start_code(%ebx)
    popl %ebx
    popl %eax
    jmp start_guest
