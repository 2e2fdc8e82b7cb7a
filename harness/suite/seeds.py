"""The seed of random tests: the same seed, the same run."""

import random
from typing import Any

BITS = 32
"""Size of a seed, small enough to be typed."""


def new_seed() -> int:
    """A seed that nobody had before, in all likelihood."""
    return random.SystemRandom().getrandbits(BITS)


def fix_seed(test: Any, number: int) -> None:
    """Have a test of hypothesis's draw by this seed, whatever its settings say; others stay."""
    from hypothesis import is_hypothesis_test, seed  # here, for it takes its time

    function = getattr(test, "__func__", test)
    if is_hypothesis_test(function):
        seed(number)(function)
