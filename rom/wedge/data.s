# What all calls of all processors share: those of the first processor's block are in use.

linear_mappings:                            # four times: linear address, pages (0: unused), frame
    .space 48

asked:                                      # a byte a call: 1 once GetRelocationInfo was asked for it
    .space 80

start_page:                                 # linear address of the pages that a processor starts in
    .space 4
linear_offset:                              # linear address of the guest's map less physical one
    .space 4
start_held:                                 # 1 while one of them is being started
    .space 4

# The local APIC (apic.s).
apic_page:      .long 0                     # linear address of the APIC's page, 0: not known yet

# Cycles (clock.s).
cycles_khz:     .long 0                     # cycles a millisecond, 0: not measured yet
devices_held:   .long 0                     # 1 while a processor uses ports of ours

# Alarms (timer.s).
irq0_expiry:    .long 0, 0                  # of the one-shot alarm that was last armed
irq0_kind:      .long 0                     # 0: none, 1: one-shot, 2: periodic
lvtt_periodic:  .space 16                   # by the low bits of the APIC ID: 1: a periodic alarm
apic_rate:      .long 0                     # counts in 1024 milliseconds, 0: not measured yet

# The wall clock (wallclock.s).
wall_known:     .long 0                     # 1 once the two below are
wall_base:      .long 0, 0                  # nanoseconds since 1970-01-01 at that moment
wall_cycles:    .long 0, 0                  # the TSC at that moment
rtc_second:     .long 0                     # in the order of rtc_registers
rtc_minute:     .long 0
rtc_hour:       .long 0
rtc_day:        .long 0
rtc_month:      .long 0
rtc_year:       .long 0
rtc_century:    .long 0

# What CPUID tells of the first processor (processor.s).
signature:      .long 0                     # CPUID leaf 1, EAX: family, model, stepping
features:       .long 0                     # the same leaf, EDX
