"""Means and medians over materials, each of them weighted: a resample is a set of weights.

What a material says of a metric is a number, or nan where it says nothing; such materials take no part in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.arrays import Floats
from matdisc.metrics.bootstrap import resampling_weights


def weighted_mean(values: ArrayLike, weights: ArrayLike) -> Floats:
    """Return the mean of the values that are finite, shape of `weights` without its last axis.

    Undefined (nan) where those have no weight.

    Args:
        values: Shape (n_materials,).
        weights: How often each material counts, shape (..., n_materials).
    """
    known, chosen = _known(values, weights)
    total = chosen.sum(axis=-1)
    return np.asarray(np.divide(chosen @ known, total, out=np.full(total.shape, np.nan), where=total > 0))


def weighted_median(values: ArrayLike, weights: ArrayLike) -> Floats:
    """Return the median of the values that are finite, each repeated as often as its weight says.

    Between two middle values it is their mean, as for a plain list. Undefined (nan) where the values have no weight.

    Args:
        values: Shape (n_materials,).
        weights: How often each material counts, whole numbers, shape (..., n_materials).
    """
    known, chosen = _known(values, weights)
    if not len(known):
        return np.full(chosen.shape[:-1], np.nan)
    order = np.argsort(known, kind="stable")
    known, up_to = known[order], np.cumsum(chosen[..., order], axis=-1)
    total = up_to[..., -1:]
    lower = np.argmax(2 * up_to >= total, axis=-1)
    upper = np.argmax(2 * up_to > total, axis=-1)
    middle = (known[lower] + known[upper]) / 2
    return np.asarray(np.where(total[..., 0] > 0, middle, np.nan))


def draws_of_materials(groups: NDArray[Any], *, replicates: int = 1000, seed: int = 0) -> Floats | None:
    """Return how often each material is drawn if whole groups are, shape (replicates, n_materials).

    None with fewer than two groups, which no resampling tells anything about. Models with the same groups get the same
    draws, so their differences are paired.

    Args:
        groups: Code of each material's group, shape (n_materials,).
        replicates: Number of resamples.
        seed: Seed of the random generator.
    """
    names, place = np.unique(groups, return_inverse=True)
    if len(names) < 2 or replicates < 1:
        return None
    return resampling_weights(len(names), replicates, seed)[:, place].astype(float)


def _known(values: ArrayLike, weights: ArrayLike) -> tuple[Floats, Floats]:
    values, weights = np.asarray(values, float), np.asarray(weights, float)
    if values.ndim != 1 or weights.shape[-1:] != values.shape:
        raise ValueError(f"values of shape {values.shape} do not fit weights of shape {weights.shape}")
    there = np.isfinite(values)
    return values[there], weights[..., there]
