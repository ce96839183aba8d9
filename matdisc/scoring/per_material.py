"""What a row says of each material: its number, its error, and whether it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.datasets.truth import Truth
from matdisc.scoring.metric import Metric


class Named(NamedTuple):
    """A quantity as a reader sees it; `unit` is empty for a pure number."""

    label: str
    unit: str = ""


@dataclass(frozen=True)
class PerMaterial:
    """What one row says of each material of the headline, arrays of shape (n_materials,).

    Attributes:
        ids: Names of the materials, each once.
        places: Where each stands in the labels of the dataset; of several answers, the first.
        error_name: What the error is.
        error: How far the answer is off, with a sign where `signed`; nan where that is undefined.
        signed: Whether errors are answer minus truth.
        value_name: What is answered; None where an answer is no single number.
        value: The answers, nan where there is none; None where an answer is no single number.
        truth: The labels of that number, nan where unknown; None where the dataset has none.
        right: Whether each material is called rightly, as scores count it; None where nothing is called.
        judged: Of which materials that is known; None for all.
        right_name: What is right or wrong.
    """

    ids: tuple[str, ...]
    places: Ints
    error_name: Named
    error: Floats
    signed: bool = False
    value_name: Named | None = None
    value: Floats | None = None
    truth: Floats | None = None
    right: Bools | None = None
    judged: Bools | None = None
    right_name: str = ""


def chosen(truth: Truth, keep: Bools) -> tuple[tuple[str, ...], Ints]:
    """Return names and places of the materials where `keep` is true."""
    key = ("chosen", keep.tobytes())
    if key not in truth.derived:
        places = np.flatnonzero(keep)
        truth.derived[key] = tuple(truth.material_ids.take(places).to_pylist()), places
    found: tuple[tuple[str, ...], Ints] = truth.derived[key]
    return found


def each_once(truth: Truth, keep: Bools) -> tuple[tuple[str, ...], Ints, Ints]:
    """Return names and first places of materials that folds ask about, and for each kept answer which one it is of.

    An answer is called `material@protocol/fold`.
    """
    answers, places = chosen(truth, keep)
    found: dict[str, int] = {}
    which = np.array([found.setdefault(name.rpartition("@")[0], len(found)) for name in answers], np.int64)
    first = places[np.unique(which, return_index=True)[1]] if len(which) else places
    return tuple(found), first, which


def means(values: Floats, which: Ints, n: int) -> Floats:
    """Return the mean of the finite values of each of n materials, nan where there is none."""
    known = np.isfinite(values)
    counts = np.bincount(which[known], minlength=n)
    with np.errstate(invalid="ignore"):
        return np.bincount(which[known], values[known], minlength=n) / np.where(counts, counts, np.nan)


def of_one(metric: Metric) -> Named:
    """Return how the term of one material of a mean error is called: `Force MAE` is the force error of a material."""
    label = metric.label.replace("MAE", "error")
    return Named("E" + label[1:] if label.startswith("error") else label, metric.unit or "")


def first_defined(columns: Sequence[Floats]) -> int:
    """Return the place of the first column with a finite number, 0 if there is none."""
    return next((i for i, column in enumerate(columns) if np.isfinite(column).any()), 0)
