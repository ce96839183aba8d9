"""What is chosen and estimated inside the training part: strength, order, and the reliability of each source.

Labels of candidates never come here. Folds are drawn with a seed from the training alloys in the order given.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.models.evidence.inference import (
    CHUNK,
    by_pieces,
    by_products,
    combine_products,
    own_queries,
    speaking_keys,
)
from matdisc.models.evidence.masses import Combined
from matdisc.models.evidence.sources import fuse
from matdisc.models.evidence.substitution import Hosts
from matdisc.models.evidence.view import View, masses_of, restricted

if TYPE_CHECKING:
    from matdisc.models.evidence.settings import Settings

Way = tuple[Floats, int, float]
"""Masses of the keys (n_groups, n_groups, 3), largest exchanged group, and factor of `v2`."""
LEAVE_ONE_OUT = 10
"""Up to this many alloys reliability is the accuracy of leaving one out."""


def choose(settings: Settings, view: View, weights: Floats | None) -> tuple[float, int, tuple[float, ...]]:
    """Return strength, order and the reliability of each source (data first), from the training part alone.

    Strength and order have the lowest Brier score of the whole model in cross-validation, the first of equals. With
    one class, or fewer alloys than folds, there is nothing to choose by: the middle strength and the largest order.
    """
    middle = settings.alphas[len(settings.alphas) // 2]
    high = view.hosts.high
    reliability = (1.0,) * settings.n_sources
    if settings.reliability and settings.n_sources > 1 and len(high) > 1:
        reliability = reliabilities(settings, view, weights, middle)
    grid = list(product(settings.alphas, settings.orders)) if settings.use_data else []
    if len(grid) < 2 or len(high) < settings.folds or high.all() or not high.any():
        return middle, max(settings.orders), reliability
    total = np.zeros(len(grid))
    for keep in training_folds(len(high), settings.folds, settings.seed):
        p_high = _held_out(settings, view, weights, keep, grid, reliability)
        total += ((p_high - high[~keep, None]) ** 2).sum(axis=0)
    alpha, order = grid[int(np.argmin(total))]
    return alpha, order, reliability


def reliabilities(settings: Settings, view: View, weights: Floats | None, alpha: float) -> tuple[float, ...]:
    """Return the mean macro F1 of each source alone, data first, in a cross-validation of the training part.

    With ten alloys or fewer it is the accuracy of leaving one out. Abstentions count as the majority class.
    """
    n, high = len(view.hosts.high), view.hosts.high
    small = n <= LEAVE_ONE_OUT
    scores = []
    for keep in training_folds(n, n if small else settings.reliability_folds, settings.seed):
        predicted = _called_by_each(settings, view, weights, keep, alpha)
        truth = high[~keep]
        scores.append([np.mean(c == truth) if small else macro_f1(truth, c) for c in predicted.T])
    return tuple(float(r) for r in np.mean(scores, axis=0))


def training_folds(n: int, folds: int, seed: int) -> Iterator[Bools]:
    """Yield for each fold which of n alloys stay in training, shape (n,); shuffled, sizes equal within one."""
    folds = min(folds, n)
    number = np.random.default_rng(seed).permutation(np.arange(n) % folds)
    for fold in range(folds):
        yield number != fold


def macro_f1(true: Bools, predicted: Bools) -> float:
    """Return the mean F1 of the classes that occur in truth or calls; at least one alloy."""
    scores = []
    for t, c in ((true, predicted), (~true, ~predicted)):
        if t.any() or c.any():
            scores.append(2 * (t & c).sum() / (t.sum() + c.sum()))
    return float(np.mean(scores))


def _called_by_each(settings: Settings, view: View, weights: Floats | None, keep: Bools, alpha: float) -> Bools:
    """Calls of each source alone on the alloys left out, shape (n_left_out, n_sources)."""
    part = restricted(view, keep, count=settings.use_data)
    masses = []
    if settings.use_data:
        data = masses_of(part, alpha, weights).masses
        masses.append(
            fuse(view.groups, data, view.table_masses[:0], (settings.fusion.data_share,), settings.fusion).masses
        )
    masses += [
        fuse(view.groups, None, view.table_masses[i : i + 1], (1.0,), settings.fusion).masses
        for i in range(len(view.table_masses))
    ]
    largest = max(settings.orders)
    p_high = _p_high(settings, view.hosts, part, keep, [(m, largest, alpha) for m in masses])
    high = view.hosts.high[keep]
    majority = bool(2 * high.sum() > len(high))
    return np.where(p_high == 0.5, majority, p_high > 0.5)


def _held_out(
    settings: Settings,
    view: View,
    weights: Floats | None,
    keep: Bools,
    grid: list[tuple[float, int]],
    reliability: tuple[float, ...],
) -> Floats:
    """p_high of the alloys left out for each pair of strength and order, shape (n_left_out, n_grid)."""
    part = restricted(view, keep, count=True)
    fused = {}
    for alpha in settings.alphas:
        data = masses_of(part, alpha, weights).masses
        fused[alpha] = fuse(view.groups, data, view.table_masses, reliability, settings.fusion).masses
    return _p_high(settings, view.hosts, part, keep, [(fused[alpha], order, alpha) for alpha, order in grid])


def _p_high(settings: Settings, every: Hosts, part: View, keep: Bools, ways: list[Way]) -> Floats:
    """p_high of the alloys left out in each way to judge them, shape (n_left_out, n_ways)."""
    queries = own_queries(every, ~keep)
    at_a_time = max(1, CHUNK // len(part.groups) ** 2)
    columns = []
    for i in range(0, len(ways), at_a_time):
        some = ways[i : i + at_a_time]
        keys = np.stack([speaking_keys(part.groups, masses, order) for masses, order, _ in some], axis=-1)
        alphas = np.array([alpha for _, _, alpha in some])
        if settings.rule in ("murphy", "cautious"):
            columns += [
                by_pieces(part.hosts, keys[..., j], queries, settings.version, alpha, settings.rule)[0]
                for j, alpha in enumerate(alphas)
            ]
        else:
            logs = by_products(part.hosts, keys, queries, settings.version, alphas)
            columns += [combine_products(logs, j, settings.rule) for j in range(len(some))]
    return np.stack([_pignistic(combined) for combined in columns], axis=1)


def _pignistic(combined: Combined) -> Floats:
    return combined.masses[:, 0] + combined.masses[:, 2] / 2
