"""Make a failing sequence short: leave parts out as long as it fails."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

MOST_TRIES = 300
"""Trials at the most; each plays a sequence on a machine."""


def shrink(
    items: Sequence[T],
    fails: Callable[[Sequence[T]], Sequence[T] | None],
    tries: int = MOST_TRIES,
) -> Sequence[T]:
    """A shorter sequence that fails, too: large parts are left out first, then single items.

    fails: answers the part of a sequence that was needed to see it fail, None when it holds. After
    `tries` calls of it the shortest one so far is the answer.
    """
    size = max(len(items) // 2, 1)
    while tries and items:
        shorter = None
        for start in range(0, len(items), size):
            if not tries:
                break
            tries -= 1
            shorter = fails([*items[:start], *items[start + size :]])
            if shorter is not None and len(shorter) < len(items):
                items = shorter
                break
            shorter = None
        if shorter is None:
            if size == 1:
                break
            size = max(size // 2, 1)
        else:
            size = min(size, max(len(items) // 2, 1))
    return items
