"""The exhibits of `bare`, each with its history. What a bug is called is what it does wrong."""

from harness.explore.exhibits_native import NATIVE
from harness.explore.job import Job
from harness.explore.museum import Exhibit

BARE = (
    Exhibit(
        name="the check for pending interrupts is always false",
        backend="bare",
        source="backends/bare.s",
        old="""\
    jz set_mask_off
    movl $IF, cpu(virtual_if)
    cmpl $0, cpu(pending)
""",
        new="""\
    jz set_mask_off
    movl $IF, cpu(virtual_if)
    testl $0, cpu(pending)
""",
        jobs=(Job("SetInterruptMask(200)", "clear, 5 pending"),),
        history="""\
lguest enabled interrupts so in Linux (arch/x86/lguest/head_32.S, lg_irq_enable): it set the
virtual IF and then tested the pending word against the constant 0, by TEST, whose result is zero
whatever the word holds. So the jump to the hypercall was never taken. It went unnoticed, since
the host delivers at the next occasion; lguest's other way to enable, lg_restore_fl, tested
rightly.""",
    ),
    Exhibit(
        name="enabling by the mask delivers nothing",
        backend="bare",
        source="backends/bare.s",
        old="""\
    jz set_mask_off
    movl $IF, cpu(virtual_if)
    cmpl $0, cpu(pending)
    jne enable_left
    ret
""",
        new="""\
    jz set_mask_off
    movl $IF, cpu(virtual_if)
    ret
""",
        jobs=(Job("SetInterruptMask(200)", "clear, 5 pending"),),
        history="""\
The 13.0 ROM of Karlsruhe's Afterburner sets the flag and returns, in EnableInterrupts as in
SetInterruptMask: what waits is left to the next event, IRET or idle call, unless the ROM was
built with its strict option. lguest did the same until commit a32a8813d017 (2009), whose text
says that things still worked, and that TCP from guest to host took 6.8 s instead of 30.7 once it
checked.""",
    ),
    Exhibit(
        name="enabling tests before it sets",
        backend="bare",
        source="backends/bare.s",
        old="""\
EnableInterrupts:
    movl $IF, cpu(virtual_if)
    cmpl $0, cpu(pending)
""",
        new="""\
EnableInterrupts:
    cmpl $0, cpu(pending)
    movl $IF, cpu(virtual_if)
""",
        jobs=(Job("EnableInterrupts", "clear"),),
        history="""\
The oldest race of a flag and a word beside it: what is recorded between the test and the store
is seen by neither. It was the negative control of a prototype of a ROM on host Linux, where a
signal raised by ptrace at each boundary found it at 2 of 81 boundaries, and a stress of 300,000
signals at none: nearly all of those came while the flag was clear.""",
    ),
    Exhibit(
        name="the virtual CPU is read through DS",
        backend="bare",
        source="backends/bare.s",
        old="    movl cpu(virtual_if), %eax\n    ret\n",
        new="    movl virtual_cpu+CPU_VIRTUAL_IF, %eax\n    ret\n",
        jobs=(Job("GetInterruptMask", "set"),),
        history="""\
Kernels make the interrupt calls on their way to user mode, with the user's selectors loaded
already, so the interface promises no more than CS and SS. Linux learned it in each of its own
ways out: the last store of lguest_iret and those of xen_iret carry an SS prefix, and lguest's
has a comment that says why. Most calls come with flat segments, which is how the slip lives on.""",
    ),
    Exhibit(
        name="IRET puts all flags into the mask",
        backend="bare",
        source="wedge/deliver.s",
        old="""\
    movl 12(%esp), %eax
    andl $IF, %eax
    movl %eax, cpu(virtual_if)
    jz iret_masked
""",
        new="""\
    movl 12(%esp), %eax
    movl %eax, cpu(virtual_if)
    testl $IF, %eax
    jz iret_masked
""",
        jobs=(Job("IRET(kernel, IF clear)", "set"),),
        history="""\
Afterburner keeps the whole of EFLAGS where we keep the virtual IF, and its GetInterruptMask
answers all of it. That is right as long as everybody looks at bit 9; a ROM that tests the word
against zero on one way and fills it with an image of EFLAGS on another has a mask that never
masks, since bit 1 of EFLAGS is always set.""",
    ),
    Exhibit(
        name="the mask is stored as it is given",
        backend="bare",
        source="backends/bare.s",
        old="""\
    testb $2, %ah
    jz set_mask_off
    movl $IF, cpu(virtual_if)
""",
        new="""\
    testb $2, %ah
    movl %eax, cpu(virtual_if)
    jz halt_woken
""",
        jobs=(Job("SetInterruptMask(fffffdff)", "set"),),
        history="""\
The SetInterruptMask of Afterburner's 13.0 ROM, and lguest's lg_restore_fl, are a store of EAX.
In a kernel that gives back what it got that is enough; PUSHF and POPF in a kernel that was
patched in one place and not in the other give a word in which 30 other bits may be set.""",
    ),
    Exhibit(
        name="a gate is written in two halves",
        backend="bare",
        source="backends/shadow.s",
        old="""\
write_gate:
    cli
    movl %ecx, (%eax,%edx,8)
""",
        new="""\
write_gate:
    movl %ecx, (%eax,%edx,8)
""",
        jobs=(Job("WriteIDTEntry", "set"),),
        history="""\
On i386 Linux writes a descriptor by two stores, low dword first (write_ldt_entry in
asm-i386/desc.h; _set_tssldt_desc beside it takes six). On the bare machine that is the kernel's
own affair. A call that stands for it is a promise, and between the halves a gate names half the
old handler and half the new one. Xen had the like with a whole table: between the load of CR3
and that of GDTR a context switch had no GDT mapped, and an NMI just there reset the machine.""",
    ),
    Exhibit(
        name="the range around HLT is short by one",
        backend="bare",
        source="wedge/arrive.s",
        old="    cmpl $halt_woken-halt_sleep, %eax\n",
        new="    cmpl $halt_woken-halt_sleep-1, %eax\n",
        jobs=(Job("Halt", "clear", depth=2, first=1),),
        history="""\
All who cannot make a sequence atomic give an interrupt's entry a range of addresses to look for:
Xen's xen_iret_start_crit and xen_iret_end_crit, lguest's lguest_noirq_start and
lguest_noirq_end, Afterburner's range of the idle sequence, which is moved past its race window.
Whether the last instruction belongs to the range is the whole question, and it needs an arrival
at just that one. Here it is the HLT itself, where only a second arrival shows that the first one
was wrong.""",
    ),
    Exhibit(
        name="IRET leaves a frame behind for an arrival",
        backend="bare",
        source="wedge/deliver.s",
        old="""\
    movl $0, cpu(pending)
    popl %eax
    iretl                                   # the image's IF is on, as the real one is to be
""",
        new="""\
    movl $0, cpu(pending)
    sti
    popl %eax
    iretl
""",
        jobs=(Job("IRET(kernel, IF set)", "clear"),),
        history="""\
The processor's IRET enables and leaves in one step. A ROM that enables first and then leaves has
a window in which each arrival is nested on top of a frame that was as good as gone, and when
they come faster than they go, the stack is at its end. Linux on Xen folds such an arrival into
the frame that it found (commit 9ec2b804e099, xen_iret_crit_fixup); lguest told its host of a
range in which never to interrupt; the prototype on host Linux used such a frame again 1,271
times in 10,735.""",
    ),
    Exhibit(
        name="a wakeup is lost between the test and HLT",
        backend="bare",
        source="wedge/deliver.s",
        old="""\
Halt:
    cli
    movl $IF, cpu(virtual_if)
""",
        new="""\
Halt:
    nop
    movl $IF, cpu(virtual_if)
""",
        jobs=(Job("Halt", "clear"),),
        history="""\
Test for work, then sleep: what comes in between is served at once, and then the machine sleeps
on what it brought. Kernels close the gap by the shadow of STI before HLT; Afterburner's callback
moves an idle sequence on past its window; the prototype without that lost a wakeup at the first
boundary behind the store. A test guest on Xen hung in 5 of 60 runs, at exactly such a place,
when its host was busy: its timer was armed with events unmasked before it blocked.""",
    ),
    Exhibit(
        name="what is pending is cleared before it is delivered",
        backend="bare",
        source="wedge/deliver.s",
        old="""\
    jnz sysexit_pending
    movl $IF, cpu(virtual_if)
    movl $IF, cpu(real_if)
    movl $LEFT, cpu(pending)
""",
        new="""\
    movl $LEFT, cpu(pending)
    jnz sysexit_pending
    movl $IF, cpu(virtual_if)
    movl $IF, cpu(real_if)
""",
        jobs=(Job("SYSEXIT", "clear, 5 pending"),),
        history="""\
Linux on Xen unmasked and tested by one AND of the word that holds both the mask and the pending
flag (xen_irq_enable_direct, xen_sysexit). Without a lock it wrote back an old pending flag over
one that another processor had set in between; the guest then ran in user mode with events
waiting, and in the end it stood still. Commit 04c44a080d2f takes the AND apart: set, then test.""",
    ),
    Exhibit(
        name="the check for pending interrupts is the wrong way round",
        backend="bare",
        source="backends/bare.s",
        old="""\
    jz set_mask_off
    movl $IF, cpu(virtual_if)
    cmpl $0, cpu(pending)
    jne enable_left
""",
        new="""\
    jz set_mask_off
    movl $IF, cpu(virtual_if)
    cmpl $0, cpu(pending)
    je enable_left
""",
        jobs=(Job("SetInterruptMask(200)", "clear, 5 pending"),),
        history="""\
A conditional jump with the wrong sense looks like a right one. Linux's xen_restore_fl_direct had
it until 2012, and asked the hypervisor for events when there were none, far more often than
needed; that direction costs time only, and no test of function can find it. The other one loses
interrupts.""",
    ),
    Exhibit(
        name="any number of interrupts is recorded",
        backend="bare",
        source="wedge/arrive.s",
        old="""\
    movl $0, cpu(real_if)
    andl $~IF, 20(%esp)
    popl %ecx
""",
        new="""\
    popl %ecx
""",
        jobs=(Job("GetInterruptMask", "clear", depth=2),),
        history="""\
To accept is to take the 8259's word that an EOI will come for this line before any below it. A
first ROM for Linux 2.6.32 accepted whatever came while masked. With IRQ 1's handler running, IRQ
0 was accepted; the handler's non-specific EOI cleared the bit of IRQ 0; from then on one EOI was
missing, and IRQ 1 stayed in service for ever. PowerPC Linux, where lazy disabling comes from
(commit d04c56f73c30), turns the real enable bit off at the first one that comes while masked.""",
    ),
    Exhibit(
        name="saved flags turn the real IF on again",
        backend="bare",
        source="backends/shadow.s",
        old="""\
    cli
    andl $~IOPL, (%esp)
    orl %eax, (%esp)
    jmp leave_closed
""",
        new="""\
    andl $~IOPL, (%esp)
    orl %eax, (%esp)
    popfl
    ret
""",
        jobs=(Job("SetIOPLMask", "clear"),),
        history="""\
With lazy disabling the real IF changes by itself: the interrupt that is recorded turns it off.
Code that reads it, works, and puts back what it read, turns it on over what waits. It is what
native code does everywhere. PowerPC Linux had it in its run latch functions until 2022: they
looked at MSR[EE], which is volatile while interrupts are disabled softly (commit 9524f2278f2e).""",
    ),
    Exhibit(
        name="a frame shows the real IF",
        backend="bare",
        source="wedge/arrive.s",
        old="""\
    andl $~IF, %eax
    orl cpu(virtual_if), %eax
    movl %eax, %ss:8(%ecx)
""",
        new="""\
    movl %eax, %ss:8(%ecx)
""",
        jobs=(Job("DisableInterrupts", "set"),),
        history="""\
The image of EFLAGS that the processor pushes has the real IF in it. lguest's source tells of it:
for traps that go to the guest directly it is always on, harmless as long as none of them comes
while the guest is masked. Linux's page fault handler enables by the image, and the IRET behind
an NMI would enable a kernel that had masked.""",
    ),
    Exhibit(
        name="nobody is told that SYSENTER has cleared IF",
        backend="bare",
        source="wedge/deliver.s",
        old="    movl $LEFT, cpu(pending)\n    popl %eax\n    iretl\n",
        new="    movl $0, cpu(pending)\n    popl %eax\n    iretl\n",
        jobs=(Job("EnableInterrupts", "clear, by SYSENTER"),),
        history="""\
SYSENTER clears the real IF and passes by every hook. A ROM whose EnableInterrupts only stores
the virtual IF leaves the real one off until the kernel goes back to user mode: each system call
is deaf. Linux 2.6.32 writes the MSRs of SYSENTER by WRMSR itself, so the ROM does not even see
it coming.""",
    ),
    Exhibit(
        name="an NMI ends the shadow before HLT",
        backend="bare",
        source="wedge/arrive.s",
        old="    movl $halt_woken, 8(%esp)\n",
        new="    nop\n",
        jobs=(Job("Halt", "clear", depth=2, first=1),),
        history="""\
STI holds interrupts off for one instruction, so that HLT is asleep before any is taken. An NMI
in between is taken on some processors, and its IRET forgets the shadow: the interrupt is served,
and then HLT sleeps. The x86_64 crate for Rust warns of it at enable_and_hlt, by a thread of the
Linux kernel's list of 2010, and gives the cure: the NMI's handler moves the return address past
the HLT.""",
    ),
)

EXHIBITS = (*BARE, *NATIVE)
"""All of the museum."""
