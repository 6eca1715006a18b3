"""Bytes and values: the standard, and nothing else. No I/O, no clock, no logger, no thread."""
