# The time of day: the CMOS real-time clock (RTC), taken as UTC and read when it is first needed,
# and from then on what the TSC adds to that. Standard convention. An interrupt may come anywhere.

.set RTC_INDEX, 0x70
.set RTC_DATA, 0x71
.set RTC_HOURS, 4
.set RTC_STATUS_A, 10                       # bit 7: an update is under way
.set RTC_STATUS_B, 11                       # bit 1: 24 hours, bit 2: binary
.set RTC_CENTURY, 0x32
.set UPDATE_MOST, 10                        # milliseconds; an update takes at most 2.2
.set JUMP, 2000000000                       # nanoseconds: the RTC has whole seconds

# Out: EDX:EAX = nanoseconds since 1970-01-01 UTC.
GetWallclockTime:
    call know_wallclock
    call hold_devices
    pushl %eax
    call wall_now
    xchgl (%esp), %eax
    pushl %edx
    call release_devices
    popl %edx
    popl %eax
    ret

# Out: EAX = 1 when the RTC is not where the time of day is, by more than two seconds: it was set, or
# the machine slept. The RTC's time counts from then on, so the next answer is 0.
WallclockUpdated:
    call know_wallclock
    call hold_devices
    pushl %eax
    pushl %ebx
    xorl %ebx, %ebx
    call read_rtc
    jc updated_done
    pushl %edx
    pushl %eax
    call wall_now
    subl (%esp), %eax
    sbbl 4(%esp), %edx
    addl $JUMP, %eax
    adcl $0, %edx
    jnz updated_jumped
    cmpl $2*JUMP, %eax
    jbe updated_not
updated_jumped:
    movl (%esp), %eax
    movl 4(%esp), %edx
    call set_wallclock
    incl %ebx
updated_not:
    addl $8, %esp
updated_done:
    movl %ebx, %eax
    popl %ebx
    xchgl (%esp), %eax
    call release_devices
    popl %eax
    ret

# Read the RTC unless that was done. Where there is none the time of day starts at 0. EAX, ECX, EDX
# and flags change.
know_wallclock:
    call measure_cycles
    cmpl $0, %ss:wall_known
    jne wallclock_known
    call hold_devices
    pushl %eax
    cmpl $0, %ss:wall_known                 # another processor may have been first
    jne wallclock_release
    call read_rtc
    jnc wallclock_read
    xorl %eax, %eax
    xorl %edx, %edx
wallclock_read:
    call set_wallclock
wallclock_release:
    popl %eax
    jmp release_devices
wallclock_known:
    ret

# In: EDX:EAX = the time of day now. EAX, EDX and flags change.
set_wallclock:
    movl %eax, %ss:wall_base
    movl %edx, %ss:wall_base+4
    rdtsc
    movl %eax, %ss:wall_cycles
    movl %edx, %ss:wall_cycles+4
    movl $1, %ss:wall_known
    ret

# Out: EDX:EAX = the time of day. ECX and flags change.
wall_now:
    rdtsc
    subl %ss:wall_cycles, %eax
    sbbl %ss:wall_cycles+4, %edx
    movl $1000000, %ecx
    call scale
    addl %ss:wall_base, %eax
    adcl %ss:wall_base+4, %edx
    ret

# Out: EDX:EAX = nanoseconds since 1970-01-01 by the RTC; CF set when there is none to read. ECX and
# flags change.
read_rtc:
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %ebp
    call read_date
    jc read_rtc_done

# Days from 1970-01-01, of years that begin in March: the leap day is the last one of its year.
    movl %ss:rtc_month, %ecx
    movl %ss:rtc_year, %ebx
    subl $3, %ecx
    jnc read_rtc_march
    addl $12, %ecx
    decl %ebx
