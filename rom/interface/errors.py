"""What the interface raises; each message is one sentence: what, where and what to do."""

from rom.errors import RomError


class InterfaceError(RomError):
    """The interface data or a record of it contradicts the VMI ABI."""


class UnknownCall(RomError):
    """A name, number or generation that the table of calls does not have."""
