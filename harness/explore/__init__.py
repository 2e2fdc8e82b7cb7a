"""Arrival points: an interrupt at every instruction boundary of a call, and what came of it."""
