"""How a machine ended, as read from QEMU's exit status, its last event and its log."""

import signal
from dataclasses import dataclass

DEBUG_EXIT = "debug-exit"
SHUTDOWN = "shutdown"
RESET = "reset"
TRIPLE_FAULT = "triple fault"
DIED = "died"
TIMEOUT = "timeout"

POWERED_OFF = "The guest powered off."

GUEST_SHUTDOWN = "guest-shutdown"
"""QMP's reason for a guest that powered off, and from QEMU 11 on for one that wrote the debug-exit
port, too: there QEMU ends with the status only when it is asked to quit."""

EXIT_IS_A_SHUTDOWN = (10, 1, 0)
"""The first QEMU that may not end by itself when a guest writes the debug-exit port; 10.0 does."""


@dataclass(frozen=True)
class Ending:
    """How a machine ended.

    kind: debug-exit (the guest wrote the debug-exit port), shutdown (it powered off), reset (it
    reset itself), triple fault, died (QEMU crashed or was killed), or timeout (it did not end).
    detail: a sentence or more for people. status: QEMU's exit status, negative for a signal, None
    while it lives.
    """

    kind: str
    detail: str
    status: int | None = None

    @property
    def value(self) -> int | None:
        """What the guest wrote to the debug-exit port; None when it ended otherwise."""
        if self.kind != DEBUG_EXIT or self.status is None:
            return None
        return (self.status - 1) // 2


def ending_of_process(status: int, stderr: str) -> Ending:
    """The ending that QEMU's exit status tells.

    The device isa-debug-exit ends QEMU with the status 2 * value + 1. QEMU's own errors end it
    with 1, but never without a word on standard error.
    """
    words = [line for line in stderr.splitlines() if line.strip() and "warning:" not in line]
    if status < 0:
        name = signal.Signals(-status).name
        return Ending(DIED, f"QEMU was ended by the signal {name}.", status)
    if status % 2 == 0 or (status == 1 and words):
        said = f": {words[-1]}" if words else "."
        return Ending(DIED, f"QEMU ended with the status {status}{said}", status)
    return Ending(
        DEBUG_EXIT, f"The guest wrote {(status - 1) // 2} to the debug-exit port.", status
    )


def ending_of_quit(status: int, stderr: str) -> Ending:
    """The ending that the exit status tells of a QEMU that was asked to quit after its guest ended.

    It is that of the debug-exit port, and 0 for a guest that powered off.
    """
    if status == 0:
        return Ending(SHUTDOWN, POWERED_OFF, status)
    return ending_of_process(status, stderr)


def ending_of_guest(reason: str, qemu_log: str, registers: str) -> Ending:
    """The ending that QMP's SHUTDOWN event tells: its reason, the log of resets, and registers.

    QEMU reports a triple fault as a reset by the guest; only its log names it. An older one
    in the log is followed by the reset that ended it.
    """
    if qemu_log.rfind("Triple fault") > qemu_log.rfind("CPU Reset"):
        return Ending(TRIPLE_FAULT, f"The guest triple faulted with these registers:\n{registers}")
    if reason == "guest-reset":
        return Ending(RESET, "The guest reset the machine.")
    if reason == GUEST_SHUTDOWN:
        return Ending(SHUTDOWN, POWERED_OFF)
    return Ending(SHUTDOWN, f"The machine shut down: {reason}.")
