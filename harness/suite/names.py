"""What a report's files are called, and what the processes of a run tell each other by."""

NAME = "test"
"""What the files of a report are called: test.html, test.json, test.xml."""

FAILURES = "failures"
"""The folder, in that of the report, where each failed test has one."""

FOUND, FOLDER, AGAIN, LACKS = "wedge_machines", "wedge_folder", "wedge_again", "wedge_lacks"
"""Attributes of a report of pytest's in which a test's process tells what it found."""

POOL = "machine_pool"
"""The fixture that hands out machines which tests share."""

MACHINE, TO_LOOK = "machine of", "to look into it"
"""What begins the titles of sections that are for the terminal: the page has better."""
