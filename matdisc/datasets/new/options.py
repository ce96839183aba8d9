"""What whoever makes a data set says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from matdisc.cards.base import EnergyScale
from matdisc.datasets.new.names import Kind


@dataclass(frozen=True, slots=True)
class NewOptions:
    """How labelled structures become a data set.

    Attributes:
        energy, forces, stress, formation_energy, hull_distance, stable, group, id: Names of fields, where those that
            are known are not meant.
        labels: Table of further labels, joined by id.
        labelled_only: Whether structures without a row in that table are left out, and not refused.
        energy_unit: Of total energies, as `Ha` or `eV/atom`; stress_unit: `eV/Å^3`, `GPa` or `kbar`.
        stress_sign: `tension` where a positive stress pulls (ASE), `pressure` where it presses (VASP's output).
        references: Energies of the elements: a table with `element` and `energy_per_atom`, or pymatgen entries.
        elements: Structures of the elements, which a potential is asked about for references of its own.
        hull: pymatgen entries that hull distances are taken against.
        own_hull: Whether hull distances are taken against the set itself.
        corrections: `mp2020` where formation energies hold, or shall get, MP2020 corrections.
        any_anion: Correct anions whatever their oxidation state, as in the labels of WBM.
        energy_scale: As on a card; default: what follows from the others.
        relaxed: Whether the structures are relaxed, so that potentials can be asked to find them again.
        polymorphs: Whether to ask for the stable one among the structures of each formula.
        threshold: eV/atom; hull distances at or below it count as stable.
        replace: Whether a data set of the same key gives way.
    """

    energy: str | None = None
    forces: str | None = None
    stress: str | None = None
    formation_energy: str | None = None
    hull_distance: str | None = None
    stable: str | None = None
    group: str | None = None
    id: str | None = None
    labels: Path | None = None
    labelled_only: bool = False
    energy_unit: str | None = None
    stress_unit: str | None = None
    stress_sign: Literal["tension", "pressure"] = "tension"
    references: Path | None = None
    elements: Path | None = None
    hull: Path | None = None
    own_hull: bool = False
    corrections: Literal["mp2020"] | None = None
    any_anion: bool = False
    energy_scale: EnergyScale | None = None
    relaxed: bool = False
    polymorphs: bool = False
    threshold: float = 0.0
    n_folds: int = 5
    title: str | None = None
    licence: str = "licence not stated"
    citation: str | None = None
    level_of_theory: str | None = None
    replace: bool = False

    def name_of(self, kind: Kind) -> str | None:
        """The name that was given for a kind of label."""
        named: dict[str, str | None] = {
            "e_form_per_atom": self.formation_energy,
            "e_above_hull": self.hull_distance,
        }
        found: str | None = named[kind] if kind in named else getattr(self, kind, None)
        return found
