# The guest's own checks of the interrupt calls. The harness checks the same from outside, and more.

check_masks:
    vmi(DisableInterrupts)
    vmi(GetInterruptMask)
    expect("interrupts/mask-is-0-after-disable", 0)
    vmi(EnableInterrupts)
    vmi(GetInterruptMask)
    expect("interrupts/mask-is-200-after-enable", 0x200)
    movl $0xfffffdff, %eax
    vmi(SetInterruptMask)
    expect("interrupts/set-mask-keeps-eax", 0xfffffdff)
    vmi(GetInterruptMask)
    expect("interrupts/set-mask-disables", 0)
    movl $0x200, %eax
    vmi(SetInterruptMask)
    vmi(GetInterruptMask)
    expect("interrupts/set-mask-enables", 0x200)
    vmi(DisableInterrupts)
    ret

check_delivery:
# The seed case: masked, it arrives, nothing happens; enabled, it is delivered, once.
    vmi(DisableInterrupts)
    movl $0, entered
    call raise_keyboard
    movb $1, %al
    call await_line
    movl entered, %eax
    expect("interrupts/masked-is-not-delivered", 0)
    vmi(EnableInterrupts)
    nop                                     # the last place that the shadow of an STI covers
    movl entered, %eax
    expect("interrupts/enable-delivers-once", 1)
    movl log, %eax
    expect("interrupts/vector-of-the-keyboard", 0x21)
    vmi(GetInterruptMask)
    expect("interrupts/enabled-after-the-handler", 0x200)

# The same by SetInterruptMask.
    vmi(DisableInterrupts)
    movl $0, entered
    call raise_keyboard
    movl $0x200, %eax
    vmi(SetInterruptMask)
    nop
    movl entered, %eax
    expect("interrupts/set-mask-delivers-once", 1)

# The same by IRET to a frame that enables.
    vmi(DisableInterrupts)
    movl $0, entered
    call raise_keyboard
    pushl $0x202
    pushl %cs
    pushl $iret_lands
    vmi(IRET)
iret_lands:
    nop
    movl entered, %eax
    expect("interrupts/iret-delivers-once", 1)
    vmi(GetInterruptMask)
    expect("interrupts/iret-enables", 0x200)

# Two lines, the lower in rank first: the 8259's order counts, not that of arrival.
    vmi(DisableInterrupts)
    movl $0, entered
    call raise_keyboard
    movb $1, %al
    call await_line
    call raise_timer
    movb $0, %al
    call await_line
    vmi(EnableInterrupts)
    nop
    movl entered, %eax
    expect("interrupts/both-are-delivered", 2)
    movl log, %eax
    expect("interrupts/timer-comes-first", 0x20)
    movl log+32, %eax
    expect("interrupts/keyboard-comes-second", 0x21)

# Halt enables, sleeps, and is woken by the timer.
    vmi(DisableInterrupts)
    movl $0, entered
    call raise_timer
    vmi(Halt)
    movl entered, %eax
    expect("interrupts/halt-wakes", 1)
    vmi(GetInterruptMask)
    expect("interrupts/halt-enables", 0x200)

# What is pending already keeps Halt from sleeping.
    vmi(DisableInterrupts)
    movl $0, entered
    call raise_keyboard
    movb $1, %al
    call await_line
    vmi(Halt)
    movl entered, %eax
    expect("interrupts/halt-does-not-sleep-on-a-pending-one", 1)
    vmi(DisableInterrupts)
    ret
