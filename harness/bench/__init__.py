"""What the calls cost: instructions of each, and of whole workloads with a ROM and without one."""
