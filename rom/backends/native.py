"""The backend `native`: each call is its instruction, at CPL 0 on the bare machine."""

from rom.backends.backend import (
    DESCRIPTORS,
    INTERRUPTS,
    NO_RETURN,
    SHARED,
    SHARED_FILES,
    Backend,
)

NATIVE = Backend(
    name="native",
    summary="each call is its instruction, at CPL 0 on the bare machine",
    translation={**INTERRUPTS, **NO_RETURN, **DESCRIPTORS, **SHARED},
    open_files=("backends/native.s", "wedge/descriptors.s", "wedge/power.s", *SHARED_FILES),
)
