"""What a trained network is worth: its answers on a whole set, the loss there, and the files that are left behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from matdisc.models.get.files import save
from matdisc.models.get.reference.potential import GET
from matdisc.models.get.training import accuracy
from matdisc.models.get.training.accuracy import Predictions, Row
from matdisc.models.get.training.baseline import baseline_energy, fit_baseline
from matdisc.models.get.training.checkpoint import Progress
from matdisc.models.get.training.losses import Weights, loss_terms
from matdisc.models.get.training.samples import Parts, Samples, samples_of

VALIDATION_BATCH = 64


def predict(model: GET, samples: Samples, *, residual: bool = False) -> Predictions:
    """Return what a model says of all samples, in their order."""
    answers = []
    for start in range(0, len(samples), VALIDATION_BATCH):
        graph, _ = samples.batch(np.arange(start, min(start + VALIDATION_BATCH, len(samples))))
        answers.append(model.answer(graph, residual=residual))

    def joined(name: str) -> np.ndarray:
        parts: list[Tensor] = [getattr(answer, name).detach().double().cpu() for answer in answers]
        return torch.cat(parts).numpy()

    return Predictions(
        energy=joined("energy"),
        forces=joined("forces"),
        virial=joined("virial"),
        charges=joined("charges"),
        dipole=joined("dipole"),
        residual=joined("residual") if residual else None,
    )


def set_loss(predicted: Predictions, samples: Samples, weights: Weights) -> float:
    """Return the loss of a whole set taken as one batch."""

    p = predicted
    values = (p.energy, p.forces, p.virial, p.charges, p.dipole, np.zeros(1) if p.residual is None else p.residual)
    device = samples.atom_ptr.device
    answer = AsTensors(*(torch.as_tensor(x, device=device) for x in values))
    return sum(float(term) for term in loss_terms(answer, samples.labels, weights).values())


@dataclass(frozen=True, slots=True)
class AsTensors:
    """Answers on a whole set, as `matdisc.models.get.training.losses.Answered`."""

    energy: Tensor
    forces: Tensor
    virial: Tensor
    charges: Tensor
    dipole: Tensor
    residual: Tensor


def write_model(
    model: GET,
    parts: Parts,
    train: Samples,
    validation: Samples,
    baseline: dict[int, float],
    progress: Progress,
    out: Path,
    *,
    seed: int,
) -> list[Row]:
    """Write `model/` and `errors.csv`; return the rows of the latter.

    The loss knows energies only up to an offset; so the baseline is fitted anew, on the training part alone, to what
    the trained network leaves over.
    """
    said = {"train": (train, predict(model, train, residual=True))}
    said["validation"] = (validation, predict(model, validation, residual=True))
    if parts.held_out is not None:
        samples = samples_of(
            parts.held_out,
            model.settings,
            {},
            dtype=train.labels.energy.dtype,
            device=str(train.atom_ptr.device),
        )
        said["held out"] = (samples, predict(model, samples, residual=True))
    left_over = parts.train.energy - said["train"][1].energy
    final = fit_baseline(parts.train, left_over)
    charges = accuracy.mean_charge_of_elements(parts.train)
    rows: list[Row] = []
    for name, (samples, found) in said.items():
        known = samples.frames
        rows += accuracy.error_rows(
            name, known, found,
            energy_error=found.energy + baseline_energy(known, final) - known.energy,
            baseline_error=baseline_energy(known, baseline) - known.energy,
            mean_charges=charges,
        )  # fmt: skip
    accuracy.write_errors(out / "errors.csv", rows)
    accuracy.write_curves(out / "curves.csv", progress.history)
    shipped = GET(replace(model.settings, baseline=final))
    shipped.load_state_dict(model.state_dict())
    about: dict[str, str | int | float | bool] = {
        "seed": seed,
        "epoch": progress.best_epoch,
        "frames": len(parts.train),
        "fingerprint": progress.fingerprint,
    }
    about |= {f"{r.part} {r.quantity} MAE {r.unit}": round(r.mae, 5) for r in rows if r.system == "all"}
    save(out / "model", shipped, about=about)
    return rows
