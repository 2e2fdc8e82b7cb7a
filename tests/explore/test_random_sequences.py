"""Any sequence of calls, interrupts, EOIs and handlers: the ROM does what the model does."""

from hypothesis.stateful import run_state_machine_as_test

from harness.explore.beside import Beside
from harness.explore.script import Event
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.plugin import MachinePool
from harness.rom import Rom
from tests.explore.sequences import Sequences, sequences


def test_a_rom_does_what_the_model_does(
    machine_pool: MachinePool,
    machine_config: MachineConfig,
    wedge_rom: Rom,
    wedge_guest: GuestFile,
) -> None:
    class OnTheRom(Sequences):
        def __init__(self) -> None:
            super().__init__()
            self.both = Beside(machine_pool.ready(machine_config, wedge_rom, wedge_guest))
            self.model = self.both.model

        def happen(self, event: Event) -> None:
            difference = self.both.happen(event)
            assert difference is None, str(difference)

    run_state_machine_as_test(OnTheRom, settings=sequences(examples=40, steps=25))
