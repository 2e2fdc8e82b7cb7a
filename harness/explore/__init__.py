"""Arrival points: interrupts raised at every instruction boundary of a call, and what came of it."""
