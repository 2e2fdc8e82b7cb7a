# What the calls on time and on the local APIC remember. All of it starts as zero.

.balign 4
signature:      .long 0                     # CPUID leaf 1, EAX: family, model, stepping
features:       .long 0                     # the same leaf, EDX
apic_page:      .long 0                     # linear address of the APIC's page, 0: not known yet
apic_rate:      .long 0                     # counts of its timer in 1024 ms, 0: not measured yet
cycles_khz:     .long 0                     # cycles a millisecond, 0: not measured yet
devices_held:   .long 0                     # 1 while a processor uses ports of ours
irq0_expiry:    .long 0, 0                  # of the one-shot alarm of IRQ0 that was last armed
irq0_kind:      .long 0                     # 0: none, 1: one-shot, 2: periodic
wall_known:     .long 0                     # 1 once the two below are
wall_base:      .long 0, 0                  # nanoseconds since 1970-01-01 at that moment
wall_cycles:    .long 0, 0                  # the TSC at that moment
rtc_second:     .long 0                     # what the RTC said, in the order of rtc_registers
rtc_minute:     .long 0
rtc_hour:       .long 0
rtc_day:        .long 0
rtc_month:      .long 0
rtc_year:       .long 0
rtc_century:    .long 0
