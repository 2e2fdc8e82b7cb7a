"""Calls on time: counters in cycles, one alarm a counter, the wall clock."""

from rom.interface.call import Argument, Call, Category, Requirement, Result, numbers

CALLS = (
    Call(
        "GetCycleFrequency",
        numbers(66, 79),
        Category.TIMER,
        "Answers how many cycles a second the counters advance.",
        results=(Result("EDX:EAX", "frequency", "cycles a second"),),
        requirement=Requirement.TIMER_GROUP,
        notes="Offering it selects the VMI timer: Linux then uses 67 to 70 without asking "
        "whether they exist. At least 1000.",
    ),
    Call(
        "GetCycleCounter",
        numbers(67, 80),
        Category.TIMER,
        "Reads a counter.",
        arguments=(Argument("EAX", "counter", "Counter: 0 real, 1 available, 2 stolen"),),
        results=(Result("EDX:EAX", "cycles", "its value, 0 for a counter that does not exist"),),
        requirement=Requirement.TIMER_GROUP,
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
        notes="Nothing happens for counter 2 and above.",
    ),
    Call(
        "CancelAlarm",
        numbers(69, 82),
        Category.TIMER,
        "Disarms the alarm of a counter.",
        arguments=(Argument("EAX", "flags", "Counter in the low byte"),),
        results=(Result("EAX", "cancelled", "1 when it was armed and will not fire, else 0"),),
        requirement=Requirement.TIMER_GROUP,
        notes="No source defines it for an alarm that has expired and waits under the mask. "
        "Linux ignores the result.",
    ),
    Call(
        "GetWallclockTime",
        numbers(70, 83),
        Category.TIMER,
        "Answers the time of day.",
        results=(Result("EDX:EAX", "time", "nanoseconds since 1970-01-01 UTC"),),
        requirement=Requirement.TIMER_GROUP,
    ),
    Call(
        "WallclockUpdated",
        numbers(71, 84),
        Category.TIMER,
        "Answers once whether the time of day has jumped against the real counter.",
        results=(Result("EAX", "updated", "1 after a jump, then 0"),),
        notes="Linux fetches it with the timer group but never calls it: it may be missing.",
    ),
)
