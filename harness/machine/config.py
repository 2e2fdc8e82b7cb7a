"""What machine to run, and the QEMU command line for it.

The options used exist in QEMU 5.2 and in all versions since.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, MissingTool

DEBUG_EXIT_PORT = 0xF4
DEBUG_CONSOLE_PORT = 0xE9
FIRMWARE_LOG_PORT = 0x402

QMP_SOCKET = "qmp.sock"
GDB_SOCKET = "gdb.sock"
QTEST_SOCKET = "qtest.sock"
SERIAL_LOG = "serial.log"
DEBUG_LOG = "debug.log"
FIRMWARE_LOG = "firmware.log"
QEMU_LOG = "qemu.log"
EXECUTION_PIPE = "execution.pipe"
SNAPSHOT_IMAGE = "snapshot.qcow2"

ACCELERATORS = ("tcg", "kvm")

LINEAR_BASES = (0, 0xC0000000)
"""Guests see low memory at its physical address, or through Linux's map of it."""

ROM_RAM = range(0xA0000, 0x100000)
"""The physical addresses at which a ROM's code may be."""


@dataclass(frozen=True)
class MachineConfig:
    """What to boot, and on what.

    machine: QEMU's machine type (pc, isapc, q35). memory: RAM in MiB. smp: number of processors,
    one a socket. qemu: the program, "" for qemu-system-i386 from PATH. accel: tcg or kvm.
    cpu: QEMU's processor model, "" for the machine's own. option_rom, kernel, initrd: files.
    append: the kernel's command line. icount: one clock tick an instruction. snapshot: attach the
    empty disk image that savevm needs. execution: log what is executed of the ROMs, for
    `Machine.entries`; takes tcg, and its time. extra: further QEMU options, as they are.
    """

    machine: str = "pc"
    memory: int = 32
    smp: int = 1
    qemu: str = ""
    accel: str = "tcg"
    cpu: str = ""
    option_rom: Path | None = None
    kernel: Path | None = None
    initrd: Path | None = None
    append: str = ""
    icount: bool = False
    snapshot: bool = False
    execution: bool = False
    extra: tuple[str, ...] = ()


def command_line(config: MachineConfig, folder: Path) -> list[str]:
    """QEMU's arguments for this machine, its sockets and logs being in `folder`.

    The machine starts stopped (-S). A guest that resets or powers off leaves it stopped with its
    registers readable (-no-reboot -no-shutdown); `-d cpu_reset` tells a triple fault from a reset.
    Raises HarnessError for a value that makes no sense, MissingTool without QEMU.
    """
    check(config)
    arguments = [find_qemu(config), "-nodefaults", "-no-user-config", "-display", "none", "-S"]
    arguments += ["-no-reboot", "-no-shutdown"]
    if config.execution:
        ranges = (f"{base + ROM_RAM.start:#x}+{len(ROM_RAM):#x}" for base in LINEAR_BASES)
        arguments += ["-d", "cpu_reset,exec", "-dfilter", ",".join(ranges)]
        arguments += ["-D", str(folder / EXECUTION_PIPE)]
    else:
        arguments += ["-d", "cpu_reset", "-D", str(folder / QEMU_LOG)]
    arguments += ["-machine", config.machine, "-accel", config.accel, "-m", str(config.memory)]
    if config.smp > 1:
        arguments += ["-smp", f"{config.smp},sockets={config.smp},cores=1,threads=1"]
    if config.cpu:
        arguments += ["-cpu", config.cpu]
    if config.icount:
        arguments += ["-icount", "shift=0,sleep=off"]
    else:
        # The date stands while the machine does. (With sleep=off, time jumps to its next alarm.)
        arguments += ["-rtc", "base=utc,clock=vm"]
    arguments += [*_log("serial", folder / SERIAL_LOG), "-serial", "chardev:serial"]
    for name, log, port in (
        ("debug", DEBUG_LOG, DEBUG_CONSOLE_PORT),
        ("firmware", FIRMWARE_LOG, FIRMWARE_LOG_PORT),
    ):
        arguments += _log(name, folder / log)
        arguments += ["-device", f"isa-debugcon,iobase={port:#x},chardev={name}"]
    arguments += ["-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=4"]
    arguments += ["-qmp", f"unix:{escape(folder / QMP_SOCKET)}"]
    gdb = escape(folder / GDB_SOCKET)
    arguments += ["-chardev", f"socket,id=gdb,path={gdb},server=on,wait=off", "-gdb", "chardev:gdb"]
    qtest = escape(folder / QTEST_SOCKET)
    arguments += ["-qtest", f"unix:{qtest},server=on,wait=off", "-qtest-log", "none"]
    if config.snapshot:
        image = escape(folder / SNAPSHOT_IMAGE)
        arguments += ["-drive", f"if=none,id=snapshot,format=qcow2,cache=unsafe,file={image}"]
    if config.option_rom:
        arguments += ["-option-rom", escape(config.option_rom)]
    if config.kernel:
        arguments += ["-kernel", str(config.kernel)]
    if config.initrd:
        arguments += ["-initrd", str(config.initrd)]
    if config.append:
        arguments += ["-append", config.append]
    return [*arguments, *config.extra]


def check(config: MachineConfig) -> None:
    """Raise HarnessError, in one sentence, for the first value that makes no sense."""
    if not config.machine:
        raise HarnessError("The machine type is empty; give one that QEMU knows, such as pc.")
    if config.memory < 1:
        raise HarnessError(f"A machine with {config.memory} MiB cannot boot; give memory >= 1.")
    if config.smp < 1:
        raise HarnessError(f"A machine with {config.smp} processors cannot boot; give smp >= 1.")
    if config.accel not in ACCELERATORS:
        known = " or ".join(ACCELERATORS)
        raise HarnessError(f"The accelerator {config.accel!r} is not known; give {known}.")
    if config.icount and config.accel != "tcg":
        raise HarnessError("Only the accelerator tcg counts instructions; leave out icount or kvm.")
    if config.execution and config.accel != "tcg":
        raise HarnessError("Only the accelerator tcg counts calls; leave out the count or kvm.")
    for what, path in (
        ("option ROM", config.option_rom),
        ("kernel", config.kernel),
        ("initrd", config.initrd),
    ):
        if path and not path.is_file():
            raise HarnessError(f"The {what} {path} is not a file; build it or name another.")
    if config.kernel is None and (config.initrd or config.append):
        raise HarnessError("An initrd or a kernel command line needs a kernel; name one.")


def find_qemu(config: MachineConfig) -> str:
    """The path of the QEMU program; raises MissingTool."""
    program = config.qemu or "qemu-system-i386"
    found = shutil.which(program)
    if found is None:
        raise MissingTool(program, "qemu-system-x86")
    return found


def escape(path: Path) -> str:
    """The path as a value inside a QEMU option, where a comma is written twice."""
    return str(path).replace(",", ",,")


def _log(name: str, path: Path) -> list[str]:
    return ["-chardev", f"file,id={name},path={escape(path)}"]
