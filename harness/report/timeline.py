"""A case as a small picture in text: one column an event, one row a piece of state."""

from collections.abc import Sequence

from harness.report.log import Event

HIGH, LOW = "\N{UPPER ONE EIGHTH BLOCK}", "\N{LOWER ONE EIGHTH BLOCK}"
PLAIN_HIGH, PLAIN_LOW = "-", "_"
"""The same for an output that has no block characters."""


def timeline(events: Sequence[Event], blocks: bool = True) -> list[str]:
    """The lines of the picture; none for no events.

    blocks: draw the flags with block characters. Pure ASCII otherwise.
    """
    if not events:
        return []
    high, low = (HIGH, LOW) if blocks else (PLAIN_HIGH, PLAIN_LOW)
    rows: list[tuple[str, list[str]]] = [
        ("", [event.what for event in events]),
        ("pending", [_vectors(event.pending) for event in events]),
        ("handler", [_vectors([event.handler] if event.handler else []) for event in events]),
        ("at", [event.where for event in events]),
    ]
    flags = [
        ("virtual IF", [event.virtual_if for event in events]),
        ("real IF", [event.real_if for event in events]),
    ]
    title = max(len(name) for name, _ in [*rows, *flags]) + 2
    widths = [max(len(cells[column]) for _, cells in rows) + 2 for column in range(len(events))]

    def text_row(name: str, cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return (name.ljust(title) + "".join(padded)).rstrip()

    def flag_row(name: str, states: Sequence[bool]) -> str:
        drawn = ((high if on else low) * width for on, width in zip(states, widths, strict=True))
        return name.ljust(title) + "".join(drawn)

    return [
        text_row(*rows[0]),
        *(flag_row(name, states) for name, states in flags),
        *(text_row(name, cells) for name, cells in rows[1:]),
    ]


def _vectors(vectors: Sequence[int]) -> str:
    return " ".join(f"{vector:#x}" for vector in vectors) or "-"
