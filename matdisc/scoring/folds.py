"""From beliefs to a result: the metrics of each protocol with intervals, what is missing, and the trivial answer.

A protocol's number is the unweighted mean over its folds. The first protocol of the card is the headline. An alloy
without a usable answer counts as an abstention, and is counted apart; a protocol that a file does not answer at all is
undefined.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.cache import CacheKey
from matdisc.datasets.truth import Tested, Truth
from matdisc.metrics import belief
from matdisc.metrics.belief_bootstrap import Resampled, fold_differences, resample, scores

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

Folds = tuple[belief.Answers, ...]
MIDDLE = 0.5
"""p_high of whoever says nothing; a training part with a larger share of High counts abstentions as High."""


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Answers of one model to one protocol.

    Attributes:
        name: The protocol.
        tested: Its folds.
        folds: The answers, fold by fold; an alloy without a usable one has abstained.
        answered: In how many alloys there is one.
        source: Hashes of file and dataset, so that equal ones are resampled once; empty where there is no file.
    """

    name: str
    tested: tuple[Tested, ...]
    folds: Folds
    answered: int
    source: str

    @property
    def n(self) -> int:
        return sum(len(fold) for fold in self.folds)

    @property
    def n_high(self) -> int:
        return int(sum(fold.high.sum() for fold in self.folds))

    @cached_property
    def n_alloys(self) -> int:
        return len({name for fold in self.folds for name in fold.names})

    @property
    def n_abstained(self) -> int:
        """Abstentions that a model stated."""
        return int(sum(fold.abstained.sum() for fold in self.folds)) - (self.n - self.answered)


def protocols(
    truth: Truth, answers: Answers, keep: Bools | None = None, *, only: str | None = None
) -> dict[str, Protocol]:
    """Return the answers by protocol, in the card's order.

    Args:
        truth: Labels with the folds.
        answers: Aligned with it.
        keep: Which alloys, shape (n_answers,); default: all. Folds without one fall out.
        only: The protocol that is wanted; default: all of them.
    """
    given = np.isfinite(answers.values)
    p_high = np.where(given, answers.values, MIDDLE)
    low, up = (
        np.where(given, _or(answers.reported.get(name), p_high), missing)
        for name, missing in (("belief", 0.0), ("plausibility", 1.0))
    )
    conflict = answers.reported.get("conflict", np.full(len(truth), np.nan))
    high = truth.target("high") > 0.5
    found: dict[str, list[tuple[Tested, belief.Answers, int]]] = {}
    for fold, rows, names in _folds_and_alloys(truth, keep):
        if only in (None, fold.protocol):
            made = belief.answers(
                names, high[rows], p_high[rows], majority_high=fold.prior > MIDDLE,
                belief=low[rows], plausibility=up[rows], conflict=conflict[rows],
            )  # fmt: skip
            found.setdefault(fold.protocol, []).append((fold, made, int(given[rows].sum())))
    source = f"{answers.sha256} {truth.sha256}" if answers.sha256 and keep is None else ""
    return {name: _protocol(name, parts, source) for name, parts in found.items()}


def _folds_and_alloys(truth: Truth, keep: Bools | None) -> list[tuple[Tested, Ints, tuple[str, ...]]]:
    """Return the folds that ask about an alloy to keep, with its rows and the names of the alloys."""
    key = ("asked", b"" if keep is None else keep.tobytes())
    if key not in truth.derived:
        if ("alloys", b"") not in truth.derived:
            names = [name.rpartition("@")[0] for name in truth.material_ids.to_pylist()]
            truth.derived["alloys", b""] = np.array(names, object)
        alloys = truth.derived["alloys", b""]
        chosen = [(fold, fold.rows if keep is None else fold.rows[keep[fold.rows]]) for fold in truth.tested]
        truth.derived[key] = [(fold, rows, tuple(alloys[rows].tolist())) for fold, rows in chosen if len(rows)]
    found: list[tuple[Tested, Ints, tuple[str, ...]]] = truth.derived[key]
    return found


