"""How near is a relaxed structure to its reference? Metrics over materials, as sums that can be resampled.

`structure_terms` gives each material's share of the sums, `structure_metrics` turns sums into metrics, so the headline
and each bootstrap replicate come from the same lines. Comparisons of single structures come from elsewhere (arrays in,
numbers out here).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Bools, Floats, Ints

UNMATCHED = 1.0
"""RMSD of a structure that matches nothing or is missing: the tolerance of the matcher, in units of (V/N)^(1/3)."""

LEVELS = ("_loose", "", "_tight")
"""Suffixes of the symmetry metrics: found with a tolerance of 0.1 Å, of 1e-2 Å, and of 1e-5 Å.

After a start that breaks the symmetry, a relaxation to 0.05 eV/Å leaves atoms some 0.02 Å off their places, so at
1e-2 Å even a perfect potential seldom has its symmetry back. 0.1 Å tells a broken structure from a rough end; the other
two are Matbench Discovery's, whose starts are symmetric.
"""

_SYMMETRY = ("known", "match", "decrease", "increase", "both", "ops")
TERMS = (
    "n", "answered", "n_converged", "converged", "rmsd", "matched", "rmsd_matched", "volume", "abs_volume", "lattice",
    "n_fmax", "fmax", "n_energy", "abs_energy",
    *(f"{name}{level}" for level in LEVELS for name in _SYMMETRY),
)  # fmt: skip
"""Columns of `structure_terms`."""

METRICS = (
    "rmsd", "rmsd_matched", "matched",
    *(f"{name}{level}" for level in LEVELS for name in (
        "symmetry_match", "symmetry_decrease", "symmetry_increase", "n_sym_ops_mae",
    )),
    "volume_error", "volume_abs_error", "lattice_error", "energy_mae", "converged", "fmax",
)  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """Relaxed structures against their references, arrays of shape (n_materials,); nan or -1 where there is no answer.

    Attributes:
        answered: Whether there is a usable structure.
        converged: 1 where its relaxation ended below the force limit, else 0; nan if the file tells of none.
        rmsd: In units of (V/N)^(1/3); nan where nothing matches.
        volume: Relative error of the volume per atom, signed.
        lattice: Mean relative error of the three edges of the reduced cell, absolute.
        fmax: Largest force left, eV/Å, nan where not told.
        energy: Error of the energy, eV/atom, nan where there is none.
        spacegroups: Number found for the answer and for the reference at each tolerance, shape (n_materials, 3, 2):
            tolerance, then answer and reference; 0 where none was found.
        operations: Number of symmetry operations, same shape.
    """

    answered: Bools
    converged: Floats
    rmsd: Floats
    volume: Floats
    lattice: Floats
    fmax: Floats
    energy: Floats
    spacegroups: Ints
    operations: Ints


def structure_terms(found: Compared) -> Floats:
    """Return each material's contribution to the sums behind all metrics, shape (n_materials, n_terms)."""
    matched = found.answered & np.isfinite(found.rmsd)
    rmsd = np.where(matched, found.rmsd, UNMATCHED)
    columns: list[ArrayLike] = [
        np.ones(len(found.answered)),
        found.answered,
        np.isfinite(found.converged),
        _or_zero(found.converged),
        rmsd,
        matched,
        np.where(matched, rmsd, 0.0),
        _or_zero(found.volume),
        np.abs(_or_zero(found.volume)),
        _or_zero(found.lattice),
        np.isfinite(found.fmax),
        _or_zero(found.fmax),
        np.isfinite(found.energy),
        np.abs(_or_zero(found.energy)),
    ]
    for level in range(len(LEVELS)):
        columns += _symmetry_terms(found, level)
    return np.column_stack([np.asarray(column, float) for column in columns])


def structure_metrics(totals: ArrayLike) -> dict[str, Floats]:
    """Return every metric from summed terms; works on any leading shape, e.g. (replicates, n_terms).

    rmsd: mean over all materials asked; unmatched and missing ones count 1. rmsd_matched: over the matched. matched,
    converged: shares of all. symmetry_match, _decrease, _increase: shares of the materials whose reference has a
    space group, with equal group, with another group and fewer operations, or more; a missing answer is none of the
    three. n_sym_ops_mae: mean difference in the number of operations where both are known. Errors of volume and
    lattice in per cent over the answered, energy in eV/atom and fmax in eV/Å over those that tell them. Undefined (nan)
    where there is nothing to divide by.
    """
    totals = np.asarray(totals, float)
    t = {name: totals[..., i] for i, name in enumerate(TERMS)}
    found = {
        "rmsd": _ratio(t["rmsd"], t["n"]),
        "rmsd_matched": _ratio(t["rmsd_matched"], t["matched"]),
        "matched": _ratio(t["matched"], t["n"]),
    }
    for level in LEVELS:
        for kind in ("match", "decrease", "increase"):
            found[f"symmetry_{kind}{level}"] = _ratio(t[kind + level], t["known" + level])
        found["n_sym_ops_mae" + level] = _ratio(t["ops" + level], t["both" + level])
    return found | {
        "volume_error": 100 * _ratio(t["volume"], t["answered"]),
        "volume_abs_error": 100 * _ratio(t["abs_volume"], t["answered"]),
        "lattice_error": 100 * _ratio(t["lattice"], t["answered"]),
        "energy_mae": _ratio(t["abs_energy"], t["n_energy"]),
        "converged": _ratio(t["converged"], t["n_converged"]),
        "fmax": _ratio(t["fmax"], t["n_fmax"]),
    }


