"""Parity of energies and forces, and errors by element, system and size of force."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth, codes
from matdisc.metrics.slices import sliced_totals
from matdisc.scoring.base import headline_mask
from matdisc.scoring.figures import Artifacts, Cells, Table
from matdisc.scoring.parity import parity
from matdisc.scoring.record import plain
from matdisc.tasks.static.frames import CONSERVED, Frames, frame_terms, metrics_of
from matdisc.tasks.static.simulation import SAMPLED

SIZES = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0, np.inf)
"""Edges of the bins of reference force, eV/Å."""
MOST_SYSTEMS = 30
SECTION = "Slices"


def draw(card: DatasetCard, truth: Truth, found: Frames) -> Artifacts:
    """Return parity of energies and forces, and tables by element, system and size of force, of the headline."""
    keep = headline_mask(card, truth)
    atoms = keep[found.atom_frame]
    energies = np.stack([found.reference, found.reference + found.shifted])[:, keep & found.answered]
    fitted = f"offsets fitted on: {card.offsets_subset or card.headline_subset or 'all frames'}"
    figures = [*parity("energy", "eV/atom", "energy after offsets", energies, fitted)]
    if found.gives_forces:
        forces = np.stack([found.true[atoms].ravel(), found.pred[atoms].ravel()])
        figures += parity("forces", "eV/Å", "force component", forces, "a missing answer is zero")
    tables = [_conserving(found.gap[keep]), _systems(truth, found, keep)]
    if found.gives_forces:
        tables = [*tables[:1], _elements(found, atoms), *tables[1:], _sizes(found, atoms)]
    return Artifacts(figures=figures, tables=[table for table in tables if table.rows])


def _conserving(gap: Floats) -> Table:
    """Say whether forces are the gradient of the energy."""
    known = np.abs(gap[np.isfinite(gap)])
    beyond = int((known > CONSERVED).sum())
    verdict = (
        f"no: {beyond} of {len(known)} frames are beyond {CONSERVED} eV/Å" if beyond else "yes, as far as can be told"
    )
    rows = [("Forces are the gradient of the energy", verdict), ("Largest gap, eV/Å", f"{known.max(initial=0):.2g}")]
    note = f"Force along a random direction against a central difference of the energy, on at most {SAMPLED} frames."
    return Table("conserving", "Energy conservation", ("Question", "Answer"), rows if len(known) else [], note)


def _elements(found: Frames, atoms: Bools) -> Table:
    names = found.elements
    rows = _atom_rows(found, atoms, found.atom_element, names)
    note = "Errors of the forces on the atoms of each element, in colour: darker is a larger error, by order."
    head = ("Element", "Force MAE, eV/Å", "Atoms", "Force RMSE, eV/Å", "Mean force, eV/Å", "Cosine")
    return Table("slice-element", "By element", head, rows, note, SECTION, layout="periodic", better="lower")


def _sizes(found: Frames, atoms: Bools) -> Table:
    sizes = np.linalg.norm(found.true, axis=1)
    names = [f"{low:g} to {high:g}" for low, high in pairwise(SIZES[:-1])] + [f"above {SIZES[-2]:g}"]
    rows = _atom_rows(found, atoms, np.digitize(sizes, SIZES[1:-1]), names)
    head = ("Reference force, eV/Å", "Force MAE, eV/Å", "Atoms", "Force RMSE, eV/Å", "Mean force, eV/Å", "Cosine")
    return Table("slice-force", "By size of force", head, rows, "Size of the reference force on an atom.", SECTION)


def _atom_rows(found: Frames, atoms: Bools, labels: Ints, names: list[str]) -> Sequence[Cells]:
    """Return MAE, atoms, RMSE, mean size of the reference force and cosine of the atoms with each label."""
    errors = (found.pred - found.true)[atoms]
    cosine, sizes = found.cosine[atoms], np.linalg.norm(found.true[atoms], axis=1)
    there = np.isfinite(cosine)
    terms = np.stack(
        [
            np.ones(len(errors)),
            np.abs(errors).sum(axis=1),
            (errors**2).sum(axis=1),
            sizes,
            there,
            np.nan_to_num(cosine),
        ],
        axis=1,
    )
    rows = []
    for name, (n, absolute, square, size, known, total) in zip(
        names, sliced_totals(terms, labels[atoms], len(names)), strict=True
    ):
        if n:
            mean = total / known if known else None
            rows.append((name, absolute / (3 * n), int(n), float(np.sqrt(square / (3 * n))), size / n, mean))
    return rows


def _systems(truth: Truth, found: Frames, keep: Bools) -> Table:
    assert truth.crystals is not None
    systems = [crystal.chemical_system for crystal in truth.crystals]
    names = sorted(set(systems))
    totals = sliced_totals(frame_terms(found)[keep], codes(systems)[keep], len(names))
    columns = metrics_of(totals)
    order = [i for i in np.argsort(-totals[:, 0], kind="stable") if totals[i, 0]]
    keys = ("force_mae", "shifted_mae", "energy_mae", "stress_mae", "coverage")
    rows = [
        (names[i], int(totals[i, 0]), *plain([float(columns[key][i]) for key in keys])) for i in order[:MOST_SYSTEMS]
    ]
    note = f"The {MOST_SYSTEMS} largest of {len(order):,}." if len(order) > MOST_SYSTEMS else ""
    head = (
        "System", "Frames", "Force MAE, eV/Å", "Energy MAE, eV/atom, offsets fitted", "Energy MAE, eV/atom, raw",
        "Stress MAE, GPa", "Coverage",
    )  # fmt: skip
    return Table("slice-system", "By chemical system", head, rows, note, SECTION)
