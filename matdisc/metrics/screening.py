"""Ranking metrics: a laboratory that tries the k most promising materials, how many stable ones does it find?

Rows of equal prediction are a tie: each counts with the stable share of its group, as if ties were broken at
random, so the order of rows cannot matter. Rows without a prediction rank last, as one tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.arrays import Floats, Ints

DEFAULT_KS = (100, 300, 1000, 3000, 10_000, 30_000)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Materials by predicted hull distance, lowest first, ties in one group; each array has shape (n_groups,)."""

    e_pred: Floats
    """Predicted hull distance of each group, eV/atom; nan for the last one if rows lack a prediction."""
    screened: Ints
    """Number of rows in this group and all before it."""
    hits: Ints
    """Number of stable rows among them."""

    @property
    def n(self) -> int:
        return int(self.screened[-1]) if len(self.screened) else 0

    @property
    def n_stable(self) -> int:
        return int(self.hits[-1]) if len(self.hits) else 0


@dataclass(frozen=True, slots=True)
class PrecisionAtK:
    """What the k highest-ranked materials hold; each array has shape (n_ks,)."""

    k: Ints
    hits: Floats
    precision: Floats
    daf: Floats
    ceiling: Floats
    """DAF of a perfect ranking."""


@dataclass(frozen=True, slots=True)
class CumulativeCurve:
    """Precision and recall after `screened` materials; each array has shape (at most n_points,)."""

    screened: Ints
    precision: Floats
    recall: Floats


