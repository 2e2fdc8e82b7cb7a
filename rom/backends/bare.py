"""The backend `bare`: a virtual CPU and a virtual PIC on the bare machine, disabling lazily."""

from rom.backends.backend import (
    DESCRIPTORS,
    INTERRUPTS,
    NO_RETURN,
    SHARED,
    SHARED_FILES,
    Backend,
)

BARE = Backend(
    name="bare",
    summary="virtual IF, shadow IDT and pending vectors; the real IF stays on while masked",
    translation={**INTERRUPTS, **NO_RETURN, **DESCRIPTORS, **SHARED},
    open_files=(
        *("backends/bare.s", "backends/smp_open.s", "wedge/descriptors.s"),
        *SHARED_FILES,
    ),
    closed_files=(
        *("wedge/arrive.s", "wedge/deliver.s", "wedge/pic.s"),
        *("backends/shadow.s", "backends/smp.s", "wedge/power.s"),
    ),
)
