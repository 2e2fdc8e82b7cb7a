"""What each allowance of the model means on the ROM: the shortest script that comes by it."""

import pytest

from harness.booted import Booted
from harness.explore.beside import play
from harness.explore.model import Model
from harness.explore.scene import Allowance
from harness.explore.script import Event

ENABLE, DISABLE = "call EnableInterrupts", "call DisableInterrupts"

SCRIPTS = {
    Allowance.ACCEPTED_EARLY: ("raise 5",),
    Allowance.SLAVE_ORDER: ("raise 9", "raise 8", ENABLE),
    Allowance.SECOND_EDGE: ("raise 5", "lower 5", "raise 5", ENABLE, "eoi master", "iret"),
    Allowance.LATE_EOI: ("raise 5", "raise 3", ENABLE, ENABLE, "eoi master", ENABLE),
    Allowance.EARLY_EOI: (
        *(ENABLE, "raise 5", ENABLE, DISABLE, "raise 3"),
        *("eoi master", "raise 4", ENABLE),
    ),
    Allowance.SLAVE_EOI: ("raise 5", "raise 9", ENABLE, "eoi slave", ENABLE),
    Allowance.USER_IF: ("raise 5", "user off"),
    Allowance.SYSENTER_MASK: ("user", "sysenter", "call GetInterruptMask"),
}


def events(lines: tuple[str, ...]) -> list[Event]:
    return [Event(verb, tuple(words)) for verb, *words in map(str.split, lines)]


@pytest.mark.parametrize("allowance", Allowance, ids=lambda each: each.name.lower())
def test_the_rom_comes_by_an_allowance_as_the_model_says(
    bare: Booted, allowance: Allowance
) -> None:
    script = events(SCRIPTS[allowance])
    lazy, ideal = Model(lazy=True), Model(lazy=False)
    for event in script:
        event.happen(lazy)
        event.happen(ideal)
    assert allowance in lazy.used
    assert lazy.state() != ideal.state()
    difference = play(bare, script)
    assert difference is None, str(difference)