read_rtc_march:
    imull $153, %ecx, %eax                  # 153 days in any five months from March on
    addl $2, %eax
    xorl %edx, %edx
    movl $5, %ecx
    divl %ecx
    movl %eax, %esi
    addl %ss:rtc_day, %esi
    imull $365, %ebx, %eax
    addl %eax, %esi
    movl %ebx, %eax
    shrl $2, %eax
    addl %eax, %esi                         # a leap day in four years,
    movl %ebx, %eax
    xorl %edx, %edx
    movl $100, %ecx
    divl %ecx
    subl %eax, %esi                         # none in a hundred,
    shrl $2, %eax
    addl %eax, %esi                         # but one in four hundred
    subl $719469, %esi                      # 1970-01-01 by this count, whose days begin at 1
    movl $86400, %eax
    mull %esi
    imull $60, %ss:rtc_hour, %ecx
    addl %ss:rtc_minute, %ecx
    imull $60, %ecx, %ecx
    addl %ss:rtc_second, %ecx
    addl %ecx, %eax
    adcl $0, %edx                           # EDX:EAX = seconds
    movl $1000000000, %ecx
    imull %ecx, %edx
    movl %edx, %ebx
    mull %ecx
    addl %ebx, %edx
    clc
read_rtc_done:
    popl %ebp
    popl %edi
    popl %esi
    popl %ebx
    ret

rtc_registers:                              # in the order of rtc_second and what follows it
    .byte 0, 2, RTC_HOURS, 7, 8, 9, RTC_CENTURY
.set RTC_FIELDS, 7

# Read date and time as numbers. CF set: nothing answers, or an update never ends. An update that
# begins while the fields are read, or a processor that was away meanwhile, shows in the seconds. All
# registers change.
read_date:
    movl $UPDATE_MOST, %eax
    mull %ss:cycles_khz
    movl %eax, %ebp                         # EBP = cycles to wait at the most
    rdtsc
    movl %eax, %edi
read_date_again:
    rdtsc
    subl %edi, %eax
    cmpl %eax, %ebp
    jb date_none
    movb $RTC_STATUS_A, %al
    call rtc_read
    testb $0x80, %al
    jnz read_date_again
    movb $RTC_STATUS_B, %al
    call rtc_read
    movb %al, %bl
    xorl %esi, %esi
read_field:
    movb %ss:rtc_registers(%esi), %al
    call rtc_number
    movl %eax, %ss:rtc_second(,%esi,4)
    incl %esi
    cmpl $RTC_FIELDS, %esi
    jb read_field

# 12 hours: 12 stands for 0, and bit 7 says afternoon.
    testb $2, %bl
    jnz date_hour_known
    movb $RTC_HOURS, %al
    call rtc_read
    movb %al, %bh
    andb $0x7f, %al
    call rtc_decode
    cmpl $12, %eax
    jne date_forenoon
    xorl %eax, %eax
date_forenoon:
    testb $0x80, %bh
    jz date_hour
    addl $12, %eax
date_hour:
    movl %eax, %ss:rtc_hour
date_hour_known:
    movb $RTC_STATUS_A, %al
    call rtc_read
    testb $0x80, %al
    jnz read_date_again
    movb $0, %al
    call rtc_number
    cmpl %ss:rtc_second, %eax
    jne read_date_again

# The century, where one is kept; else a year from 70 on is of the last century.
    imull $100, %ss:rtc_century, %eax
    addl %ss:rtc_year, %eax
    cmpl $1970, %eax
    jb date_window
    cmpl $2500, %eax                        # nanoseconds of 64 bits end in 2554
    jb date_year
date_window:
    movl %ss:rtc_year, %eax
    addl $1900, %eax
    cmpl $1970, %eax
    jae date_year
    addl $100, %eax
date_year:
    movl %eax, %ss:rtc_year
    clc
    ret
date_none:
    stc
    ret

# In: AL = register. Out: EAX = its contents. Flags change.
rtc_read:
    outb %al, $RTC_INDEX
    xorl %eax, %eax
    inb $RTC_DATA, %al
    ret

# The same as a number. In: BL = status B. ECX and flags change.
rtc_number:
    call rtc_read
rtc_decode:
    testb $4, %bl
    jnz rtc_binary
    movl %eax, %ecx
    shrl $4, %ecx
    imull $10, %ecx, %ecx
    andl $15, %eax
    addl %ecx, %eax
rtc_binary:
    ret
