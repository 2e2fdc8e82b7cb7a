"""Tests of one running machine, with toy guests of a few bytes."""
