"""Moving the energy head of a trained model, and nothing else: what distillation and alignment share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from matdisc.models.get.reference.potential import GET
from matdisc.models.get.settings import Settings
from matdisc.models.get.training.checkpoint import Tensors
from matdisc.models.get.training.config import HeadRun, LabelledClusters, Loss
from matdisc.models.get.training.evaluation import predict, set_loss
from matdisc.models.get.training.losses import loss_terms
from matdisc.models.get.training.samples import Samples, read_data, samples_of, split_parts
from matdisc.models.get.training.schedule import batches

Report = Callable[[int, int], None]
HEAD = "network.heads.energy."


def energy_head(model: GET) -> list[Tensor]:
    """Return the weights of the energy head; all others are frozen."""
    moved = []
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(HEAD))
        if name.startswith(HEAD):
            moved.append(parameter)
    return moved


def state_of(model: GET) -> Tensors:
    """Return a copy of the weights."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@dataclass(frozen=True, slots=True)
class Clusters:
    """Labelled clusters that keep a model from forgetting.

    Attributes:
        train: Those that are learned from.
        validation: Those that errors are measured on, held-out systems apart.
        held_out: Systems that no model was trained on; None without.
        weights: Of their loss.
        batch: Clusters of a step.
    """

    train: Samples
    validation: Samples
    held_out: Samples | None
    weights: Loss
    batch: int

    def loss(self, model: GET, step: int, seed: int) -> Tensor:
        """Return the loss of the batch of a step, counted from 0."""
        per_epoch = -(-len(self.train) // self.batch)
        epoch, place = divmod(step, per_epoch)
        graph, labels = self.train.batch(batches(len(self.train), self.batch, seed, epoch)[place])
        terms = loss_terms(model.answer(graph, training=True), labels, self.weights)
        return torch.stack([term.double() for term in terms.values()]).sum()

    def validation_loss(self, model: GET) -> float:
        return set_loss(predict(model, self.validation), self.validation, self.weights)


def read_clusters(settings: LabelledClusters, folder: Path, model: Settings, weights: Loss, run: HeadRun) -> Clusters:
    """Return the labelled clusters of a configuration in `folder`; its own weights, where given, replace `weights`.

    Raises:
        DataError: If they cannot be read or split.
    """
    own = {name: getattr(settings, name) for name in ("energy", "forces", "virial", "dipole")}
    frames = read_data([folder / name for name in settings.files])
    parts = split_parts(
        frames, validation=settings.validation, held_out_systems=settings.held_out_systems, seed=settings.seed
    )
    dtype = getattr(torch, run.dtype)
    train, validation, *rest = (
        samples_of(part, model, {}, dtype=dtype, device=run.device)
        for part in (parts.train, parts.validation, parts.held_out)
        if part is not None
    )
    weights = weights.model_copy(update={name: value for name, value in own.items() if value is not None})
    return Clusters(train, validation, rest[0] if rest else None, weights, settings.batch)


def evenly_spaced(n: int, most: int) -> list[int]:
    """Return at most `most` of n frames, evenly spaced."""
    return sorted({int(i) for i in np.linspace(0, n - 1, min(n, most)).round()})


def every_third(indices: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return two thirds to learn from, and every third for validation."""
    return [i for k, i in enumerate(indices) if k % 3 != 2], [i for k, i in enumerate(indices) if k % 3 == 2]


def fit_head(
    model: GET,
    run: HeadRun,
    n_frames: int,
    frame_loss: Callable[[GET, int], Tensor],
    clusters: Clusters | None,
    validation: Callable[[GET], float],
    report: Report | None = None,
) -> list[dict[str, float]]:
    """Move the energy head; the model ends with the weights of the lowest validation loss, its first ones included.

    Each epoch takes every frame once, in random order: a step on it, then one on a batch of labelled clusters.

    Args:
        model: Changed in place.
        run: Epochs, rate, seed.
        n_frames: Frames to learn from.
        frame_loss: Loss of a frame.
        clusters: Labelled clusters; None for none.
        validation: Loss that decides.
        report: Called with epochs done and in all.

    Returns:
        One row for each validation, the first before any step.
    """
    parameters = energy_head(model)
    optimiser = torch.optim.Adam(parameters, lr=run.learning_rate)
    history = [{"epoch": 0.0, "loss": float("nan"), "validation_loss": validation(model)}]
    best, kept, step = history[0]["validation_loss"], state_of(model), 0
    for epoch in range(run.epochs):
        for group in optimiser.param_groups:
            group["lr"] = run.learning_rate * run.per_epoch**epoch
        total = 0.0
        for frame in np.random.default_rng([run.seed, epoch]).permutation(n_frames):
            total += _step(optimiser, frame_loss(model, int(frame)))
            if clusters is not None:
                _step(optimiser, clusters.loss(model, step, run.seed))
            step += 1
        if (epoch + 1) % run.validate_every == 0 or epoch + 1 == run.epochs:
            found = validation(model)
            history.append({"epoch": epoch + 1.0, "loss": total / n_frames, "validation_loss": found})
            if found < best:
                best, kept = found, state_of(model)
        if report is not None:
            report(epoch + 1, run.epochs)
    model.load_state_dict(kept)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return history


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> float:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def replaced_run(run: HeadRun, device: str | None) -> HeadRun:
    """Return the run on another device, if one is named."""
    return run if device is None else run.model_copy(update={"device": device})
