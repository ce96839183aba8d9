"""Learning rate, order of samples, and optimisers; all are functions of the step, so that a resumed run is the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from matdisc.models.get.training.config import Optimiser


def learning_rate(step: int, per_epoch: int, epochs: int, settings: Optimiser) -> float:
    """Return the rate of a step, counted from 0.

    Exponential: falls by the factor `per_epoch` of the settings at each new epoch. Linear: to zero after the last
    step. A warm-up multiplies it by (step + 1)/warm_up_steps until that is 1.
    """
    rate = settings.learning_rate
    if settings.decay == "exponential":
        rate *= settings.per_epoch ** (step // per_epoch)
    elif settings.decay == "linear":
        rate *= max(0.0, 1.0 - step / (per_epoch * epochs))
    if step < settings.warm_up_steps:
        rate *= (step + 1) / settings.warm_up_steps
    return rate


def batches(n: int, size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Return the batches of an epoch: every sample once, shuffled, sizes equal up to one; none is dropped."""
    order = np.random.default_rng([seed, epoch]).permutation(n)
    return np.array_split(order, batches_per_epoch(n, size))


def batches_per_epoch(n: int, size: int) -> int:
    return -(-n // size)


def optimiser_of(parameters: Iterable[Tensor], settings: Optimiser) -> torch.optim.Optimizer:
    """Return the optimiser; its rate is set anew at each step."""
    kinds = {"adamax": torch.optim.Adamax, "adam": torch.optim.Adam}
    made: torch.optim.Optimizer = kinds[settings.kind](
        list(parameters), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    return made


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate


def moving_mean(mean: Mapping[str, Tensor], now: Mapping[str, Tensor], decay: float, step: int) -> dict[str, Tensor]:
    """Return the running mean of weights after a step; early steps count more, so that the start is forgotten."""
    keep = min(decay, (1 + step) / (10 + step))
    return {name: torch.lerp(now[name], old, keep) for name, old in mean.items()}
