"""Errors of a model over a whole set of frames, beside a dummy and the spread of the labels themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matdisc.atomic import write_whole
from matdisc.models.get.frames import Frames

Floats = NDArray[np.float64]
COLUMNS = ("part", "system", "quantity", "unit", "frames", "mae", "rmse", "dummy_mae", "dummy_rmse", "label_spread")
EV, FORCE, CHARGE, DIPOLE = "meV/atom", "meV/Å", "e", "e Å"


@dataclass(frozen=True, slots=True)
class Predicted:
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
    predicted: Predicted,
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
    said: Predicted,
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
    yield row("forces", FORCE, 1e3, said.forces[atoms] - forces, forces, forces)
    virial = frames.virial[mask] / n_atoms[:, None, None]
    if not np.isnan(virial).all():
        error = said.virial[mask] / n_atoms[:, None, None] - virial
        yield row("virial", EV, 1e3, error, virial, virial)
    q = frames.charges[atoms]
    if not np.isnan(q).all():
        guess = np.array([charges.get(int(z), 0.0) for z in frames.numbers[atoms]])
        yield row("charge", CHARGE, 1, said.charges[atoms] - q, guess - q, q - np.nanmean(q))
    dipole = frames.dipole[mask]
    if not np.isnan(dipole).all():
        yield row("dipole", DIPOLE, 1, said.dipole[mask] - dipole, dipole, dipole)
    if said.residual is not None:
        zero = np.zeros(1)
        yield row("charge-force residual", FORCE, 1e3, said.residual[atoms], zero, zero)


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
    write_whole(path, ("\n".join(lines) + "\n").encode("utf-8"))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def write_curves(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write one row for each validation as CSV; a column is empty where a row lacks it."""
    names: list[str] = []
    for row in history:
        names += [name for name in row if name not in names]
    lines = [",".join(names), *(",".join(f"{row[n]:.8g}" if n in row else "" for n in names) for row in history)]
    write_whole(path, ("\n".join(lines) + "\n").encode("utf-8"))
