"""What follows from labels and options, before it is written."""

from __future__ import annotations

from dataclasses import dataclass, field

from matdisc.cards.base import EnergyScale
from matdisc.formats.entries import Entry
from matdisc.physics.formation import formation_energy_per_atom


@dataclass(slots=True)
class Derived:
    """What a data set holds besides structures and their results; None where nothing is known.

    Energies are in eV/atom, corrections in eV per cell, references by element in eV/atom; `elements` are structures
    that a potential is asked about for references of its own. `notes` are sentences for the card.
    """

    e_form: list[float] | None = None
    e_above_hull: list[float | None] | None = None
    stable: list[bool] | None = None
    corrections: dict[str, float] = field(default_factory=dict)
    references: dict[str, float] = field(default_factory=dict)
    elements: list[Entry] = field(default_factory=list)
    scale: EnergyScale | None = None
    notes: list[str] = field(default_factory=list)


def e_form_of(energy: float, counts: dict[str, int], found: Derived, entry: Entry) -> float:
    """Return the formation energy, eV/atom, that follows from a total energy, eV per cell, with its correction."""
    shift = found.corrections.get(entry.material_id, 0.0)
    return formation_energy_per_atom(energy, counts, found.references.__getitem__, shift)
