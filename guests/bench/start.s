# A small kernel that does what kernels do around their calls, so that the cost of the calls can be
# seen in proportion. It runs with a ROM or without one: then its call sites stay as assembled, each
# the bare instruction alone (see guests/sites.py).
#
# What it does between the calls stands for Linux 2.6 on i386: the steps are those of its paths, and
# their lengths in instructions are near the lower end of what such a kernel takes, for little work
# between the calls shows their cost most. `walk` stands for the rest of a path: chasing pointers
# through queues and descriptors.
#
# Each workload is fixed in number. Under -icount the time stamp counter advances by one an
# instruction, so its difference is the number of instructions executed. Lines of the report:
#   figure NAME HEX             instructions from the workload's first to its last
#   check ID pass|fail ...      it did all that it says
#   ready | failed TEXT         the end; 0 or 1 to the debug-exit port

.balign 4
multiboot_header:
    .long 0x1badb002, 0, -0x1badb002        # no flags: an ELF says where it goes by itself

start:
    cli
    cld
    movl $kernel_stack_top, %esp
    pushl $0
    popfl
    call set_up_paging
    movl %cr0, %eax
    orl $0x10000, %eax                      # WP: the kernel, too, faults on read-only pages
    movl %eax, %cr0
    call look_for_rom
    call set_up_descriptors
    call set_up_interrupts
    call set_up_memory
    call set_up_entries

    movl $storm, %eax
    movl $text_storm, %esi
    call measure
    movl storm_ticks, %eax
    expect("interrupt-storm/interrupts", STORM_TICKS)

    movl $USER_CODE+user_int_80-user_program, %ebx
    movl $run_user, %eax
    movl $text_int_80, %esi
    call measure
    movl reads, %eax
    expect("system-calls-int-80/reads", READS)

    movl $0, reads
    movl $USER_CODE+user_fast-user_program, %ebx
    movl $run_user, %eax
    movl $text_sysenter, %esi
    call measure
    movl reads, %eax
    expect("system-calls-sysenter/reads", READS)

    movl $USER_CODE+user_fork-user_program, %ebx
    movl $run_user, %eax
    movl $text_fork, %esi
    call measure
    movl faults, %eax
    expect("fork/faults", FORK_FAULTS)
    movl free_count, %eax
    subl free_before, %eax
    expect("fork/pages-left-over", 0)

    cmpl $0, failures
    movl $text_failures, %esi
    jne give_up
    movl $text_ready, %esi
    call print_line
    movb $0, %al
    outb %al, $0xf4
    jmp give_up_halt

# In: EAX = what to run, with EBX; ESI = its name. It starts and ends with interrupts disabled.
measure:
    pushl %esi
    pushl %eax
    rdtsc
    popl %ecx
    pushl %eax
    call *%ecx
    rdtsc
    popl %ecx
    popl %esi
    subl %ecx, %eax
    pushl %esi
    movl $text_figure, %esi
    call print
    popl %esi
    call print
    movl $text_space, %esi
    call print
    call print_hex
    movb $10, %al
    outb %al, $0xe9
    ret

# A ROM is bound if there is one.
look_for_rom:
    movl $PAGE_OFFSET+VMI_PROBE_START, %ebx
look_here:
    cmpl $VMI_VROM_SIGNATURE, VMI_HEADER_VROM_SIGNATURE(%ebx)
    je look_found
    addl $VMI_PROBE_STEP, %ebx
    cmpl $PAGE_OFFSET+VMI_PROBE_END, %ebx
    jb look_here
    ret
look_found:
    call find_rom
    jmp bind_calls

# In: ESI = text. The guest cannot go on.
give_up:
    pushl %esi
    movl $text_failed, %esi
    call print
    popl %esi
    call print_line
    movb $1, %al
    outb %al, $0xf4                         # isa-debug-exit: QEMU ends with status 3
give_up_halt:
    cli
    hlt
    jmp give_up_halt

text_figure:    .asciz "figure "
text_space:     .asciz " "
text_failures:  .asciz "a workload did not do what it says"
text_storm:     .asciz "interrupt-storm"
text_int_80:    .asciz "system-calls-int-80"
text_sysenter:  .asciz "system-calls-sysenter"
text_fork:      .asciz "fork"
