"""Sequences that forty random ones may miss, by the ROM and the model."""

import pytest

from harness.booted import Booted
from harness.explore.beside import play
from harness.explore.happenings import event
from harness.explore.killers import DIRECTED


@pytest.mark.parametrize("name", DIRECTED)
def test_a_script_goes_as_the_model_says(booted: Booted, name: str) -> None:
    difference = play(booted, map(event, DIRECTED[name]))
    assert difference is None, str(difference)
