"""Structures that others have written: read, and brought to the names and units that are used here, or refused."""

from matdisc.formats.fields import (
    Note,
    checked,
    checked_masses,
    multiplicity,
    number,
    numbers,
    plain,
    refuse_disorder,
    silent,
    total_charge,
)
from matdisc.formats.files import Notes, read_structures, to_stderr

__all__ = [
    "Note", "Notes", "checked", "checked_masses", "multiplicity", "number", "numbers", "plain", "read_structures",
    "refuse_disorder", "silent", "to_stderr", "total_charge",
]  # fmt: skip
