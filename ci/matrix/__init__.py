"""The suite on several QEMU versions, machine types and backends, side by side."""
