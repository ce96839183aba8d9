"""One way to train a network on energies per atom: AdamW, one cycle, the best epoch, checkpoints that go on exactly.

Batches and initial weights follow from the seed alone, and each epoch begins with a seed of its own, so that a training
that was killed ends with the very weights that it would have had.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from matdisc.arrays import Bools, Floats, Ints
from matdisc.models.families.family import FEWEST, Model, Training
from matdisc.schema import Crystal

Collate = Callable[[Ints], Any]
"""Places of crystals to a batch that the network takes."""
WEIGHTS, CHECKPOINT = "weights.pt", "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training part.
        batch: Crystals a step.
        rate: Highest learning rate of the cycle.
        decay: Weight decay of AdamW.
        apart: Share of the groups that choose the best epoch and are not learnt from.
        every: Epochs between checkpoints.
        clip: Largest norm of a gradient.
    """

    epochs: int = 60
    batch: int = 64
    rate: float = 2e-3
    decay: float = 1e-4
    apart: float = 0.1
    every: int = 5
    clip: float = 10.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of the energies learnt from, eV/atom: networks see numbers of order one."""

    mean: float
    deviation: float


def train(net: torch.nn.Module, collate: Collate, energies: Floats, groups: Sequence[str], recipe: Recipe, seed: int,
          folder: Path) -> Scale:  # fmt: skip
    """Train a network in place and return the scale of its output; weights and checkpoints lie in `folder`.

    The loss is the mean absolute error. The weights are those of the epoch with the smallest error on the groups that
    are kept apart; without any such group, those of the last.

    Args:
        net: Takes a batch and returns one number a crystal, shape (n,).
        collate: Makes batches.
        energies: Labels, eV/atom, shape (n_crystals,).
        groups: Of each crystal, e.g. its chemical system: a group is kept apart or learnt from as a whole.
        recipe, seed: The same give the same weights.
        folder: Made if it is not there. Finished weights in it are loaded, and nothing is trained.
    """
    scale = Scale(float(energies.mean()), float(energies.std()) or 1.0)
    if _restored(net, folder / WEIGHTS):
        return scale
    folder.mkdir(parents=True, exist_ok=True)
    labels = torch.tensor((energies - scale.mean) / scale.deviation, dtype=torch.float32)
    apart = kept_apart(groups, recipe.apart, seed)
    learnt, chosen_by = np.flatnonzero(~apart), np.flatnonzero(apart)
    run = _Run(net, recipe, len(learnt))
    run.restore(folder / CHECKPOINT, asdict(recipe))
    for epoch in range(run.epoch, recipe.epochs):
        torch.manual_seed(1_000_003 * seed + epoch)
        order = np.random.default_rng([seed, epoch]).permutation(learnt)
        net.train()
        for start in range(0, len(order), recipe.batch):
            places = order[start : start + recipe.batch]
            run.step(torch.nn.functional.l1_loss(net(collate(places)), labels[places]))
        error = _error(net, collate, labels, chosen_by, recipe.batch) if len(chosen_by) else -float(epoch)
        run.note(epoch + 1, error)
        if (epoch + 1) % recipe.every == 0:
            run.save(folder / CHECKPOINT, asdict(recipe))
    net.load_state_dict(run.best)
    _write(folder / WEIGHTS, net.state_dict())
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return scale


def predict(net: torch.nn.Module, collate: Collate, n: int, scale: Scale, batch: int = 256) -> Floats:
    """Return what a network says of `n` crystals, eV/atom, shape (n,)."""
    net.eval()
    with torch.inference_mode():
        parts = [net(collate(np.arange(i, min(i + batch, n)))).double().numpy() for i in range(0, n, batch)]
    return np.concatenate([np.empty(0), *parts]) * scale.deviation + scale.mean


def fitted(training: Training, net: torch.nn.Module, batches: Callable[[Sequence[Crystal]], Collate],
           usable: Callable[[Crystal], bool], recipe: Recipe,
           learnt_from: Callable[[Sequence[Crystal]], Collate] | None = None) -> Model:  # fmt: skip
    """Train a network on a training part and return what it then says of crystals.

    It says nan of crystals that are not usable, and of all where fewer than FEWEST of the training part are.

    Args:
        training: What to learn from.
        net: As for `train`.
        batches: Makes batches of the crystals that it is given.
        usable: Whether a crystal can be made part of a batch.
        recipe: How to train.
        learnt_from: Makes the batches of the training part, where they are others than those of crystals asked about.
    """
    learnt = np.flatnonzero([usable(crystal) for crystal in training.crystals])
    if len(learnt) < FEWEST:
        return lambda asked: np.full(len(asked), np.nan)
    crystals = [training.crystals[i] for i in learnt]
    systems = [crystal.chemical_system for crystal in crystals]
    seen = (learnt_from or batches)(crystals)
    scale = train(net, seen, training.energies[learnt], systems, recipe, training.seed, training.folder)

    def energies(asked: Sequence[Crystal]) -> Floats:
        places, said = [i for i, crystal in enumerate(asked) if usable(crystal)], np.full(len(asked), np.nan)
        if places:
            said[places] = predict(net, batches([asked[i] for i in places]), len(places), scale)
        return said

    return energies


def kept_apart(groups: Sequence[str], share: float, seed: int) -> Bools:
    """Return which rows choose the best epoch, shape (n_rows,): whole groups, by the hash of seed and name."""
    parts = [int(hashlib.sha256(f"apart|{seed}|{group}".encode()).hexdigest()[:8], 16) / 2**32 for group in groups]
    apart = np.array(parts) < share
    return apart if not apart.all() else np.zeros(len(groups), bool)


class _Run:
    """A network on its way: optimiser, schedule, the best weights so far, and the epoch that comes next."""

    def __init__(self, net: torch.nn.Module, recipe: Recipe, n: int) -> None:
        steps = recipe.epochs * max(1, -(-n // recipe.batch))
        self.net, self.clip = net, recipe.clip
        self.optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, recipe.rate, total_steps=steps + 1)
        self.epoch, self.error, self.best = 0, float("inf"), _copied(net)

    def step(self, loss: torch.Tensor) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
        self.optimiser.step()
        self.schedule.step()

    def note(self, epoch: int, error: float) -> None:
        self.epoch = epoch
        if error < self.error:
            self.error, self.best = error, _copied(self.net)

    def save(self, path: Path, recipe: dict[str, Any]) -> None:
        parts = {"net": self.net, "optimiser": self.optimiser, "schedule": self.schedule}
        state = {name: part.state_dict() for name, part in parts.items()}
        about = {"recipe": recipe, "epoch": self.epoch, "error": self.error, "best": self.best}
        _write(path, {**state, **about})

    def restore(self, path: Path, recipe: dict[str, Any]) -> None:
        """Go on from a checkpoint of the same recipe; one that is damaged or of another is passed over."""
        try:
            state = torch.load(path, weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
            return
        if state.get("recipe") != recipe:
            return
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.epoch, self.error, self.best = state["epoch"], state["error"], state["best"]


def _restored(net: torch.nn.Module, path: Path) -> bool:
    """Whether finished weights were there and fit; those of another version of the network are trained anew."""
    try:
        net.load_state_dict(torch.load(path, weights_only=True))
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
        return False
    return True


def _error(net: torch.nn.Module, collate: Collate, labels: torch.Tensor, places: Ints, batch: int) -> float:
    net.eval()
    with torch.inference_mode():
        parts = [places[i : i + batch] for i in range(0, len(places), batch)]
        sums = [float((net(collate(part)) - labels[part]).abs().sum()) for part in parts]
    return sum(sums) / len(places)


def _copied(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a file whole or not at all; a name of its own bears two processes that train the same."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    torch.save(content, draft)
    draft.replace(path)
