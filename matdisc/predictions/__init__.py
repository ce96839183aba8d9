"""Predictions files: the boundary between models and scores."""

from matdisc.predictions.file import (
    OK,
    READABLE,
    STRUCTURE,
    SUFFIXES,
    UNCONVERGED,
    Submission,
    one_line,
    read,
    write,
)

__all__ = ["OK", "READABLE", "STRUCTURE", "SUFFIXES", "UNCONVERGED", "Submission", "one_line", "read", "write"]
