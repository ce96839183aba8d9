"""Errors of a model over a whole set of frames, beside a dummy and the spread of the labels themselves.

Before that: whether the labels are of one kind at all, energies, forces and virials in the units they should have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.atomic import write_atomic
from matdisc.errors import DataError
from matdisc.models.get.frames import Frames
from matdisc.units import BOHR, GIGAPASCALS, HARTREE, KCAL_PER_MOL, KJ_PER_MOL

COLUMNS = ("part", "system", "quantity", "unit", "frames", "mae", "rmse", "dummy_mae", "dummy_rmse", "label_spread")
EV, FORCE, CHARGE, DIPOLE = "meV/atom", "meV/Å", "e", "e Å"


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a network says of frames, in their order; shapes and units as in `Frames`, energies without baseline.

    `residual` is the force that moving charges would add, or was left out: shape (A, 3), eV/Å; None if not asked for.
    """

    energy: Floats
    forces: Floats
    virial: Floats
    charges: Floats
    dipole: Floats
    residual: Floats | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of errors, over all values of a part or system at once and never a mean of batches.

    Attributes:
        part: "train", "validation" or "held out".
        system: A system, or "all".
        quantity: What is compared. "energy" is per atom, "energy, offset free" the same less the system's mean
            error, "forces" are components, "virial" is per atom.
        unit: Of the numbers that follow.
        n: Frames.
        mae: Mean absolute error.
        rmse: Root mean square error.
        dummy_mae: MAE of knowing nothing: the baseline of elements as energy (offset free: the system's mean), no
            force, virial or dipole, the element's mean charge.
        dummy_rmse: Its RMSE.
        spread: Standard deviation of the labels (root mean square of forces and virials).
    """

    part: str
    system: str
    quantity: str
    unit: str
    n: int
    mae: float
    rmse: float
    dummy_mae: float
    dummy_rmse: float
    spread: float


def error_rows(
    part: str,
    frames: Frames,
    predicted: Predictions,
    *,
    energy_error: Floats,
    baseline_error: Floats,
    mean_charges: Mapping[int, float],
) -> list[Row]:
    """Return the errors of all frames together, then of each system.

    Args:
        part: What the frames are called.
        frames: With their labels.
        predicted: What the model says.
        energy_error: Predicted less true energy, shape (F,), eV.
        baseline_error: The same of the baseline of elements alone.
        mean_charges: Mean charge of each element in the training part, e: the dummy's answer.
    """
    systems = sorted(set(frames.system.tolist()))
    masks = {"all": np.ones(len(frames), bool)}
    masks |= {system: frames.system == system for system in systems if len(systems) > 1}
    rows: list[Row] = []
    for system, mask in masks.items():
        rows += _rows(part, system, frames, predicted, (energy_error, baseline_error), mean_charges, mask)
    return rows


def _rows(
    part: str,
    system: str,
    frames: Frames,
    predicted: Predictions,
    energy: tuple[Floats, Floats],
    charges: Mapping[int, float],
    mask: NDArray[np.bool_],
) -> Iterator[Row]:
    n_atoms = frames.n_atoms[mask]
    atoms = np.repeat(mask, frames.n_atoms)
    names = frames.system[mask]
    off, base = (error[mask] / n_atoms for error in energy)

    def row(quantity: str, unit: str, factor: float, error: Floats, dummy: Floats, spread: Floats) -> Row:
        return Row(part, system, quantity, unit, int(mask.sum()), *(
            float(factor * x) for x in (_mae(error), _rms(error), _mae(dummy), _rms(dummy), _rms(spread))
        ))  # fmt: skip

    yield row("energy", EV, 1e3, off, base, base - base.mean())
    yield row("energy, offset free", EV, 1e3, _centred(off, names), _centred(base, names), _centred(base, names))
    forces = frames.forces[atoms]
    yield row("forces", FORCE, 1e3, predicted.forces[atoms] - forces, forces, forces)
    virial = frames.virial[mask] / n_atoms[:, None, None]
    if not np.isnan(virial).all():
        error = predicted.virial[mask] / n_atoms[:, None, None] - virial
        yield row("virial", EV, 1e3, error, virial, virial)
    q = frames.charges[atoms]
    if not np.isnan(q).all():
        guess = np.array([charges.get(int(z), 0.0) for z in frames.numbers[atoms]])
        yield row("charge", CHARGE, 1, predicted.charges[atoms] - q, guess - q, q - np.nanmean(q))
    dipole = frames.dipole[mask]
    if not np.isnan(dipole).all():
        yield row("dipole", DIPOLE, 1, predicted.dipole[mask] - dipole, dipole, dipole)
    if predicted.residual is not None:
        zero = np.zeros(1)
        yield row("charge-force residual", FORCE, 1e3, predicted.residual[atoms], zero, zero)


def _centred(values: Floats, names: NDArray[np.str_]) -> Floats:
    """Values less the mean of their system."""
    _, group = np.unique(names, return_inverse=True)
    means = np.bincount(group, values) / np.bincount(group)
    return values - means[group]


def _mae(values: Floats) -> float:
    return float(np.nanmean(np.abs(values)))


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.nanmean(np.asarray(values, float) ** 2)))


def mean_charge_of_elements(frames: Frames) -> dict[int, float]:
    """Return the mean charge of each element, e; without elements whose charges are unknown."""
    known = ~np.isnan(frames.charges)
    numbers, charges = frames.numbers[known], frames.charges[known]
    return {int(z): float(charges[numbers == z].mean()) for z in np.unique(numbers)}


def write_errors(path: Path, rows: Sequence[Row]) -> None:
    """Write the table of errors as CSV."""
    lines = [",".join(COLUMNS)]
    for r in rows:
        numbers = (f"{x:.6g}" for x in (r.mae, r.rmse, r.dummy_mae, r.dummy_rmse, r.spread))
        lines.append(",".join((r.part, _quoted(r.system), _quoted(r.quantity), r.unit, str(r.n), *numbers)))
    write_atomic(path, ("\n".join(lines) + "\n").encode("utf-8"))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def write_curves(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write one row for each validation as CSV; a column is empty where a row lacks it."""
    names: list[str] = []
    for row in history:
        names += [name for name in row if name not in names]
    lines = [",".join(names), *(",".join(f"{row[n]:.8g}" if n in row else "" for n in names) for row in history)]
    write_atomic(path, ("\n".join(lines) + "\n").encode("utf-8"))


LARGEST_VIRIAL = 50.0
"""eV/atom, a component: some 500 GPa in a crystal of 16 Å^3/atom."""
OTHER_UNITS = {
    "the energies are in Hartree": (1 / HARTREE, 1.0, 1.0),
    "the energies are in Rydberg": (2 / HARTREE, 1.0, 1.0),
    "the energies are in kcal/mol": (KCAL_PER_MOL, 1.0, 1.0),
    "the energies are in kJ/mol": (KJ_PER_MOL, 1.0, 1.0),
    "the energies are in meV": (1000.0, 1.0, 1.0),
    "the energies have the other sign": (-1.0, 1.0, 1.0),
    "the forces are in Hartree/Bohr": (1.0, HARTREE / BOHR, 1.0),
    "the forces are in Rydberg/Bohr": (1.0, HARTREE / BOHR / 2, 1.0),
    "the forces are in kcal/mol/Å": (1.0, 1 / KCAL_PER_MOL, 1.0),
    "the forces are in kJ/mol/Å": (1.0, 1 / KJ_PER_MOL, 1.0),
    "the energies are in Hartree and the forces in Hartree/Bohr": (1 / HARTREE, HARTREE / BOHR, 1.0),
    "the forces have the other sign, as gradients have": (1.0, -1.0, 1.0),
    "the stress is in GPa": (1.0, 1.0, 1 / GIGAPASCALS),
    "the stress is in GPa and has the other sign": (1.0, 1.0, -1 / GIGAPASCALS),
    "the stress is in kbar": (1.0, 1.0, 1 / GIGAPASCALS / 10),
    "the stress is in kbar and has the other sign, as VASP prints it": (1.0, 1.0, -1 / GIGAPASCALS / 10),
    "the stress or virial has the other sign": (1.0, 1.0, -1.0),
}
"""What the energy, and the work of forces and of virials, have to be multiplied by to be as they are given."""
FEWEST, MOST = 5, 500
"""Pairs of frames that are looked at."""
MOVED, STRAINED = 1.0, 0.15
"""Å that an atom may move from one frame of a pair to the other, and how much a cell may be strained."""
MISSED, MET = 0.25, 0.2
"""Median misfit from which labels do not belong together, and up to which another unit explains them."""


def refuse_other_units(frames: Frames, source: str) -> None:
    """Do nothing unless energies, forces and virials show that one of them has another unit or sign.

    From one frame to a near one of the same atoms the energy changes by the work of forces and virials, which the
    trapezoidal rule tells. If it does not, but would in another unit, that unit is named. Where frames make no pairs,
    only the size of the virials is looked at.

    Raises:
        DataError: Naming the quantity and the unit that it seems to have.
    """
    convert = "convert energies to eV, forces to eV/Å, the stress to eV/Å^3 (ASE's sign: negative under pressure)"
    if said := _other_units(np.array([_changes(frames, a, b) for a, b in _pairs(frames)]).reshape(-1, 4)):
        raise DataError(f"{source}: energies, forces and stresses do not fit together: it seems that {said}; {convert}")
    sizes = np.where(frames.pbc.all(axis=1), np.abs(frames.virial).max(axis=(1, 2)) / frames.n_atoms, 0.0)
    worst = int(np.argmax(np.nan_to_num(sizes)))
    if sizes[worst] > LARGEST_VIRIAL:
        raise DataError(
            f"{source}: frame {worst}: stress times volume is {sizes[worst]:.0f} eV/atom, more than matter holds; it "
            f"seems that the stress is in GPa or kbar; {convert}"
        )


def _other_units(changes: Floats) -> str:
    """What explains the changes of energy if the units that are expected do not; empty if they do or nothing does."""
    changes = changes[np.isfinite(changes).all(axis=1)]
    if len(changes) < FEWEST or _misfit(changes, 1.0, 1.0, 1.0) <= MISSED:
        return ""
    found = {name: _misfit(changes, *factors) for name, factors in OTHER_UNITS.items()}
    found["the energies are per atom"] = _misfit(changes, 1 / changes[:, 3], 1.0, 1.0)
    best = min(found.values())
    if best > min(MET, _misfit(changes, 1.0, 1.0, 1.0) / 2):
        return ""
    return " or ".join(name for name, misfit in found.items() if misfit < 1.3 * best + 0.02)


def _misfit(changes: Floats, energy: float | Floats, forces: float, virial: float) -> float:
    """Median of the difference between given and expected changes of energy over the sum of their sizes, 0 to 1."""
    given, expected = changes[:, 0], energy * (forces * changes[:, 1] + virial * changes[:, 2])
    return float(np.median(np.abs(given - expected) / (np.abs(given) + np.abs(expected) + 1e-9)))


def _pairs(frames: Frames) -> list[tuple[int, int]]:
    """Frames of the same atoms, system and trajectory that follow upon each other."""
    last: dict[tuple[str, int, bytes], int] = {}
    found = []
    for f in range(len(frames)):
        key = (str(frames.system[f]), int(frames.trajectory[f]), frames.numbers[frames.atoms_of(f)].tobytes())
        if key in last:
            found.append((last[key], f))
        last[key] = f
    return found[:: 1 + len(found) // MOST]


def _changes(frames: Frames, a: int, b: int) -> tuple[float, float, float, float]:
    """Change of the energy, work of forces and of virials, eV/atom, and atoms; nan where a pair says nothing."""
    one, other = frames.atoms_of(a), frames.atoms_of(b)
    moved, virial = frames.positions[other] - frames.positions[one], 0.0
    if frames.pbc[[a, b]].all():
        cell = (frames.cell[a] + frames.cell[b]) / 2
        inside = frames.positions[other] @ np.linalg.pinv(frames.cell[b])
        inside -= frames.positions[one] @ np.linalg.pinv(frames.cell[a])
        moved = (inside - np.round(inside)) @ cell
        strain = np.linalg.pinv(cell) @ (frames.cell[b] - frames.cell[a])
        virial = -float((strain * (frames.virial[a] + frames.virial[b])).sum()) / 2 if strain.any() else 0.0
        virial = virial if np.abs(strain).max() < STRAINED else np.nan
    forces = -float((moved * (frames.forces[one] + frames.forces[other])).sum()) / 2
    forces = forces if np.abs(moved).max() < MOVED else np.nan
    n = one.stop - one.start
    return float(frames.energy[b] - frames.energy[a]) / n, forces / n, virial / n, float(n)
