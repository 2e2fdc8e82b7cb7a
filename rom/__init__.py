"""The ROM: from the table of calls to an option ROM image, its symbols, listing and manifest."""