def same_length(**columns: NDArray) -> int:
    """Return the common length of one-dimensional arrays.

    Raises:
        ValueError: If an array is not one-dimensional or the lengths differ.
    """
    shapes = {column.shape for column in columns.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        found = ", ".join(f"{name} {column.shape}" for name, column in columns.items())
        raise ValueError(f"one-dimensional arrays of equal length are needed, not {found}")
    return int(next(iter(shapes))[0])


def tie_ends(ascending: Floats) -> Ints:
    """Return how many values lie in each group of equal values and before it, from sorted values without nan."""
    n = len(ascending)
    last = np.ones(n, bool)
    np.not_equal(ascending[1:], ascending[:-1], out=last[: n - 1])
    return np.flatnonzero(last).astype(np.int64) + 1


def rank_materials(stable: ArrayLike, e_pred: ArrayLike, *, top: int | None = None) -> Ranking:
    """Return materials sorted by predicted hull distance with equal predictions grouped.

    Ranking metrics and curves all start here; hand them the result to sort once.

    Args:
        stable: Whether each material is stable, shape (n_materials,).
        e_pred: Predicted hull distances, same shape, eV/atom; nan or infinite means no answer, ranked last as
            one group.
        top: Sort only as many of the lowest (and those that tie with the last of them); all others join the
            last group. Much faster where `top` is small.

    Raises:
        ValueError: If the shapes differ.
    """
    is_stable, e_pred = np.asarray(stable, bool), np.asarray(e_pred, float)
    n = same_length(stable=is_stable, e_pred=e_pred)
    values = np.where(np.isfinite(e_pred), e_pred, np.nan)  # nan sorts last
    n_stable = int(np.count_nonzero(is_stable))
    if top is not None and 0 < top < n and not np.isnan(cut := np.partition(values, top - 1)[top - 1]):
        head = values <= cut
        values, is_stable = values[head], is_stable[head]
    order = np.argsort(values)
    answered = values[order[: np.count_nonzero(~np.isnan(values))]]
    screened = tie_ends(answered)
    groups = answered[screened - 1]
    hits = np.cumsum(is_stable[order], dtype=np.int64)[screened - 1]
    if len(answered) < n:
        screened, groups, hits = np.append(screened, n), np.append(groups, np.nan), np.append(hits, n_stable)
    return Ranking(groups, screened, hits)


def ranking_of(stable: ArrayLike, e_pred: ArrayLike, ranking: Ranking | None) -> Ranking:
    """Return `ranking` if it can belong to these rows, a new one if it is None.

    Raises:
        ValueError: If the number of rows or of stable ones is not that of the ranking.
    """
    if ranking is None:
        return rank_materials(stable, e_pred)
    n, n_stable = len(np.asarray(e_pred)), int(np.count_nonzero(stable))
    if (n, n_stable) != (ranking.n, ranking.n_stable):
        raise ValueError(f"{n} rows, {n_stable} stable; the ranking is of {ranking.n} rows, {ranking.n_stable} stable")
    return ranking


def expected_hits(ranking: Ranking, k: Ints | Floats) -> Floats:
    """Return the stable rows expected among the first k: hits below + (k - n_below) * stable_tied / n_tied."""
    before = np.zeros(1, np.int64)
    return np.interp(k, np.concatenate([before, ranking.screened]), np.concatenate([before, ranking.hits]))


def precision_at_k(
    stable: ArrayLike, e_pred: ArrayLike, ks: Sequence[int] | None = None, *, ranking: Ranking | None = None
) -> PrecisionAtK:
    """Return hits, precision and discovery acceleration factor among the k lowest predicted hull distances.

    precision@k = hits@k / k, DAF@k = precision@k / prevalence, ceiling = min(1, n_stable / k) / prevalence.
    Hits are expected values and need not be whole numbers where a tie lies across k. DAF and ceiling are nan
    if nothing is stable.

    Args:
        stable: Whether each material is stable, shape (n_materials,).
        e_pred: Predicted hull distances, same shape, eV/atom; nan means no answer, ranked last.
        ks: Numbers of materials to try; default: 100, 300, ..., 30,000 and the number of stable rows, those
            not above the number of rows, ascending.
        ranking: The same rows after `rank_materials`, to sort once for several metrics.

    Raises:
        ValueError: If the shapes differ or a k is not a whole number from 1 to the number of rows.
    """
    n, n_stable = len(np.asarray(e_pred)), int(np.count_nonzero(stable))
    if ks is None:
        ks = sorted(k for k in {*DEFAULT_KS, n_stable} if 1 <= k <= n)
    k = np.asarray(ks, dtype=None if len(ks) else np.int64)
    if ranking is None:
        whole = k.ndim == 1 and k.dtype.kind in "iu" and len(k) > 0
        ranking = rank_materials(stable, e_pred, top=int(k.max()) if whole else None)
    ranking = ranking_of(stable, e_pred, ranking)
    if k.ndim != 1 or k.dtype.kind not in "iu" or np.any((k < 1) | (k > n)):
        raise ValueError(f"each k has to be a whole number from 1 to {n}, the number of rows, not {list(ks)}")
    prevalence = n_stable / n if n_stable else np.nan
    hits = expected_hits(ranking, k)
    ceiling = np.minimum(1.0, n_stable / k) / prevalence
    return PrecisionAtK(k.astype(np.int64), hits, hits / k, hits / k / prevalence, ceiling)


def cumulative_curve(
    stable: ArrayLike, e_pred: ArrayLike, n_points: int = 200, *, ranking: Ranking | None = None
) -> CumulativeCurve:
    """Return precision and recall while materials are tried in the order of predicted hull distance.

    Half of the points are spread evenly over the logarithm of the number tried, the others over the number
    itself; 1 and the number of rows are among them. Between points the curve is not stored: a number exceeds the
    one before it by 1 or at most by a factor of about n_materials^(2 / n_points), 13 % at the full WBM set. Recall
    is nan if nothing is stable; without rows the arrays are empty.

    Args:
        stable: Whether each material is stable, shape (n_materials,).
        e_pred: Predicted hull distances, same shape, eV/atom; nan means no answer, ranked last.
        n_points: Most points to return.
        ranking: The same rows after `rank_materials`, to sort once for several metrics.

    Raises:
        ValueError: If the shapes differ or `n_points` is below 4.
    """
    if n_points < 4:
        raise ValueError(f"a curve needs at least 4 points, not {n_points}")
    ranking = ranking_of(stable, e_pred, ranking)
    n, half = ranking.n, n_points // 2
    if n <= n_points:
        k = np.arange(1, n + 1)
    else:
        k = np.unique(np.rint(np.concatenate([np.geomspace(1, n, half), np.linspace(1, n, n_points - half)])))
    hits = expected_hits(ranking, k)
    return CumulativeCurve(k.astype(np.int64), hits / k, hits / (ranking.n_stable or np.nan))
