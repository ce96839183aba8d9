"""What out-of-fold answers are scored for: a number, yes or no, or one of several classes; each by sums over rows.

A row without an answer counts as the trivial one: the median of the training part for a number, no, or the class that
is most frequent in the training part. So nobody gains by leaving out difficult rows. Where a protocol has no answer at
all to a quantity, its metrics are undefined there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.datasets.truth import Truth
from matdisc.metrics import ceilings
from matdisc.metrics.stability import COUNTS, TERMS, all_stable_baseline, metrics_from_totals, row_terms
from matdisc.scoring.answers import Answers

N_COUNTS = len(COUNTS)
ERRORS = len(TERMS) - N_COUNTS
LEVEL = 0.9
"""Share of the labels that stated intervals should hold."""
How = Literal["mean", "median", "mode"]
Test = Callable[[Floats], Bools]
"""Which of some numbers mean yes; nan means no."""


@dataclass(frozen=True, kw_only=True)
class Quantity(ABC):
    """Something that a material has and a model answers.

    Attributes:
        key: Begins the keys of its metrics: `gap` of `gap_mae`.
        target: Name of its label.
        columns: Answer columns, any of which is an answer.
    """

    key: str
    target: str
    columns: tuple[str, ...]

    @property
    @abstractmethod
    def n_terms(self) -> int:
        """Number of sums."""

    @abstractmethod
    def terms(self, truth: Truth, answers: Answers, asked: Bools) -> Floats:
        """Return what each row adds to the sums, shape (n_rows, n_terms); nothing where it is not `asked`."""

    @abstractmethod
    def metrics(self, totals: Floats) -> Mapping[str, Floats]:
        """Return the metrics, by the end of their keys, of sums of shape (..., n_terms); undefined is nan."""

    @abstractmethod
    def count(self, totals: Floats) -> float:
        """Return the number of rows behind the metrics of sums of shape (n_terms,)."""

    @abstractmethod
    def baseline(self, truth: Truth, keep: Bools) -> Mapping[str, float]:
        """Return the metrics of the trivial answers on the rows where `keep` is true."""

    @abstractmethod
    def best(self, truth: Truth, keep: Bools) -> Mapping[str, float]:
        """Return the best that an answer can have that is the same for all rows of one compound."""

    def answered(self, answers: Answers) -> Bools:
        """Return which rows have an answer, shape (n_rows,)."""
        return np.asarray(np.isfinite([answers.numbers(name) for name in self.columns]).any(axis=0))

    def labelled(self, truth: Truth, keep: Bools) -> Bools:
        """Return which of the kept rows have a label, shape (n_rows,)."""
        return keep & np.isfinite(truth.target(self.target))


@dataclass(frozen=True, kw_only=True)
class Number(Quantity):
    """A number, answered in the first column, with the ends of a central 90 % interval in `interval`."""

    interval: tuple[str, str] = ("", "")

    @property
    def n_terms(self) -> int:
        return ERRORS + 3

    def terms(self, truth: Truth, answers: Answers, asked: Bools) -> Floats:
        answer = answers.numbers(self.columns[0])
        low, high = (answers.numbers(name) for name in self.interval)
        true = truth.target(self.target)
        stated = asked & np.isfinite(low) & np.isfinite(high) & np.isfinite(true)
        with np.errstate(invalid="ignore"):
            hit = stated & (low <= true) & (true <= high)
        filled = np.where(np.isfinite(answer), answer, trivial(truth, self.target, "median"))
        return np.column_stack([self._errors(true, filled, asked), stated, hit, np.where(stated, high - low, 0.0)])

    def metrics(self, totals: Floats) -> Mapping[str, Floats]:
        found = metrics_from_totals(_pad(totals[..., :ERRORS], before=N_COUNTS))
        stated, hit, width = np.moveaxis(totals[..., ERRORS:], -1, 0)
        shares = {"covered": _ratio(hit, stated), "width": _ratio(width, stated)}
        return {key: found[key] for key in ("mae", "rmse", "r2")} | shares

    def count(self, totals: Floats) -> float:
        return float(totals[0])

    def baseline(self, truth: Truth, keep: Bools) -> Mapping[str, float]:
        """Median of the training part for the MAE, mean for RMSE and R2: each the best constant."""
        found: dict[str, float] = {}
        kinds: tuple[tuple[How, tuple[str, ...]], ...] = (("median", ("mae",)), ("mean", ("rmse", "r2")))
        for how, keys in kinds:
            terms = self._errors(truth.target(self.target), trivial(truth, self.target, how), keep)
            metrics = metrics_from_totals(_pad(terms.sum(axis=0), before=N_COUNTS))
            found |= {key: float(metrics[key]) for key in keys}
        return found

    def best(self, truth: Truth, keep: Bools) -> Mapping[str, float]:
        rows = self.labelled(truth, keep)
        values, groups = truth.target(self.target)[rows], _compounds(truth)[rows]
        bounds = {"mae": ceilings.lowest_mae, "rmse": ceilings.lowest_rmse, "r2": ceilings.highest_r2}
        return {key: bound(values, groups) for key, bound in bounds.items()}

    def _errors(self, true: Floats, answer: Floats, keep: Bools) -> Floats:
        nothing = np.zeros(len(true), bool)
        return row_terms(nothing, nothing, true, np.where(keep, answer, np.nan), labelled=nothing)[:, N_COUNTS:]


@dataclass(frozen=True, kw_only=True)
class YesNo(Quantity):
    """Yes or no, by tests of the label and of the answer."""

    true: Test
    called: Test

    @property
    def n_terms(self) -> int:
        return N_COUNTS

    def terms(self, truth: Truth, answers: Answers, asked: Bools) -> Floats:
        labels, none = truth.target(self.target), np.full(len(truth), np.nan)
        called = self.called(answers.numbers(self.columns[0]))
        known = self.labelled(truth, asked)
        return row_terms(self.true(labels), called, none, none, labelled=known)[:, :N_COUNTS]

    def metrics(self, totals: Floats) -> Mapping[str, Floats]:
        tp, fp, tn, fn = np.moveaxis(totals, -1, 0)
        found = metrics_from_totals(_pad(totals, after=ERRORS))
        scale = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        mcc = np.where(tp + fp + tn + fn > 0, np.nan_to_num(_ratio(tp * tn - fp * fn, scale)), np.nan)
        return {key: found[key] for key in ("f1", "daf", "precision", "recall", "accuracy")} | {"mcc": mcc}

    def count(self, totals: Floats) -> float:
        return float(totals.sum())

    def baseline(self, truth: Truth, keep: Bools) -> Mapping[str, float]:
        """Yes to everything, which correlates with nothing."""
        rows = self.labelled(truth, keep)
        if not rows.any():
            return {}
        found = all_stable_baseline(float(self.true(truth.target(self.target)[rows]).mean()))
        return {key: found[key] for key in ("f1", "daf", "precision", "recall", "accuracy")} | {"mcc": 0.0}

    def best(self, truth: Truth, keep: Bools) -> Mapping[str, float]:
        rows = self.labelled(truth, keep)
        yes, groups = self.true(truth.target(self.target)[rows]), _compounds(truth)[rows]
        if not yes.any():
            return {}
        precision = ceilings.highest_precision(yes, groups)
        accuracy = ceilings.highest_accuracy(yes, groups)
        daf = precision / float(yes.mean())
        return {"f1": ceilings.highest_f1(yes, groups), "daf": daf, "precision": precision, "accuracy": accuracy}


@dataclass(frozen=True, kw_only=True)
class OneOf(Quantity):
    """One of several classes: the most probable of the columns, each of which is the probability of a class.

    Attributes:
        codes: Labels of the classes, in the order of the columns. Rows of other classes are left out.
        complete: Whether there are no other classes, so that the probabilities add up to 1.
    """

    codes: tuple[int, ...]
    complete: bool = True

    @property
    def n_terms(self) -> int:
        return 3 * len(self.codes)

    def terms(self, truth: Truth, answers: Answers, asked: Bools) -> Floats:
        p = np.stack([np.nan_to_num(answers.numbers(name), nan=-1.0) for name in self.columns], axis=1)
        codes = np.array(self.codes, float)
        called = np.where(self.answered(answers), codes[p.argmax(axis=1)], self._mode(truth))
        return self._terms(truth, called, asked)

    def metrics(self, totals: Floats) -> Mapping[str, Floats]:
        hit, true, called = np.moveaxis(totals.reshape(*totals.shape[:-1], len(self.codes), 3), -1, 0)
        f1 = _ratio(2 * hit, true + called)
        there = np.isfinite(f1)
        mean = _ratio(np.where(there, f1, 0.0).sum(axis=-1), there.sum(axis=-1))
        return {"f1": mean, "accuracy": _ratio(hit.sum(axis=-1), true.sum(axis=-1))}

    def count(self, totals: Floats) -> float:
        return float(totals[1::3].sum())

    def baseline(self, truth: Truth, keep: Bools) -> Mapping[str, float]:
        """The most frequent class of the training part."""
        terms = self._terms(truth, self._mode(truth), keep)
        return {key: float(value) for key, value in self.metrics(terms.sum(axis=0)).items()}

    def best(self, truth: Truth, keep: Bools) -> Mapping[str, float]:
        rows = self.labelled(truth, keep)
        classes, groups = truth.target(self.target)[rows], _compounds(truth)[rows]
        bounds = {"f1": ceilings.highest_macro_f1, "accuracy": ceilings.highest_accuracy}
        return {key: bound(classes, groups) for key, bound in bounds.items()}

    def labelled(self, truth: Truth, keep: Bools) -> Bools:
        return keep & np.isin(truth.target(self.target), self.codes)

    def _mode(self, truth: Truth) -> Floats:
        return trivial(truth, self.target, "mode", self.codes)

    def _terms(self, truth: Truth, called: Floats, keep: Bools) -> Floats:
        rows, codes = self.labelled(truth, keep)[:, None], np.array(self.codes, float)
        is_true, is_called = truth.target(self.target)[:, None] == codes, called[:, None] == codes
        terms = np.stack([is_true & is_called, is_true, is_called], axis=-1) & rows[..., None]
        return terms.reshape(len(truth), -1).astype(float)


def trivial(truth: Truth, target: str, how: How, among: Sequence[int] = ()) -> Floats:
    """Return the answer that asks for nothing, fold by fold from the labels of the training part, shape (n_rows,).

    nan where the training part has no label. Of equally frequent classes the smallest is taken; with `among`, labels
    of other classes do not count.
    """
    found = np.full(len(truth), np.nan)
    for fold in truth.tested:
        labels = fold.learnt.get(target, np.empty(0))
        labels = labels[np.isin(labels, among) if among else np.isfinite(labels)]
        if len(labels):
            found[fold.rows] = _middle(labels, how)
    return found


def _middle(labels: Floats, how: How) -> float:
    if how == "mode":
        values, counts = np.unique(labels, return_counts=True)
        return float(values[counts.argmax()])
    return float(np.median(labels) if how == "median" else labels.mean())


def _compounds(truth: Truth) -> Ints:
    """Code of each row's compound; where compounds have no name, each row is one."""
    return np.arange(len(truth)) if truth.compounds is None else truth.compounds


def _pad(totals: Floats, *, before: int = 0, after: int = 0) -> Floats:
    return np.pad(totals, [(0, 0)] * (totals.ndim - 1) + [(before, after)])


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=out, where=denominator > 0))
