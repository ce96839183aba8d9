"""Labels held against physics before they are believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matdisc.datasets.new.labels import Labels
from matdisc.datasets.new.options import NewOptions
from matdisc.errors import DataError
from matdisc.formats.entries import Entry

Say = Callable[[str], None]


def check(entries: Sequence[Entry], labels: Labels, options: NewOptions, say: Say) -> None:
    """Refuse labels that cannot mean what they say, and say what is left out.

    Raises:
        DataError: Naming file, frame, field and remedy.
    """
    _refuse_aperiodic(entries)


def _refuse_aperiodic(entries: Sequence[Entry]) -> None:
    for entry in entries:
        if not entry.atoms.pbc.all() or abs(entry.atoms.get_volume()) < 1e-3:
            raise DataError(
                f"{entry.where}: {entry.material_id!r} is not periodic in three directions (pbc "
                f"{' '.join('T' if p else 'F' for p in entry.atoms.pbc)}); data sets hold crystals: give it a cell, or "
                "take it out"
            )
