"""Calls on time: counters in cycles, one alarm a counter, the wall clock."""

from rom.interface.call import Argument, Call, Category, Outcome, Requirement, Result, numbers

_NO_COUNTER = "counter 2 or above"

CALLS = (
    Call(
        "GetCycleFrequency",
        numbers(66, 79),
        Category.TIMER,
        "Answers how many cycles a second the counters advance.",
        results=(Result("EDX:EAX", "frequency", "cycles a second"),),
        requirement=Requirement.TIMER_GROUP,
        notes="Offering it selects the VMI timer: Linux then uses 67 to 70 without asking "
        "whether they exist. At least 1000. Cycles are those of the time stamp counter, measured "
        "against channel 2 of the 8254 over 25 ms when the first call needs it, in whole "
        "kilohertz, good to one part in ten thousand, and constant from then on. On a processor "
        "without a time stamp counter the whole group answers NONE.",
        outcomes=(Outcome("an 8254 that does not count", "a frequency of 1 GHz is taken for it"),),
    ),
    Call(
        "GetCycleCounter",
        numbers(67, 80),
        Category.TIMER,
        "Reads a counter.",
        arguments=(Argument("EAX", "counter", "Counter: 0 real, 1 available, 2 stolen"),),
        results=(Result("EDX:EAX", "cycles", "its value, 0 for a counter that does not exist"),),
        requirement=Requirement.TIMER_GROUP,
        notes="A ROM that has the machine to itself steals nothing: real and available are both "
        "the time stamp counter, stolen is 0.",
        outcomes=(Outcome("a counter that does not exist", "the answer is 0"),),
    ),
    Call(
        "SetAlarm",
        numbers(68, 81),
        Category.TIMER,
        "Arms the alarm of a counter, in place of one that is armed.",
        arguments=(
            Argument("EAX", "flags", "AlarmFlag flags and the Counter in the low byte"),
            Argument("ECX:EDX", "expiry", "absolute value of the counter"),
            Argument("[ESP+8]:[ESP+4]", "period", "cycles between expiries, 0 for one-shot"),
        ),
        requirement=Requirement.TIMER_GROUP,
        notes="Each wiring has one timer of the hardware, so an alarm replaces the one "
        "of its wiring, whatever its counter: channel 0 of the 8254, one for the machine, and the "
        "local APIC's timer, one a processor, whose vector and mask in LVTT stay the guest's. "
        "While a periodic alarm is armed, a mode of 0 that APICWrite writes to LVTT leaves it "
        "periodic, since Linux gives the vector after the alarm on all but the first processor. "
        "A time that has passed is now; a one-shot is never early and at most one part in 4000 of "
        "its delay late, but on IRQ0 one that is farther away than 54 ms comes after 54 ms: the "
        "guest sees that the counter is short of it and sets it again. A period is the nearest "
        "that the hardware has, at most 54.9 ms on IRQ0, and begins at the call, whatever the "
        "expiry.",
        outcomes=(
            Outcome(_NO_COUNTER, "nothing happens"),
            Outcome("LVTT without a local APIC or without a map of it", "nothing happens"),
            Outcome("an expiry that has passed", "a one-shot comes at once"),
            Outcome("a period of 0", "the alarm is a one-shot"),
        ),
    ),
    Call(
        "CancelAlarm",
        numbers(69, 82),
        Category.TIMER,
        "Disarms the alarm of a counter.",
        arguments=(Argument("EAX", "flags", "AlarmFlag LVTT or none, Counter in the low byte"),),
        results=(Result("EAX", "cancelled", "1 when it was armed and will not fire, else 0"),),
        requirement=Requirement.TIMER_GROUP,
        notes="The wiring says which alarm is meant. No source defines it for an alarm that has "
        "expired and waits under the mask: it is not armed any more, so the answer is 0 and the "
        "interrupt comes. Linux ignores the result.",
        outcomes=(
            Outcome(_NO_COUNTER, "the answer is 0"),
            Outcome("no alarm is armed at that wiring", "the answer is 0"),
        ),
    ),
    Call(
        "GetWallclockTime",
        numbers(70, 83),
        Category.TIMER,
        "Answers the time of day.",
        results=(Result("EDX:EAX", "time", "nanoseconds since 1970-01-01 UTC"),),
        requirement=Requirement.TIMER_GROUP,
        notes="The CMOS clock, taken as UTC and read when a call first needs it, and from then on "
        "what the time stamp counter adds to that. Without a century in register 32 that makes "
        "sense a year is one of 1970 to 2069.",
        outcomes=(Outcome("a machine without a CMOS clock", "time begins at 0"),),
    ),
    Call(
        "WallclockUpdated",
        numbers(71, 84),
        Category.TIMER,
        "Answers once whether the time of day has jumped against the real counter.",
        results=(Result("EAX", "updated", "1 after a jump, then 0"),),
        notes="Linux fetches it with the timer group but never calls it: it may be missing. It "
        "compares with the CMOS clock; a difference of more than two seconds is a jump, and the "
        "CMOS clock's time counts from then on.",
        outcomes=(Outcome("a machine without a CMOS clock", "the answer is 0"),),
    ),
)
