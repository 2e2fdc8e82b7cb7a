"""A failing sequence is made short: what it needs stays, in its order."""

from collections.abc import Sequence

import pytest

from harness.explore.shrink import shrink


@pytest.mark.parametrize("wanted", [[7], [3, 91], [0, 50, 99], []])
def test_only_what_is_needed_is_left(wanted: list[int]) -> None:
    def fails(items: Sequence[int]) -> Sequence[int] | None:
        return items if set(wanted) <= set(items) else None

    assert list(shrink(range(100), fails)) == wanted


def test_what_a_failure_did_not_come_to_is_left_out_at_once() -> None:
    tried = []

    def fails(items: Sequence[int]) -> Sequence[int] | None:
        tried.append(items)
        return items[: list(items).index(5) + 1] if 5 in items else None

    assert list(shrink(range(1000), fails)) == [5]
    assert len(tried) < 20


def test_the_number_of_trials_is_bounded() -> None:
    tried = []

    def fails(items: Sequence[int]) -> Sequence[int] | None:
        tried.append(items)
        return items if len(items) > 500 else None

    shorter = shrink(range(1000), fails, tries=30)
    assert len(tried) == 30
    assert len(shorter) < 1000
