"""Labels and answers of all frames side by side, and the sums from which all metrics follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.metrics.static import composition_matrix, cosines, sums_of, without_offsets
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import subset_mask
from matdisc.tasks.static.simulation import GAP
from matdisc.units import GIGAPASCALS

CONSERVED = 0.01
"""eV/Å; a larger gap between force and fall of the energy is no noise of single precision."""
TERMS = (
    "n", "answered", "raw", "raw_abs", "raw_sq", "shifted", "shifted_abs", "shifted_sq", "force", "force_abs",
    "force_sq", "cosine", "cosine_sum", "stress", "stress_abs", "gap", "gap_abs", "gap_beyond",
)  # fmt: skip
"""What a frame adds to the sums: how many numbers there are of a kind, and their errors."""
RATIOS = {
    "force_mae": ("force_abs", "force"), "force_rmse": ("force_sq", "force"), "force_cosine": ("cosine_sum", "cosine"),
    "shifted_mae": ("shifted_abs", "shifted"), "shifted_rmse": ("shifted_sq", "shifted"),
    "energy_mae": ("raw_abs", "raw"), "energy_rmse": ("raw_sq", "raw"), "stress_mae": ("stress_abs", "stress"),
    "force_gap": ("gap_abs", "gap"), "not_conserving": ("gap_beyond", "gap"), "coverage": ("answered", "n"),
}  # fmt: skip
"""Each metric as a ratio of two sums; of a mean square the root is taken."""


@dataclass(frozen=True)
class Frames:
    """Labels and answers of all frames.

    Attributes:
        answered: Which frames have a usable answer, shape (n_frames,).
        reference: Energies of the labels less the fitted ones of the elements, eV/atom.
        raw: Errors of the energies as they are, eV/atom; nan where there is none.
        shifted: Errors after offsets of the elements are fitted; a missing answer is the fitted composition.
        atom_frame, atom_element: Frame and place in `elements` of each atom whose frame has reference forces.
        true, pred: Forces of those atoms, eV/Å, shape (n_atoms, 3); zero where the answer is missing.
        stress: Errors of the stress, GPa, shape (n_frames, 6); nan where there is none.
        gap: Force less fall of the energy, eV/Å; nan where not answered.
    """

    answered: Bools
    reference: Floats
    raw: Floats
    shifted: Floats
    elements: list[str]
    atom_frame: Ints
    atom_element: Ints
    true: Floats
    pred: Floats
    gives_forces: bool
    stress: Floats
    gap: Floats

    @cached_property
    def cosine(self) -> Floats:
        """Cosine of the angle between both forces of each atom, nan where the reference is as good as zero."""
        return cosines(self.true, self.pred)


def frames(card: DatasetCard, truth: Truth, answers: Answers) -> Frames:
    """Return labels and answers of all frames, with offsets fitted on the part of the card."""
    assert truth.crystals is not None
    symbols = [crystal.symbols for crystal in truth.crystals]
    elements, counts = composition_matrix(symbols)
    n_atoms, fit = counts.sum(axis=1), subset_mask(card, truth, card.offsets_subset or card.headline_subset)
    energies = truth.target("energy")
    reference = without_offsets(energies, counts, fit)
    shifted = without_offsets(answers.values - energies, counts, fit)
    answered = np.isfinite(answers.values)
    forces, given = truth.array("forces"), answers.array("forces")
    known = [i for i, force in enumerate(forces) if force is not None]
    place = {element: i for i, element in enumerate(elements)}
    return Frames(
        answered, reference, (answers.values - energies) / n_atoms, np.where(answered, shifted, -reference), elements,
        np.repeat(np.array(known, np.int64), n_atoms[known].astype(int)),
        np.array([place[symbol] for i in known for symbol in symbols[i]], np.int64),
        _joined([forces[i] for i in known]),
        _joined([np.zeros_like(forces[i]) if given[i] is None else given[i] for i in known]),
        any(cell is not None for cell in given), _stress_errors(truth, answers), answers.numbers(GAP),
    )  # fmt: skip


def _joined(arrays: list[Any]) -> Floats:
    return np.concatenate([*arrays, np.empty(0)]).reshape(-1, 3)


def _stress_errors(truth: Truth, answers: Answers) -> Floats:
    nothing = np.full(6, np.nan)
    pairs = zip(truth.array("stress"), answers.array("stress"), strict=True)
    rows = [nothing if true is None or pred is None else pred - true for true, pred in pairs]
    return GIGAPASCALS * np.array(rows).reshape(-1, 6)


def frame_terms(found: Frames) -> Floats:
    """Return what each frame adds to the sums, shape (n_frames, n_terms)."""
    n, errors = len(found.answered), found.pred - found.true
    columns = {"n": np.ones(n), "answered": found.answered}
    for name, values in (("raw", found.raw), ("shifted", found.shifted), ("gap", found.gap)):
        columns |= {name: np.isfinite(values), f"{name}_abs": np.abs(values), f"{name}_sq": values**2}
    columns["gap_beyond"] = np.abs(found.gap) > CONSERVED
    stress = np.abs(found.stress).sum(axis=1)
    columns |= {"stress": 6 * np.isfinite(stress), "stress_abs": stress}
    if found.gives_forces:
        there = np.isfinite(found.cosine)
        per_atom = {"force": np.full(len(errors), 3.0), "force_abs": np.abs(errors).sum(axis=1),
                    "force_sq": (errors**2).sum(axis=1), "cosine": there, "cosine_sum": found.cosine}  # fmt: skip
        columns |= {name: sums_of(found.atom_frame, values, n) for name, values in per_atom.items()}
    return np.stack([np.nan_to_num(np.asarray(columns.get(name, np.zeros(n)), float)) for name in TERMS], axis=1)


def metrics_of(totals: Any) -> dict[str, Floats]:
    """Return the metrics that follow from summed terms, shape (..., n_terms); nan where nothing was summed."""
    at = {name: np.asarray(totals)[..., i] for i, name in enumerate(TERMS)}
    found = {
        key: np.divide(at[over], at[under], out=np.full(at[under].shape, np.nan), where=at[under] > 0)
        for key, (over, under) in RATIOS.items()
    }
    return {key: np.sqrt(values) if key.endswith("rmse") else values for key, values in found.items()}


def trivial(card: DatasetCard, truth: Truth) -> Answers:
    """Return the trivial answer: energies of the elements fitted to the labels, and no force and no stress."""
    assert truth.crystals is not None
    _, counts = composition_matrix([crystal.symbols for crystal in truth.crystals])
    energies = truth.target("energy")
    fit = subset_mask(card, truth, card.offsets_subset or card.headline_subset)
    values = energies - counts.sum(axis=1) * without_offsets(energies, counts, fit)
    zeros = {
        name: tuple(None if cell is None else np.zeros_like(cell) for cell in truth.array(name))
        for name in ("forces", "stress")
    }
    nothing = np.empty(0)
    return Answers("energy", values, {"expected": len(truth)}, None, nothing, nothing, arrays=zeros)
