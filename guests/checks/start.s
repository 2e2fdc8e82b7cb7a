# The test guest: a small kernel in 32-bit protected mode, loaded at 1 MiB by multiboot.
#
# It finds the ROM as Linux does, binds its calls, patches its call sites, sets up tables and
# interrupt controllers through the calls, runs its checks, and ends in the loop at `ready`. There a
# debugger can put any registers and call anything; docs/guest.md says what it can use.
#
# Lines on the debug console (port 0xe9) are its report:
#   check ID pass|fail [got HEX want HEX]
#   rom HEX                     the address at which the ROM was accepted
#   bound HEX of HEX            calls that GetRelocationInfo provides
#   ready | failed TEXT         the end

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
    call find_rom
    call bind_calls
    call set_up_descriptors
    call set_up_interrupts
    call check_calls
    vmi(DisableInterrupts)
    movl $text_ready, %esi
    call print_line

# Everything is set up, interrupts are disabled by DisableInterrupts, no device is about to raise
# one, and all lines of the 8259s are open.
ready:
    nop
    jmp ready

# For a debugger: put an address in `target`, registers and stack as wanted, and go on here.
call_target:
    call *target
returned:
    nop
    jmp returned

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
