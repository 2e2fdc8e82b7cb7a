"""The harness: boots a ROM and a guest in QEMU, drives them by QMP and GDB, and gives a verdict."""