def matbench_discovery_geometry(found: Compared, level: int = 1) -> dict[str, float]:
    """Return the geometry metrics by Matbench Discovery's rules: only materials that have an answer count.

    `rmsd`: mean over answers, unmatched as 1. Symmetry shares and `n_sym_ops_mae`: over answers with a space group on
    both sides (`n_structures` of them). All with four decimals; nan where there is none.

    Args:
        found: The comparisons.
        level: Place in `LEVELS`: 1 for a tolerance of 1e-2 Å, 2 for 1e-5 Å.
    """
    rows = structure_terms(found)[found.answered]
    t = {name: rows[:, i] for i, name in enumerate(TERMS)}
    suffix = LEVELS[level]
    both = t["both" + suffix] > 0
    metrics = {"rmsd": t["rmsd"].mean() if len(rows) else np.nan, "n_structures": both.sum()}
    for kind in ("match", "decrease", "increase"):
        metrics[f"symmetry_{kind}"] = t[kind + suffix][both].mean() if both.any() else np.nan
    metrics["n_sym_ops_mae"] = t["ops" + suffix][both].mean() if both.any() else np.nan
    return {key: round(float(value), 4) for key, value in metrics.items()}


def rmsd_curve(rmsd: ArrayLike, limits: ArrayLike) -> Floats:
    """Return the share of materials with an RMSD up to each limit; nan (no match) is above every limit."""
    known = np.sort(np.asarray(rmsd, float))
    return np.searchsorted(known[np.isfinite(known)], np.asarray(limits, float), side="right") / max(1, known.size)


def reduced_cell(cell: ArrayLike) -> Floats:
    """Return the Minkowski-reduced basis of a lattice, shortest vector first, rows in Å.

    Its lengths are the successive minima of the lattice, so they do not depend on the choice of cell (P. Q. Nguyen
    and D. Stehlé, ACM Trans. Algorithms 5, 46 (2009)).

    Args:
        cell: Lattice vectors as rows, shape (3, 3), Å, not coplanar.

    Raises:
        ValueError: If no reduced basis is found, which happens only to cells that are flat to numerical noise.
    """
    basis = np.array(cell, float)
    for _ in range(1000):
        basis = basis[np.argsort(np.linalg.norm(basis, axis=1), kind="stable")]
        basis[:2] = np.array(_reduced_pair(basis[0], basis[1]))
        flat = basis[:2]
        place = np.linalg.lstsq(flat.T, basis[2], rcond=None)[0]
        near = [basis[2] - np.floor(place + shift) @ flat for shift in product((0.0, 1.0), repeat=2)]
        near += [basis[2] - np.rint(place) @ flat]
        shorter = min(near, key=lambda v: float(v @ v))
        if not shorter @ shorter < (basis[2] @ basis[2]) * (1 - 1e-12):
            return basis
        basis[2] = shorter
    raise ValueError("the cell cannot be reduced")


def _reduced_pair(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Lagrange's reduction of two vectors, the shorter one first."""
    for _ in range(1000):
        if b @ b < a @ a:
            a, b = b, a
        c = b - np.rint((a @ b) / (a @ a)) * a
        if not c @ c < (b @ b) * (1 - 1e-12):
            return a, b
        b = c
    raise ValueError("the cell cannot be reduced")


def volume_error(cell: ArrayLike, n_atoms: int, reference: ArrayLike, n_reference: int) -> float:
    """Return the relative error of the volume per atom of a cell against a reference cell."""
    mine = abs(np.linalg.det(np.asarray(cell, float))) / n_atoms
    return float(mine / (abs(np.linalg.det(np.asarray(reference, float))) / n_reference) - 1)


def lattice_error(cell: ArrayLike, reference: ArrayLike) -> float:
    """Return the mean relative error of the three edges of the reduced cells, absolute."""
    mine, true = (np.linalg.norm(reduced_cell(c), axis=1) for c in (cell, reference))
    return float(np.abs(mine / true - 1).mean())


def _symmetry_terms(found: Compared, level: int) -> list[ArrayLike]:
    group, reference = found.spacegroups[:, level, 0], found.spacegroups[:, level, 1]
    operations = found.operations[:, level, 0] - found.operations[:, level, 1]
    known = reference > 0
    both = known & found.answered & (group > 0)
    other = both & (group != reference)
    return [
        known,
        both & (group == reference),
        other & (operations < 0),
        other & (operations > 0),
        both,
        np.where(both, np.abs(operations), 0),
    ]


def _or_zero(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, 0.0)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


def as_floats(metrics: Mapping[str, Floats]) -> dict[str, float]:
    """Return metrics of one set of sums as plain numbers."""
    return {key: float(value) for key, value in metrics.items()}
