"""Guest programs that the kit assembles itself, and the shims that put a guest where it is wanted."""
