"""What a foreign guest binds, and how often it calls what, is told from outside."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.boot import BootReport, BootRequest, boot
from harness.bound import BoundCall
from harness.machine.config import MachineConfig
from harness.rom import Rom
from rom.assembler import assemble
from rom.elf import Section, executable
from rom.interface.include import assembly_include
from rom.source import generated

LOAD_ADDRESS = 0x100000

ASKED = ("EnableInterrupts", "GetInterruptMask", "AllocatePage", "ReleasePage", "SetAlarm")

FIND_AND_BIND = """
.balign 4
    .long 0x1badb002, 0, -0x1badb002
start:
    movl $stack, %esp
    cld
    movl $0xc0000, %ebx
probe:
    cmpl $VMI_VROM_SIGNATURE, 8(%ebx)
    je found
    addl $2048, %ebx
    jmp probe
found:
    movl $VMI_CALL_DisableInterrupts, %eax  # before Init, which counts for nothing
    call ask
    leal VMI_HEADER_VMI_INIT(%ebx), %eax
    call *%eax
    movl $0x12345, %eax                     # no call's number
    call ask
    movl $VMI_CALL_EnableInterrupts, %eax
    call ask
    movl $VMI_CALL_SetAlarm, %eax
    call ask
    movl $VMI_CALL_AllocatePage, %eax
    call ask
    movl %eax, allocate_page
    movl $VMI_CALL_ReleasePage, %eax
    call ask
    movl %eax, release_page
    movl $VMI_CALL_GetInterruptMask, %eax
    call ask
    movl %eax, get_mask
    jmp work
ask:
    leal VMI_HEADER_GET_RELOCATION_INFO(%ebx), %edx
    jmp *%edx

# In: EAX = number, printed in hexadecimal, the last digit first.
print_number:
    movw $0x3f8, %dx
    movl %eax, %ecx
print_digit:
    movl %ecx, %eax
    andl $15, %eax
    movb digits(%eax), %al
    outb %al, %dx
    shrl $4, %ecx
    jnz print_digit
    ret
print_done:
    movl $text, %esi
    movw $0x3f8, %dx
print_next:
    lodsb
    outb %al, %dx
    testb %al, %al
    jnz print_next
    ret
digits:
    .ascii "0123456789abcdef"
text:
    .asciz " done."
.balign 4
get_mask:       .long 0
allocate_page:  .long 0
release_page:   .long 0
    .space 512
stack:
"""

COUNTS_A_LITTLE = """
work:
    call *get_mask
    call *release_page
    call *release_page
    call *allocate_page
    call *release_page
    call print_done
end:
    jmp end
"""

CALLS_UNDER_INTERRUPTS = """
work:
    movl $tick, %eax                        # a gate to `tick` for IRQ 0, where the BIOS has it
    movw %ax, gate
    shrl $16, %eax
    movw %ax, gate+6
    lidtl register
    movb $0xfe, %al
    outb %al, $0x21
    movb $0x34, %al                         # the timer, some ten thousand a second
    outb %al, $0x43
    movb $0x70, %al
    outb %al, $0x40
    xorl %eax, %eax
    outb %al, $0x40
    xorl %esi, %esi
    sti
again:
    incl %esi
    call *get_mask
    cmpl $300, ticks
    jb again
    cli
    movl %esi, %eax
    call print_number
    call print_done
end:
    jmp end
tick:
    pushl %eax
    incl ticks
    movb $0x20, %al
    outb %al, $0x20
    popl %eax
    iretl
ticks:
    .long 0
.balign 8
table:
    .space 64
gate:
    .word 0, 8, 0x8e00, 0
register:
    .word 71
    .long table
"""


def kernel(folder: Path, work: str) -> Path:
    """A multiboot ELF that finds the ROM, asks for ASKED, and goes on to `work`."""
    lines = [*assembly_include("3.0").splitlines(), *(FIND_AND_BIND + work).splitlines()]
    code = assemble(generated(lines, "guest"), LOAD_ADDRESS)
    path = folder / "kernel"
    path.write_bytes(executable(Section(".text", code), "start", LOAD_ADDRESS))
    return path


def boot_to_done(config: MachineConfig, rom: Rom, path: Path) -> tuple[BootReport, str]:
    """Boot until the guest says so; answers what was found, and what it said before."""
    said = bytearray()
    report = boot(BootRequest(rom.path, path, config, until="done."), show=said.extend)
    assert report.log.verdict == "pass", report.trouble
    assert report.bound_note == ""
    return report, said.decode().partition(" done.")[0]


def by_name(report: BootReport) -> dict[str, BoundCall]:
    return {call.name: call for call in report.bound}


def config_with(machine_config: MachineConfig, execution: bool) -> MachineConfig:
    return MachineConfig(qemu=machine_config.qemu, execution=execution)


def test_the_calls_that_a_guest_asked_for_once_the_rom_runs_are_known(
    machine_config: MachineConfig, wedge_rom: Rom, tmp_path: Path
) -> None:
    path = kernel(tmp_path, COUNTS_A_LITTLE)
    report, _ = boot_to_done(config_with(machine_config, False), wedge_rom, path)
    assert [call.number for call in report.bound] == list(range(74))
    assert {call.name for call in report.bound if call.asked} == set(ASKED)
    assert {call.calls for call in report.bound} == {None}
    types: Mapping[str, str] = {row["name"]: row["type"] for row in wedge_rom.manifest["calls"]}
    assert {call.name: call.type for call in report.bound} == types
    provided = sum(types[name] != "NONE" for name in ASKED)
    assert (report.guest["bound"], report.guest["calls"]) == (provided, 74)


def test_calls_are_counted_each_for_itself(
    machine_config: MachineConfig, wedge_rom: Rom, tmp_path: Path
) -> None:
    path = kernel(tmp_path, COUNTS_A_LITTLE)
    report, _ = boot_to_done(config_with(machine_config, True), wedge_rom, path)
    called = {call.name: call.calls for call in report.bound if call.calls}
    assert called == {"GetInterruptMask": 1, "AllocatePage": 1, "ReleasePage": 3}
    assert by_name(report)["EnableInterrupts"].calls == 0


def test_the_count_is_exact_while_interrupts_rain(
    machine_config: MachineConfig, wedge_rom: Rom, tmp_path: Path
) -> None:
    path = kernel(tmp_path, CALLS_UNDER_INTERRUPTS)
    report, said = boot_to_done(config_with(machine_config, True), wedge_rom, path)
    called = {call.name: call.calls for call in report.bound if call.calls}
    assert called == {"GetInterruptMask": int(said[::-1], 16)}


@pytest.mark.parametrize("backend", ["native", "bare"])
def test_a_plain_boot_logs_no_execution(
    machine_config: MachineConfig, roms: Mapping[str, Rom], tmp_path: Path, backend: str
) -> None:
    path = kernel(tmp_path, COUNTS_A_LITTLE)
    report, _ = boot_to_done(config_with(machine_config, False), roms[backend], path)
    assert not {"-dfilter", "cpu_reset,exec"} & set(report.machine["command_line"])
