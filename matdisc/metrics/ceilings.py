"""How good an answer can be that is the same for all rows of one group, such as the polymorphs of one formula.

Labels differ within a group, and whoever sees only the group cannot follow. Each bound is of the given labels and is
reached by one who knows them; no other answer that is constant within groups is better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Floats, Ints


def lowest_mae(values: ArrayLike, groups: ArrayLike) -> float:
    """Return the mean distance of each value from the median of its group; nan without values.

    Args:
        values: Shape (n_rows,), finite.
        groups: Code of each row's group, shape (n_rows,).
    """
    values, which, n = _grouped(values, groups)
    if not len(values):
        return float("nan")
    ordered, starts = values[np.lexsort((values, which))], np.cumsum(n) - n
    median = (ordered[starts + (n - 1) // 2] + ordered[starts + n // 2]) / 2
    return float(np.abs(values - median[which]).mean())


def lowest_rmse(values: ArrayLike, groups: ArrayLike) -> float:
    """Return the root of the mean square distance of each value from the mean of its group; nan without values."""
    errors = _within(values, groups)
    return float(np.sqrt((errors**2).mean())) if len(errors) else float("nan")


def highest_r2(values: ArrayLike, groups: ArrayLike) -> float:
    """Return the share of the variance that lies between groups; nan without variance."""
    errors, values = _within(values, groups), np.asarray(values, float)
    total = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
    return 1 - float((errors**2).sum()) / total if total > 0 else float("nan")


def highest_f1(positive: ArrayLike, groups: ArrayLike) -> float:
    """Return the largest F1 of calls that are the same for all rows of a group; nan if nothing is positive.

    The best calls take groups by falling share of positives, down to some share (Lipton et al. 2014,
    arXiv:1402.1892), so trying every number of groups finds them.

    Args:
        positive: Whether each row is positive, shape (n_rows,).
        groups: Code of each row's group, shape (n_rows,).
    """
    yes, n = _counts(positive, groups)
    if not yes.sum():
        return float("nan")
    order = np.argsort(-yes / n, kind="stable")
    found, called = np.cumsum(yes[order]), np.cumsum(n[order])
    return float((2 * found / (called + yes.sum())).max())


def highest_precision(positive: ArrayLike, groups: ArrayLike) -> float:
    """Return the largest share of positives in one group: no set of groups has a larger one; nan without rows."""
    yes, n = _counts(positive, groups)
    return float((yes / n).max()) if len(n) else float("nan")


def highest_accuracy(classes: ArrayLike, groups: ArrayLike) -> float:
    """Return the share of rows that belong to the largest class of their group; nan without rows."""
    classes = np.asarray(classes)
    if not len(classes):
        return float("nan")
    table = np.stack([_counts(classes == one, groups)[0] for one in np.unique(classes)])
    return float(table.max(axis=0).sum() / len(classes))


def highest_macro_f1(classes: ArrayLike, groups: ArrayLike) -> float:
    """Return the mean of the largest F1 of each class that occurs, each for itself; nan without rows.

    No set of calls reaches the best of all classes at once where they compete, so this is a bound and rarely met.
    """
    classes = np.asarray(classes)
    best = [highest_f1(classes == one, groups) for one in np.unique(classes)]
    return float(np.mean(best)) if best else float("nan")


def _grouped(values: ArrayLike, groups: ArrayLike) -> tuple[Floats, Ints, Ints]:
    """Values, the place of each one's group among the groups that occur, and the rows of each of these."""
    _, which, n = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return np.asarray(values, float), which, n


def _within(values: ArrayLike, groups: ArrayLike) -> Floats:
    """Distance of each value from the mean of its group."""
    values, which, n = _grouped(values, groups)
    return np.asarray(values - (np.bincount(which, weights=values, minlength=len(n)) / n)[which])


def _counts(positive: ArrayLike, groups: ArrayLike) -> tuple[Floats, Ints]:
    """Positive rows and rows of each group that occurs."""
    yes, which, n = _grouped(positive, groups)
    return np.asarray(np.bincount(which, weights=yes, minlength=len(n)), float), n
