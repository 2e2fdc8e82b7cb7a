"""Runs of tests: what becomes of a failed one's machine, the reports, and runs in a row."""
