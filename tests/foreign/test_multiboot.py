"""A kernel that takes its own interrupts and never looks for a ROM runs beside one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.machine.config import MachineConfig
from harness.machine.process import Machine
from harness.rom import Rom
from rom.assembler import assemble
from rom.image import Image
from rom.source import generated
from tests.foreign.conftest import check_unharmed
from tests.machine import toys

TEN_TICKS = """
    movl $stack, %esp
    movl $tick, %eax                        # a gate to `tick` for IRQ 0, where the BIOS has it
    movw %ax, gate
    shrl $16, %eax
    movw %ax, gate+6
    lidtl register
    movb $0xfe, %al
    outb %al, $0x21
    movb $0x34, %al                         # the timer, as fast as one may
    outb %al, $0x43
    movb $0x00, %al
    outb %al, $0x40
    movb $0x10, %al
    outb %al, $0x40
    sti
sleep:
    hlt
    cmpl $10, ticks
    jb sleep
    cli
done:
    jmp done
tick:
    pushl %eax
    incl ticks
    movb $0x20, %al
    outb %al, $0x20
    popl %eax
    iretl
.balign 8
table:
    .space 64
gate:
    .word 0, 8, 0x8e00, 0
register:
    .word 71
    .long table
ticks:
    .long 0
    .space 256
stack:
"""


@pytest.mark.parametrize("kind", ["pc", "isapc", "q35"])
def test_a_kernel_takes_its_interrupts_natively_beside_a_rom(
    machine_config: MachineConfig,
    wedge_rom: Rom,
    images: Mapping[str, Image],
    tmp_path: Path,
    kind: str,
) -> None:
    code = assemble(generated(TEN_TICKS.splitlines(), "ten ticks"), toys.ENTRY)
    kernel = toys.multiboot(tmp_path, code.code)
    config = replace(machine_config, machine=kind, kernel=kernel, option_rom=wedge_rom.path)
    with Machine(config) as machine:
        wire = machine.wire()
        wire.run_to(code.labels["done"], timeout=20)
        ticks = int.from_bytes(wire.read(code.labels["ticks"], 4), "little")
        assert ticks >= 10
        assert wire.registers()["esp"] == code.labels["stack"]
        check_unharmed(machine, wedge_rom, images)
