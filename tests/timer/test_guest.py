"""The guest that sets alarms: what it finds from inside, instruction by instruction the same."""

import re
from dataclasses import replace

import pytest

from guests.build import GUESTS, build_guest, write_guest
from harness.booted import boot_to_ready
from harness.guest import load_guest
from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from harness.rom import Rom

ALARM_GUESTS = [name for name in GUESTS if name.startswith("alarm")]

_CHECK = re.compile(r"^check (\S+) (pass|fail)", re.M)
_NAME = re.compile(r'check_\d+: \.asciz "(.+)"')


@pytest.mark.parametrize("name", ALARM_GUESTS)
def test_the_guest_makes_all_its_checks_and_all_hold(
    name: str,
    machine_config: MachineConfig,
    wedge_rom: Rom,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    built = build_guest(name)
    guest = load_guest(write_guest(built, tmp_path_factory.mktemp("guests")))
    config = replace(machine_config, option_rom=wedge_rom.path, kernel=guest.path, icount=True)
    with Machine(config) as machine:
        boot_to_ready(machine, wedge_rom, guest)
        said = _CHECK.findall(machine.debug_console())
    names = [found[1] for row in built.assembly.rows if (found := _NAME.match(row.line.text))]
    ours = {name for name in names if name.startswith("alarm/")}
    assert "alarm/lvtt-wakes-halt" in ours
    assert [name for name, verdict in said if verdict != "pass"] == []
    assert ours <= {name for name, _ in said}
