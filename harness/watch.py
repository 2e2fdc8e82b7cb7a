"""The serial console of a guest that runs: what is new on it, and whether a text was there."""

from collections.abc import Callable

CHUNK = 1 << 18
"""Bytes of the console read at a time."""

SHOWN = 1 << 16
"""Bytes shown a look at the most: no reader follows more, and the guest's time goes on."""


class Watch:
    """Follows a serial console.

    read: answers bytes of it, given a start and the most to answer, none at its present end. until:
    the text to look for, "" for none. show: is given what is new. `seen` tells that the text was
    there, wherever reads cut it; `length` is the console's, in bytes.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], until: str, show: Callable[[bytes], None]
    ) -> None:
        self._read = read
        self._until = until.encode()
        self._show = show
        self._before = b""  # the end of what was searched, shorter than the text by one
        self.seen = False
        self.length = 0

    def look(self) -> None:
        """Show what is new and search it. A flood is searched whole, and shown in part."""
        left_out = 0
        room = SHOWN
        while data := self._read(self.length, CHUNK):
            self.length += len(data)
            self._search(data)
            if shown := data[:room]:
                self._show(shown)
            room -= len(shown)
            left_out += len(data) - len(shown)
            if len(data) < CHUNK:
                break
        if left_out:
            self._show(f"\n[{left_out} bytes are left out here]\n".encode())

    def _search(self, data: bytes) -> None:
        if not self._until or self.seen:
            return
        searched = self._before + data
        self.seen = self._until in searched
        self._before = searched[max(len(searched) - len(self._until) + 1, 0) :]
