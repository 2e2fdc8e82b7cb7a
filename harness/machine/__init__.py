"""One running machine: its process, monitor (QMP), wire and debugger (GDB), injector, snapshot.

Nothing here knows the ROM but as a file.
"""
