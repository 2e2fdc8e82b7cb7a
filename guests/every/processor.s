# The calls on the processor's registers: what a call wrote an instruction reads, and the other way.

.set SYSENTER_ESP, 0x175
.set CR0_MP, 2
.set CR0_TS, 8
.set CR4_DE, 8

check_processor:
    movl $1, %eax
    xorl %ecx, %ecx
    cpuid
    movl %edx, %esi
    movl %ecx, %edi
    movl $1, %eax
    xorl %ecx, %ecx
    vmi(CPUID)
    movl %edx, %eax
    andl %esi, %eax                         # a ROM may hide features, and invents none
    xorl %edx, %eax
    expect("processor/cpuid-edx-invents-nothing", 0)
    movl %ecx, %eax
    andl %edi, %eax
    xorl %ecx, %eax
    expect("processor/cpuid-ecx-invents-nothing", 0)
    xorl %eax, %eax
    cpuid
    movl %ebx, %esi
    xorl %eax, %eax
    xorl %ebx, %ebx
    vmi(CPUID)
    movl %ebx, %eax
    xorl %esi, %eax
    expect("processor/cpuid-answers-in-ebx", 0)

    movl $SYSENTER_ESP, %ecx
    movl $0x12345678, %eax
    xorl %edx, %edx
    vmi(WRMSR)
    movl $SYSENTER_ESP, %ecx
    rdmsr
    expect("processor/wrmsr-writes", 0x12345678)
    movl $SYSENTER_ESP, %ecx
    movl $0x23456789, %eax
    xorl %edx, %edx
    wrmsr
    movl $SYSENTER_ESP, %ecx
    xorl %eax, %eax
    vmi(RDMSR)
    expect("processor/rdmsr-reads", 0x23456789)

    movl %cr0, %ebx
    movl %ebx, %eax
    xorl $CR0_MP, %eax
    vmi(SetCR0)
    movl %cr0, %eax
    xorl %ebx, %eax
    expect("processor/set-cr0-writes", CR0_MP)
    vmi(GetCR0)
    xorl %ebx, %eax
    expect("processor/get-cr0-reads", CR0_MP)
    movl %ebx, %eax
    orl $CR0_TS, %eax
    movl %eax, %cr0
    vmi(CLTS)
    movl %cr0, %eax
    andl $CR0_TS, %eax
    expect("processor/clts-clears-ts", 0)
    movl %ebx, %cr0

    movl $0x00badcaf, %eax
    vmi(SetCR2)
    movl %cr2, %eax
    expect("processor/set-cr2-writes", 0x00badcaf)
    movl $0x00feed00, %eax
    movl %eax, %cr2
    xorl %eax, %eax
    vmi(GetCR2)
    expect("processor/get-cr2-reads", 0x00feed00)

    vmi(GetCR3)
    movl %cr3, %edx
    xorl %edx, %eax
    expect("processor/get-cr3-reads", 0)
    movl %cr3, %eax
    movl %eax, %ebx
    vmi(SetCR3)
    movl %cr3, %eax
    xorl %ebx, %eax
    expect("processor/set-cr3-writes", 0)

    movl %cr4, %ebx
    movl %ebx, %eax
    xorl $CR4_DE, %eax
    vmi(SetCR4)
    movl %cr4, %eax
    xorl %ebx, %eax
    expect("processor/set-cr4-writes", CR4_DE)
    xorl %eax, %eax
    vmi(GetCR4)
    xorl %ebx, %eax
    expect("processor/get-cr4-reads", CR4_DE)
    movl %ebx, %cr4

    rdtsc
    movl %eax, %esi
    movl %edx, %edi
    xorl %eax, %eax
    xorl %edx, %edx
    vmi(RDTSC)
    subl %esi, %eax
    sbbl %edi, %edx
    movl %edx, %eax
    expect("processor/rdtsc-goes-on", 0)    # less than 2^32 cycles later

# A machine with no performance counters raises #UD, one with others may raise #GP.
    movl $2, skip_fault                     # the length of RDPMC
    movl $0x3fffffff, %ecx
    vmi(RDPMC)
    movl $0, skip_fault
    vmi(WBINVD)
    movl $0x1234, %eax
    expect("processor/rdpmc-and-wbinvd-return", 0x1234)
    ret

# Debug registers: all eight numbers, and a watchpoint that fires.
check_debug_registers:
    movl $0, %eax
    movl $watched, %edx
    vmi(SetDR)
    movl %dr0, %eax
    expect("processor/set-dr0", watched)
    movl $1, %eax
    movl $0x11111111, %edx
    vmi(SetDR)
    movl %dr1, %eax
    expect("processor/set-dr1", 0x11111111)
    movl $2, %eax
    movl $0x22222222, %edx
    vmi(SetDR)
    movl $2, %eax
    vmi(GetDR)
    expect("processor/get-dr2", 0x22222222)
    movl $3, %eax
    movl $0x33333333, %edx
    vmi(SetDR)
    movl $3, %eax
    vmi(GetDR)
    expect("processor/get-dr3", 0x33333333)

    movl $0, entered
    movl $6, %eax
    movl $0xffff0ff0, %edx
    vmi(SetDR)
    movl $7, %eax
    movl $0x000d0402, %edx                  # DR0, globally, on writes of four bytes
    vmi(SetDR)
    movl $7, %eax
    vmi(GetDR)
    expect("processor/get-dr7", 0x000d0402)
    movl $1, watched
    movl $7, %eax
    movl $0x00000400, %edx
    vmi(SetDR)
    movl entered, %eax
    expect("processor/watchpoint-fires-once", 1)
    movl log, %eax
    expect("processor/watchpoint-is-a-debug-exception", 1)
    movl $6, %eax
    vmi(GetDR)
    andl $15, %eax
    expect("processor/dr6-names-dr0", 1)
    movl $6, %eax
    movl $0xffff0ff0, %edx
    vmi(SetDR)
    ret

.data
.balign 4
watched:        .long 0
