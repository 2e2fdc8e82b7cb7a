"""What the ROM side raises when it was asked for something it cannot do."""


class RomError(Exception):
    """One clear sentence: what is wrong, where, and what to do. Status 2 on the command line."""
