"""Toy guests that a foreign user might bring."""

from pathlib import Path

from tests.machine import toys

HALT = bytes.fromhex("fa f4 ebfd")  # cli; 1: hlt; jmp 1b


def say(text: str) -> bytes:
    """Code that writes the text to the first serial port."""
    writes = (bytes((0xB0, byte, 0xEE)) for byte in text.encode())  # mov $byte, %al; out %al, %dx
    return bytes.fromhex("66baf803") + b"".join(writes)  # mov $0x3f8, %dx


def exit_with(value: int) -> bytes:
    """Code that ends QEMU by the debug-exit port."""
    return bytes((0xB0, value, 0xE6, 0xF4)) + toys.SPIN


def guest(folder: Path, code: bytes, name: str = "toy") -> Path:
    """Write the guest as a multiboot file."""
    return toys.multiboot(folder, code, name)
