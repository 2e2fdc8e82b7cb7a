"""Guest programs that the kit assembles, and the shims that put a guest where it is wanted."""
