"""The event log, and what is made of it: terminal and timeline."""
