# The backend bare, closed half: the shadow IDT. The processor's IDTR always points at it.
#
# A vector whose gate in the guest's table is a present 32-bit interrupt or trap gate gets an
# interrupt gate to its own entry in the wedge, with the guest's selector and DPL. So does every
# vector from 32 up that has no gate at all or one that is not present: masked, its interrupt is
# recorded like any other, and enter finds out what the processor would make of it. Any other entry
# is copied as it is, so a task gate, a 16-bit gate, or an exception's missing gate acts as the
# processor makes it act. Copied as well are the trap gates of DPL 3 from vector 32 up, a kernel's
# way to its system calls: they leave both IFs as they are, and user code runs with both set.

# In: ECX = limit, EDX = base of the guest's table; EFLAGS on the stack. Its gates fill two pages at the most, which may
# not be mapped: its first and its last byte are read before anything changes.
set_idt:
    movl $256*8-1, %eax
    cmpl %eax, %ecx
    jae set_idt_whole
    movl %ecx, %eax
set_idt_whole:
    incl %eax
    andl $0xfff8, %eax
    jz set_idt_mapped                       # no gate at all, so any base will do
    cmpb $0, %ss:(%edx)
    cmpb $0, %ss:-1(%edx,%eax)
set_idt_mapped:
    cli
    movw %cx, cpu(idt_limit)
    movl %edx, cpu(idt_base)
    movw %cs, cpu(code)
    call shadow_table
    jmp leave_closed

# In: as WriteGDTEntry, below EFLAGS on the stack. Both words are stored with no interrupt between
# them; segment registers keep their hidden parts until they are loaded again.
write_entry:
    cli
    movl %ecx, (%eax,%edx,8)
    movl 8(%esp), %ecx
    movl %ecx, 4(%eax,%edx,8)

# How closed code returns to its caller. Stack: EFLAGS from before its CLI. The real IF is as it was
# then (off after SYSENTER, and in an NMI's handler), unless something was recorded between; that it
# was off at the CLI tells nothing, for so it is when an interrupt came just before. ECX changes.
leave_closed:
    movl cpu(real_if), %ecx                 # IF or 0
    testl %ecx, (%esp)
    jnz leave_open
leave_off:
    testl $IF, cpu(real_if)
    jnz leave_masked
    andl $~IF, (%esp)
    cmpl $0, cpu(virtual_if)
    je leave_masked
    popfl
    jmp enable_pending                      # a handler came before our CLI and left more to do
leave_masked:
    popfl
    ret

# The same to 255, and the shadow gate follows on each processor whose table by SetIDT it is:
# processors may share one.
write_gate:
    cli
    movl %ecx, (%eax,%edx,8)
    movl 8(%esp), %ecx
    movl %ecx, 4(%eax,%edx,8)
    pushl %ebx
    pushl %esi
    movl %eax, %esi
    movl %edx, %eax
    xorl %ebx, %ebx
    subl cpu(to_first), %ebx                # EBX = a processor's block, as distance from this one
write_gate_next:
    cmpl %esi, cpu(idt_base, %ebx)
    jne write_gate_not
    leal shadow_gate(%ebx), %ecx
    call *%ecx
write_gate_not:
    addl $wedge_end-virtual_cpu, %ebx
    movl %ebx, %ecx
    addl cpu(to_first), %ecx
    cmpl cpu(blocks_size), %ecx
    jb write_gate_next
    popl %esi
    popl %ebx
    jmp leave_closed

# In: EAX = IOPL, below EFLAGS on the stack.
set_iopl:
    cli
    andl $~IOPL, (%esp)
    orl %eax, (%esp)
    jmp leave_closed

# Bring the whole shadow IDT in line with the guest's. EAX, ECX, EDX and flags change.
shadow_table:
    xorl %eax, %eax
shadow_next:
    call shadow_gate
    incl %eax
    cmpl $256, %eax
    jb shadow_next
    ret

# In: EAX = vector. ECX, EDX and flags change. An entry past the guest's limit is no gate.
# A vector's entry address never changes, so an NMI that comes between the two stores finds a gate
# that works, old or new.
shadow_gate:
    pushl %ebx
    xorl %ecx, %ecx
    xorl %edx, %edx
    leal 7(,%eax,8), %ebx
    cmpw cpu(idt_limit), %bx
    ja shadow_missing
    movl cpu(idt_base), %ebx
    movl %ss:(%ebx,%eax,8), %ecx
    movl %ss:4(%ebx,%eax,8), %edx
    movl %edx, %ebx
    andl $0x9e00, %ebx                      # present, system, and type 32-bit interrupt or trap
    cmpl $0x8e00, %ebx
    jne shadow_not_ours
    movl %edx, %ebx
    andl $0x6100, %ebx                      # DPL 3, and a trap gate
    cmpl $0x6100, %ebx
    jne shadow_ours
    cmpl $32, %eax
    jae shadow_store
shadow_ours:
    leal vectors(,%eax,8), %ebx
    movw %bx, %cx                           # selector of the guest, offset of the entry
    andl $0x6000, %edx                      # DPL of the guest
    andl $0xffff0000, %ebx
    orl $0x8e00, %edx
    orl %ebx, %edx
    jmp shadow_store
shadow_not_ours:
    testl $0x8000, %edx                     # present, and of another type: as it is
    jz shadow_missing
    testl $0x0700, %edx                     # type 0 or 8 is reserved: no gate at all
    jnz shadow_store
shadow_missing:
    cmpl $32, %eax
    jb shadow_store
    movzwl cpu(code), %ecx
    shll $16, %ecx
    jmp shadow_ours
shadow_store:
    movl %ecx, %ss:shadow_idt(,%eax,8)
    movl %edx, %ss:shadow_idt+4(,%eax,8)
    popl %ebx
    ret

# Called by VMI_Init, real IF off. In: EAX = the IF that the guest brought: 0x200 or 0, which the
# real one will be again. All that the processor holds is taken over. A guest that comes with
# interrupts off may have no handlers yet, and the 8259s as a BIOS leaves them, on vectors of
# exceptions; so the real IF stays off with it until it first enables, and what arrives waits in the
# controller as it would without a ROM. EAX, ECX, EDX and flags change.
#
# An IDTR as INIT leaves it names no table: page 0 may not be mapped. And one that points at the
# shadow IDT: an NMI came in the midst of this, and its handler made a call, which has done it all.
backend_init:
    subl $8, %esp
    sidtl 2(%esp)
    movzwl 2(%esp), %edx
    movl 4(%esp), %ecx
    addl $8, %esp
    cmpl $shadow_idt, %ecx
    je note_processor
    testl %ecx, %ecx
    jnz init_has_table
    cmpl $256*8-1, %edx
    jbe init_has_table
    xorl %edx, %edx
init_has_table:
    movw %dx, cpu(idt_limit)
    movl %ecx, cpu(idt_base)
    movl %eax, cpu(virtual_if)
    movl %eax, cpu(real_if)
    movl $0, cpu(pending)
    testl %eax, %eax
    jnz init_enabled
    movl $HELD, cpu(pending)
init_enabled:
    movw %cs, cpu(code)
    sgdtl cpu(gdt_limit)
    sldtw cpu(ldt)
    strw cpu(tr)
    call shadow_table
    lidtl %ss:shadow_idtr
    jmp note_processor

.balign 4
shadow_idtr:
    .word 256*8-1
    .long shadow_idt
