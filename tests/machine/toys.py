"""Toy guests and a toy option ROM, in machine code written by hand."""

import struct
from pathlib import Path

START = 0x100000
ENTRY = START + 32  # behind the multiboot header

EXIT_42 = bytes.fromhex("b02a e6f4 ebfe")  # mov $42, %al; out %al, $0xf4; jmp .
COUNT = bytes.fromhex("40 41 42 ebfb")  # inc %eax; inc %ecx; inc %edx; jmp back to the first
SPIN = bytes.fromhex("ebfe")  # jmp .
RESET = bytes.fromhex("b0fe e664 ebfe")  # the 8042 pulses the reset line
POWER_OFF = bytes.fromhex("66ba0406 66b80020 66ef ebfe")  # S5 to PM1a control at 0x604
TRIPLE_FAULT = bytes.fromhex("0f011d 00002000 b877000000 cc")  # lidt zeros; mov $0x77, %eax; int3


def debug_print(text: str) -> bytes:
    """Code that writes the text to port 0xe9."""
    return b"".join(bytes((0xB0, byte, 0xE6, 0xE9)) for byte in text.encode())


def multiboot(folder: Path, code: bytes, name: str = "guest") -> Path:
    """Write a multiboot kernel (address fields in its header) that starts with the code."""
    magic, flags = 0x1BADB002, 1 << 16
    checksum = -(magic + flags) & 0xFFFFFFFF
    header = struct.pack("<8I", magic, flags, checksum, START, START, 0, 0, ENTRY)
    path = folder / name
    path.write_bytes(header + code)
    return path


def option_rom(folder: Path, name: str = "toy.rom") -> Path:
    """Write an option ROM whose init writes R to the debug console."""
    image = bytearray(512)
    image[:3] = bytes((0x55, 0xAA, 1))
    image[3:8] = bytes.fromhex("b052 e6e9 cb")  # mov $'R', %al; out %al, $0xe9; retf
    image[-1] = -sum(image) & 0xFF
    path = folder / name
    path.write_bytes(image)
    return path


HANDLER = START + 0x180
LOOP = ENTRY + 18


def interruptible(line: int) -> bytes:
    """A guest that counts at LOOP with this line of the master 8259 open; HANDLER spins."""
    vector = 8 + line  # as the BIOS has set the master
    gate = struct.pack("<HHHH", HANDLER & 0xFFFF, 0x08, 0x8E00, HANDLER >> 16)
    code = bytearray(0x200)
    table, gate_at = 0xE0, 0x100
    idt = ENTRY + gate_at - 8 * vector
    code[table : table + 6] = struct.pack("<HI", 8 * 32 - 1, idt)
    code[gate_at : gate_at + 8] = gate
    body = b"\x0f\x01\x1d" + struct.pack("<I", ENTRY + table)  # lidt
    body += bytes((0xB0, 0xFF & ~(1 << line), 0xE6, 0x21))  # the mask of the master
    body += b"\xbc" + struct.pack("<I", START + 0x8000)  # mov $stack, %esp
    body += b"\xfb\x90"  # sti; nop
    assert len(body) == LOOP - ENTRY
    code[: len(body) + len(COUNT)] = body + COUNT
    handler = HANDLER - ENTRY
    code[handler : handler + len(SPIN)] = SPIN
    return bytes(code)
