"""Predictions files: the boundary between models and scores."""

from matdisc.predictions.file import (
    OK,
    READABLE,
    STRUCTURE,
    SUFFIXES,
    UNCONVERGED,
    WRITTEN_COLUMNS,
    Submission,
    one_line,
    read,
    write,
    write_rows,
)

__all__ = [
    "OK",
    "READABLE",
    "STRUCTURE",
    "SUFFIXES",
    "UNCONVERGED",
    "WRITTEN_COLUMNS",
    "Submission",
    "one_line",
    "read",
    "write",
    "write_rows",
]
