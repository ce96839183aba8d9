"""Checkpoints of a training: one safetensors file, written whole or not at all; nothing in it can run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from matdisc.atomic import write_atomic
from matdisc.errors import RunError

NAME = "checkpoint.safetensors"
Tensors = dict[str, Tensor]


@dataclass
class Progress:
    """Where a training stands, as plain values.

    Attributes:
        step: Steps done.
        running: Sum of each loss term over the steps of the current epoch.
        history: One row for each validation.
        best: Lowest validation loss so far; infinite before the first.
        best_epoch: Epoch that it was reached in.
        seconds: Time spent so far, over all parts.
        fingerprint: Of the configuration and data; another one cannot go on from here.
        baseline: Energy per element, eV, taken off the labels.
    """

    step: int = 0
    running: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    best: float = float("inf")
    best_epoch: int = -1
    seconds: float = 0.0
    fingerprint: str = ""
    baseline: dict[str, float] = field(default_factory=dict)


def save_checkpoint(
    folder: Path, progress: Progress, weights: Mapping[str, Tensors], optimiser: torch.optim.Optimizer
) -> None:
    """Write everything that going on needs.

    Args:
        folder: Of the training.
        progress: Where it stands.
        weights: Sets of weights by name, such as "model", "mean" and "best".
        optimiser: Its moments are kept.
    """
    from safetensors.torch import save

    tensors = {f"{kind}|{name}": value for kind, found in weights.items() for name, value in found.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser|{index}|{name}": torch.as_tensor(value) for name, value in state.items()}
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    write_atomic(folder / NAME, save(plain, metadata={"progress": json.dumps(asdict(progress))}))


def load_checkpoint(folder: Path) -> tuple[Progress, dict[str, Tensors]]:
    """Return where a training stood, and its tensors by kind; those of the kind "optimiser" are `index|name`.

    Raises:
        RunError: If there is no checkpoint, or it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / NAME
    if not path.is_file():
        raise RunError(f"{path}: there is no checkpoint to resume from; leave out --resume to begin")
    weights: dict[str, Tensors] = {}
    try:
        with safe_open(path, framework="pt") as file:
            progress = Progress(**json.loads((file.metadata() or {})["progress"]))
            for key in file.keys():  # noqa: SIM118 (no mapping)
                kind, name = key.split("|", 1)
                weights.setdefault(kind, {})[name] = file.get_tensor(key)
            if lacking := {"model", "best"} - weights.keys():
                raise KeyError(min(lacking))
    except (SafetensorError, KeyError, ValueError, TypeError) as err:
        raise RunError(
            f"{path}: not a checkpoint of a training, or damaged ({type(err).__name__}: {err}); bring back an intact "
            "copy, or begin anew in another folder (--out, without --resume)"
        ) from err
    return progress, weights


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Give an optimiser its moments back."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        index, name = key.split("|", 1)
        state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
