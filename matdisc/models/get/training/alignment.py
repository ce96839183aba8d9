"""Density alignment: a model's pressure at given volume is shifted by as much as its densities are wrong.

The shift is imposed on the network's virial between molecules, W_out, so that molecules themselves stay as they are;
only the energy head moves. It is an estimate at frozen geometry: confirm it with a run at constant pressure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from matdisc.errors import DataError
from matdisc.models.get import files
from matdisc.models.get.reference.graph import Graph
from matdisc.models.get.reference.potential import GET, Answer
from matdisc.models.get.training.accuracy import write_curves
from matdisc.models.get.training.bulk import read_structures
from matdisc.models.get.training.config import ATM_IN_MPA, DEBYE_SQUARED, KCAL_SQUARED_BY_ATM, AlignConfig, Loss
from matdisc.models.get.training.losses import mean_square
from matdisc.models.get.training.pressure import to_mpa
from matdisc.models.get.training.readout_fit import Report, evenly_spaced, every_third, fit_head, read_clusters

if TYPE_CHECKING:
    from ase import Atoms

LABELLED = Loss(
    energy=0.3 * KCAL_SQUARED_BY_ATM, forces=1.0 * KCAL_SQUARED_BY_ATM, virial=0.1 * KCAL_SQUARED_BY_ATM, charge=0,
    dipole=3.0 * DEBYE_SQUARED * ATM_IN_MPA**2, residual=0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlignmentResult:
    """What alignment did to one mixture, on frames that it did not learn from.

    Attributes:
        mixture: Its name.
        wanted: Pressure shift, MPa.
        achieved: Mean shift of W_out/(3V), MPa.
        spread: Its standard deviation over frames, MPa; nan of a single one.
        total: Mean shift of the whole virial pressure tr W/(3V), MPa.
        forces: Root mean square change of force components, eV/Å.
        frames: How many.
    """

    mixture: str
    wanted: float
    achieved: float
    spread: float
    total: float
    forces: float
    frames: int


@dataclass(frozen=True, slots=True)
class ReferenceFrame:
    """A frame with what the initial model says of it, and the shift that is wanted.

    Attributes:
        mixture: Its name.
        graph: The frame.
        volume: Å^3.
        wanted: MPa.
        initial: Answer of the initial model.
    """

    mixture: str
    graph: Graph
    volume: float
    wanted: float
    initial: Answer


def align(config: AlignConfig, folder: Path, out: Path, *, report: Report | None = None) -> list[AlignmentResult]:
    """Align the model of a configuration whose paths are relative to `folder`, into `out/model`.

    Writes `curves.csv` as well, and returns what was achieved on frames held back.

    Raises:
        DataError: If the model or frames cannot be used, or nobody said which atoms form a molecule.
    """
    torch.set_num_threads(1)
    run = config.run
    dtype = getattr(torch, run.dtype)
    model = files.load(folder / config.model, dtype=dtype, device=run.device)
    train: list[ReferenceFrame] = []
    held_back: list[ReferenceFrame] = []
    for mixture in config.mixtures:
        structures = read_structures([folder / name for name in mixture.frames])
        held = [
            hold(model, structures[i], mixture.name, mixture.delta_pressure)
            for i in evenly_spaced(len(structures), config.most_frames)
        ]
        learn, keep = every_third(range(len(held)))
        train += [held[i] for i in learn]
        held_back += [held[i] for i in keep or learn]
    clusters = None
    if config.labelled is not None:
        clusters = read_clusters(config.labelled, folder, model.settings, LABELLED, run)

    def frame_loss(now: GET, place: int) -> Tensor:
        return pressure_loss(now, train[place], config, training=True)

    def validation(now: GET) -> float:
        total = sum(float(pressure_loss(now, held, config, training=False)) for held in held_back) / len(held_back)
        return total + (clusters.validation_loss(now) if clusters else 0.0)

    history = fit_head(model, run, len(train), frame_loss, clusters, validation, report)
    found = [
        alignment_result(model, [h for h in held_back if h.mixture == mixture.name]) for mixture in config.mixtures
    ]
    about: dict[str, str | int | float | bool] = {f"shift of {s.mixture}, MPa": round(s.achieved, 3) for s in found}
    files.save(out / "model", model, about={"aligned": ", ".join(s.mixture for s in found)} | about)
    write_curves(out / "curves.csv", history)
    return found


def hold(model: GET, atoms: Atoms, mixture: str, wanted: float) -> ReferenceFrame:
    """Return a frame with what the model says of it now.

    Raises:
        DataError: If it has no box, or only one molecule.
    """
    device = next(model.parameters()).device
    if not atoms.pbc.all():
        raise DataError(f"mixture {mixture!r}: a frame has no periodic box; alignment shifts pressures of liquids")
    if len(set(np.asarray(atoms.arrays.get("molecule", [0])).tolist())) < 2:
        raise DataError(
            f"mixture {mixture!r}: a frame does not say which atoms form a molecule; write the trajectory with the "
            'column "molecule" (one whole number for each atom)'
        )
    graph = model.graph([atoms], dtype=model.dtype, device=device)
    volume = float(abs(np.linalg.det(atoms.cell.array)))  # the determinant: cells need not be orthogonal
    return ReferenceFrame(mixture, graph, volume, wanted, model.answer(graph, between=True))


def pressure_loss(model: GET, held: ReferenceFrame, config: AlignConfig, *, training: bool) -> Tensor:
    """Return the loss of a frame: the miss of the shift, and how far all else has moved.

    The virial is held at the initial one plus the shift that is wanted; held at the initial one, as published, it
    would pull against the shift.
    """
    now = model.answer(held.graph, training=training, between=True)
    n = len(held.graph.numbers)
    target = held.initial.virial + torch.eye(3).to(held.initial.virial) * held.wanted / to_mpa(1.0) * held.volume
    miss = shift_of(now, held) - held.wanted
    loss = config.pressure * miss.double().square().sum()
    loss = loss + config.stay_forces * mean_square(now.forces, held.initial.forces).double()
    loss = loss + config.stay_energy * mean_square(now.energy, held.initial.energy).double() / n
    return loss + config.stay_virial * mean_square(now.virial, target).double() / n


def shift_of(now: Answer, held: ReferenceFrame) -> Tensor:
    """Return the shift of the pressure between molecules, W_out/(3V), in MPa, shape (1,)."""
    assert now.network_virial_between is not None
    assert held.initial.network_virial_between is not None
    return (now.network_virial_between - held.initial.network_virial_between) * (to_mpa(1.0) / (3 * held.volume))


def alignment_result(model: GET, frames: list[ReferenceFrame]) -> AlignmentResult:
    """Return what has become of the frames of one mixture."""
    shifts, totals, moved = [], [], []
    for held in frames:
        now = model.answer(held.graph, between=True)
        shifts.append(float(shift_of(now, held)))
        trace = torch.einsum("faa->f", now.virial - held.initial.virial)
        totals.append(to_mpa(float(trace) / (3 * held.volume)))
        moved.append(float((now.forces - held.initial.forces).square().mean()))
    spread = float(np.std(shifts, ddof=1)) if len(shifts) > 1 else float("nan")
    return AlignmentResult(
        mixture=frames[0].mixture,
        wanted=frames[0].wanted,
        achieved=float(np.mean(shifts)),
        spread=spread,
        total=float(np.mean(totals)),
        forces=float(np.sqrt(np.mean(moved))),
        frames=len(frames),
    )
