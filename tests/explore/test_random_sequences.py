"""Any sequence of calls, interrupts, EOIs and handlers: the ROM does what the model does."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from harness.booted import Booted
from harness.explore.beside import Beside
from harness.explore.model import IF, NMI, SOFTWARE
from harness.explore.script import Event
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom

LINES = (0, 1, 3, 4, 5, 7, 8, 9, 12, 14, 15)
"""Edge-triggered lines whose devices are quiet."""

OTHER_CALLS = (
    "DisableInterrupts",
    "GetInterruptMask",
    "UpdateKernelStack",
    "WriteGDTEntry",
    "SetIDT",
    "SetGDT",
    "SetIOPLMask",
)
lines = st.sampled_from(LINES)


class Sequences(RuleBasedStateMachine):
    """What may happen to a guest, wherever it stands."""

    ready: Booted  # given by the test

    def __init__(self) -> None:
        super().__init__()
        self.both = Beside(self.start())
        self.model = self.both.model

    def start(self) -> Booted:
        raise NotImplementedError

    def happen(self, verb: str, *words: object) -> None:
        difference = self.both.happen(Event(verb, tuple(map(str, words))))
        assert difference is None, str(difference)

    def in_kernel(self) -> bool:
        return not (self.model.here.user or self.model.here.asleep)

    def in_handler(self) -> bool:
        return self.in_kernel() and self.model.here.frame is not None

    def in_base(self) -> bool:
        return self.in_kernel() and self.model.here.frame is None

    def no_nmi(self) -> bool:
        return all(context.vector != NMI for context in self.model.contexts)

    @rule(line=lines)
    def a_line_goes_up(self, line: int) -> None:
        if line in self.model.pic.up:
            self.happen("lower", line)
        self.happen("raise", line)

    @precondition(no_nmi)
    @rule()
    def an_nmi_comes(self) -> None:
        self.happen("nmi")

    @precondition(in_kernel)
    @rule(name=st.sampled_from(OTHER_CALLS))
    def the_kernel_calls(self, name: str) -> None:
        self.happen("call", name)

    @precondition(in_kernel)
    @rule(name=st.sampled_from(("EnableInterrupts", "SetInterruptMask")))
    def the_kernel_enables(self, name: str) -> None:
        self.happen("call", name, *([hex(IF)] if name == "SetInterruptMask" else []))

    @precondition(in_kernel)
    @rule(mask=st.sampled_from((0, 0xFFFFFDFF, 0xFFFFFFFF)))
    def the_kernel_sets_the_mask(self, mask: int) -> None:
        self.happen("call", "SetInterruptMask", hex(mask))

    @precondition(in_kernel)
    @rule()
    def the_kernel_halts(self) -> None:
        self.happen("call", "Halt")

    @precondition(in_kernel)
    @rule(line=lines, kind=st.sampled_from(("trap", "interrupt")))
    def the_kernel_writes_a_gate(self, line: int, kind: str) -> None:
        self.happen("gate", line, kind)

    @precondition(in_kernel)
    @rule(image=st.sampled_from(("on", "off")))
    def the_kernel_goes_on_by_iret(self, image: str) -> None:
        self.happen("resume", image)

    @precondition(in_handler)
    @rule(specific=st.booleans())
    def a_handler_sends_its_eoi(self, specific: bool) -> None:
        vector = self.model.here.vector
        if vector is None or not 0x20 <= vector < 0x30:
            return
        line = vector - 0x20
        if line >= 8:
            self.happen("eoi", "slave", *([line - 8] if specific else []))
            line = 2
        self.happen("eoi", "master", *([line] if specific else []))

    @precondition(in_handler)
    @rule()
    def a_handler_returns(self) -> None:
        self.happen("iret")

    @precondition(in_base)
    @rule(way=st.sampled_from(("user", "sysexit")))
    def the_kernel_goes_to_user_mode(self, way: str) -> None:
        self.happen(way)

    @precondition(lambda self: self.model.here.user)
    @rule()
    def user_code_comes_back(self) -> None:
        self.happen("sysenter")

    @precondition(lambda self: not self.model.here.asleep)
    @rule(vector=st.sampled_from(SOFTWARE))
    def software_interrupts(self, vector: int) -> None:
        self.happen("int", hex(vector))


def test_a_rom_does_what_the_model_does(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    wedge_rom: Rom,
    wedge_guest: GuestFile,
) -> None:
    class Here(Sequences):
        def start(self) -> Booted:
            return machine_pool.ready(machine_config, wedge_rom, wedge_guest)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