def score_beliefs(
    protocol: Mapping[str, Protocol], subsets: Mapping[str, Protocol], replicates: int, seed: int
) -> dict[str, Any]:
    """Return the metrics of the first protocol, of the others, and of subsets of the first (those without intervals).

    Args:
        protocol: By name, the headline first.
        subsets: The headline protocol on parts of its alloys, by name of the part.
        replicates: Resamples for intervals; 0 for none.
        seed: Of the resamples.
    """
    first, *others = protocol.values()
    secondary = [{"name": other.name} | _part(other, replicates, seed) for other in others]
    secondary += [{"name": name} | _part(part, 0, seed) for name, part in subsets.items()]
    return {
        **_part(first, replicates, seed),
        "bounds": {},
        "secondary": secondary,
        "baseline": class_rate(first),
    }


def intervals(protocol: Protocol, replicates: int, seed: int) -> dict[str, dict[str, float | int | None]]:
    """Return value, interval and number of defined folds of each metric; None where undefined or unanswered."""
    if not protocol.answered:
        return {key: {"value": None, "low": None, "high": None, "n_defined": 0} for key in belief.METRICS}
    if replicates < 1:
        return {
            key: {"value": _number(value), "low": None, "high": None, "n_defined": n}
            for key, (value, n) in _means(protocol.folds).items()
        }
    found = scores(resampled(protocol, replicates, seed))
    return {
        key: {
            "value": _number(score.value),
            "low": _number(score.low),
            "high": _number(score.high),
            "n_defined": score.n_defined,
        }
        for key, score in found.items()
    }


def class_rate(protocol: Protocol) -> dict[str, float | None]:
    """Return the metrics of answering every alloy with the share of High in its training part."""
    folds = []
    for fold, tested in zip(protocol.folds, protocol.tested, strict=True):
        p, none, unknown = (np.full(len(fold), value) for value in (tested.prior, False, np.nan))
        folds.append(dataclasses.replace(fold, p_high=p, belief=p, plausibility=p, abstained=none, conflict=unknown))
    return {key: _number(value) for key, (value, _) in _means(folds).items()}


def against(protocol: Protocol, null: Protocol, replicates: int, seed: int) -> dict[str, dict[str, float | None]]:
    """Return this model minus the null in each metric, paired; nothing where one of the two answers nothing."""
    if not protocol.answered or not null.answered or replicates < 1:
        return {}
    found = fold_differences(resampled(protocol, replicates, seed), resampled(null, replicates, seed))
    return {
        key: {name: _number(value) for name, value in dataclasses.asdict(difference).items()}
        for key, difference in found.items()
    }


def resampled(protocol: Protocol, replicates: int, seed: int) -> Resampled:
    """Return the metrics of every fold with their replicates; those of a file are computed once."""
    key = CacheKey(f"{protocol.source} {protocol.name}", protocol.folds)
    return (_kept if protocol.source else _resampled)(key, replicates, seed)


def _resampled(key: CacheKey[Folds], replicates: int, seed: int) -> Resampled:
    return resample(key.value, replicates=replicates, seed=seed)


_kept = lru_cache(maxsize=96)(_resampled)


def _protocol(name: str, parts: Sequence[tuple[Tested, belief.Answers, int]], source: str) -> Protocol:
    tested, folds, answered = zip(*parts, strict=True)
    return Protocol(name, tested, folds, sum(answered), source)


def _part(protocol: Protocol, replicates: int, seed: int) -> dict[str, Any]:
    found = intervals(protocol, replicates, seed)
    best = found.pop("daf_max")
    return {
        "threshold": None,
        "n": protocol.n,
        "n_groups": protocol.n_alloys,
        "n_positive": protocol.n_high,
        "prevalence": protocol.n_high / protocol.n,
        "prevalence_rounded": None,
        "daf_max": best["value"],
        "metrics": {key: {name: value[name] for name in ("value", "low", "high")} for key, value in found.items()},
    }


def _means(folds: Sequence[belief.Answers]) -> dict[str, tuple[float, int]]:
    """Mean of each metric over the folds where it is defined, and their number."""
    table = [belief.belief_metrics(fold) for fold in folds]
    columns = {key: [row[key] for row in table if math.isfinite(row[key])] for key in belief.METRICS}
    return {key: (float(np.mean(column)) if column else math.nan, len(column)) for key, column in columns.items()}


def _or(values: Floats | None, default: Floats) -> Floats:
    return default if values is None else np.where(np.isfinite(values), values, default)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
