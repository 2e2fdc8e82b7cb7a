"""Is this machine ready, and why would a BIOS or a guest ignore this ROM."""
