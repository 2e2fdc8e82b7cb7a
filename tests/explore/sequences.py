"""Random sequences of events: what may happen to a guest, wherever it stands."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from harness.explore.model import IF, NMI, SOFTWARE, Model
from harness.explore.pic import CASCADE, FIRST_VECTOR
from harness.explore.script import Event

LINES = (0, 1, 3, 4, 5, 7, 8, 9, 12, 14, 15)
"""Edge-triggered lines whose devices are quiet."""

OTHER_CALLS = ("DisableInterrupts", "GetInterruptMask", "UpdateKernelStack", "SetGDT")
CLOSED_CALLS = ("WriteGDTEntry", "SetIDT", "SetIOPLMask")
"""Calls that turn the real IF off for their work, and on again: see test_defects.py."""

lines = st.sampled_from(LINES)


def sequences(examples: int, steps: int) -> settings:
    """Settings for as many sequences, the same ones in each run."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )


class Sequences(RuleBasedStateMachine):
    """`model` says what may happen next; `happen` is given by those who use this."""

    model: Model

    def happen(self, event: Event) -> None:
        raise NotImplementedError

    def do(self, verb: str, *words: object) -> None:
        self.happen(Event(verb, tuple(map(str, words))))

    def send_eoi(self, line: int, specific: bool) -> None:
        """The EOI that a line wants: at the slave first, as kernels send it."""
        if line >= 8:
            self.do("eoi", "slave", *([line - 8] if specific else []))
            line = CASCADE
        self.do("eoi", "master", *([line] if specific else []))

    # --- where the guest stands ------------------------------------------------------------------

    def awake(self) -> bool:
        return not self.model.here.asleep

    def in_user_mode(self) -> bool:
        return self.model.here.user

    def in_kernel(self) -> bool:
        return self.awake() and not self.in_user_mode()

    def in_base(self) -> bool:
        return self.in_kernel() and self.model.here.frame is None

    def in_handler(self) -> bool:
        return self.in_kernel() and self.model.here.frame is not None

    def owes_eoi(self) -> bool:
        line = (self.model.here.vector or 0) - FIRST_VECTOR
        return (
            self.in_handler()
            and line in self.model.pic.in_service
            and line not in self.model.waiting
        )

    def no_nmi(self) -> bool:
        return all(context.vector != NMI for context in self.model.contexts)

    def may_close(self) -> bool:
        return self.in_kernel() and not self.model.held

    # --- what happens there ----------------------------------------------------------------------

    @rule(line=lines)
    def a_line_goes_up(self, line: int) -> None:
        if line in self.model.pic.up:
            self.do("lower", line)
        self.do("raise", line)

    @rule(line=lines)
    def a_line_goes_down(self, line: int) -> None:
        self.do("lower", line)

    @precondition(no_nmi)
    @rule()
    def an_nmi_comes(self) -> None:
        self.do("nmi")

    @precondition(in_kernel)
    @rule(name=st.sampled_from(("EnableInterrupts", *OTHER_CALLS)))
    def the_kernel_calls(self, name: str) -> None:
        self.do("call", name)

    @precondition(in_kernel)
    @rule(mask=st.sampled_from((IF, 0, 0xFFFFFDFF, 0xFFFFFFFF)))
    def the_kernel_sets_the_mask(self, mask: int) -> None:
        self.do("call", "SetInterruptMask", hex(mask))

    @precondition(in_kernel)
    @rule()
    def the_kernel_halts(self) -> None:
        self.do("call", "Halt")

    @precondition(may_close)
    @rule(name=st.sampled_from(CLOSED_CALLS))
    def the_kernel_calls_what_is_closed(self, name: str) -> None:
        self.do("call", name)

    @precondition(may_close)
    @rule(line=lines, kind=st.sampled_from(("trap", "interrupt")))
    def the_kernel_writes_a_gate(self, line: int, kind: str) -> None:
        self.do("gate", line, kind)

    @precondition(in_kernel)
    @rule(image=st.sampled_from(("on", "off")))
    def the_kernel_goes_on_by_iret(self, image: str) -> None:
        self.do("resume", image)

    @precondition(owes_eoi)
    @rule(specific=st.booleans())
    def a_handler_sends_its_eoi(self, specific: bool) -> None:
        self.send_eoi((self.model.here.vector or 0) - FIRST_VECTOR, specific)

    @precondition(in_handler)
    @rule()
    def a_handler_returns(self) -> None:
        self.do("iret")

    @precondition(in_base)
    @rule(way=st.sampled_from(("user", "sysexit")))
    def the_kernel_goes_to_user_mode(self, way: str) -> None:
        self.do(way)

    @precondition(in_user_mode)
    @rule()
    def user_code_comes_back(self) -> None:
        self.do("sysenter")

    @precondition(awake)
    @rule(vector=st.sampled_from(SOFTWARE))
    def an_int_is_executed(self, vector: int) -> None:
        self.do("int", hex(vector))
