"""Continuous integration: how a machine is made ready, and the QEMU matrix."""
