"""What keeps private labels private and boards from being overfitted: rules on sizes, coverage, numbers and copies.

Nothing here needs arrays: the API calls it too.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.errors import ServiceError, SubmissionError
from matdisc.service.settings import Guards, Settings

FINGERPRINT = 512
"""Materials whose answers are kept to find near-duplicates."""
FEWEST_COMMON = 20
"""Answers that two files need in common before they are compared."""
FEWEST_DIFFERENT = 10
"""Different answers that a file needs before an order of them means anything: labels 0 and 1 are alike by chance."""
COUNTS = ("tp", "fp", "tn", "fn")
RESULT_KEYS = (
    "schema", "entry", "model", "task", "dataset", "protocol", "origin", "published", "subset", "threshold", "n",
    "n_groups", "surplus_ids", "ignored_columns",
)  # fmt: skip
"""What a result on private labels keeps as it is: it does not depend on a label."""
UNANSWERED = ("absent", "unsupported", "timed_out", "failed", "non_finite")


def is_private(settings: Settings, dataset: str) -> bool:
    """Whether the labels of a data set stay with the service."""
    return dataset in settings.guards.private


def check_dataset(card: DatasetCard, settings: Settings) -> None:
    """Raise ServiceError if a data set is too small for its labels to stay private."""
    least = settings.guards.min_size
    if is_private(settings, card.key) and card.n_samples < least:
        raise ServiceError(
            f"dataset {card.key!r} has {card.n_samples:,} materials; private labels of fewer than {least:,} could be "
            "read off the scores, so nothing can be submitted to it (guards.min_size in service.toml)"
        )


def check_guards(board: Board, settings: Settings) -> None:
    """Raise ServiceError if the guards name a data set or subset that does not exist, or cannot be held out."""
    known = board.dataset_keys()
    for key in (*settings.guards.private, *settings.guards.holdout):
        if key not in known:
            raise ServiceError(
                f"service.toml: 'guards' names the dataset {key!r}, which is not on the board; correct it"
            )
    for key, name in settings.guards.holdout.items():
        card = board.dataset(key)
        where = f"service.toml: field 'guards.holdout.{key}' is {name!r}"
        if key not in settings.guards.private:
            raise ServiceError(f"{where}, and the labels of {key!r} are public; add it to 'guards.private'")
        if name not in {subset.name for subset in card.subsets}:
            names = ", ".join(repr(subset.name) for subset in card.subsets) or "none"
            raise ServiceError(f"{where}, which is no subset of its card; subsets: {names}")
        if card.headline_subset in (None, name):
            raise ServiceError(
                f"{where}; the card's 'headline_subset' has to name another subset, one without these materials"
            )


def answered(coverage: Mapping[str, int]) -> int:
    """Return how many materials have an answer, whatever it is worth: this does not depend on a label."""
    return coverage["expected"] - sum(coverage.get(kind, 0) for kind in UNANSWERED)


def check_coverage(coverage: Mapping[str, int], dataset: str, guards: Guards) -> None:
    """Raise SubmissionError if a file answers too little of a private data set."""
    least, n = guards.min_coverage, coverage["expected"]
    if dataset in guards.private and answered(coverage) < least * n:
        raise SubmissionError(
            f"your file: answers {answered(coverage):,} of the {n:,} materials of {dataset!r}, whose labels are "
            f"private; answer at least {math.ceil(least * n):,} ({least:.0%})"
        )


def quantised(
    content: Mapping[str, Any], side: Mapping[str, Any], guards: Guards, *, secondary: bool
) -> dict[str, Any]:
    """Return a result without what gives labels away: rounded metrics, no counts, nothing by row or by element.

    Args:
        content: The unabridged result, schema `matdisc.result/2`.
        side: What the worker noted beside it (`Evaluated.fingerprint`).
        guards: How it is rounded.
        secondary: Whether other parts of the set than the headline's are shown.
    """
    counts = {*COUNTS, *side.get("counts", ()), "coverage"}
    cost, leakage = content.get("cost"), content.get("leakage")
    coverage = content.get("coverage") or {}
    kept: dict[str, Any] = {key: content[key] for key in RESULT_KEYS if key in content}
    kept["metrics"] = _rounded_metrics(content["metrics"], counts, guards.digits)
    kept["baseline"] = {
        key: rounded(value, guards.digits) for key, value in content.get("baseline", {}).items() if key not in counts
    }
    kept["secondary"] = [
        {key: part[key] for key in ("name", "threshold", "n", "n_groups") if key in part}
        | {"metrics": _rounded_metrics(part["metrics"], counts, guards.digits)}
        for part in content.get("secondary", ())
        if secondary
    ]
    if coverage:
        told = {kind: coverage[kind] for kind in ("expected", *UNANSWERED, "surplus") if kind in coverage}
        kept["coverage"] = told | {"answered": answered(coverage)}
    kept["cost"] = {key: value for key, value in cost.items() if not key.startswith("hits")} if cost else None
    kept["leakage"] = {key: leakage[key] for key in ("declared", "notes") if key in leakage} if leakage else None
    kept["flags"] = list(side.get("flags", ()))
    kept["provenance"] = content["provenance"] | {"run": None}
    return kept


def _rounded_metrics(metrics: Mapping[str, Any], without: set[str], digits: int) -> dict[str, Any]:
    return {
        key: {end: rounded(number, digits) for end, number in value.items()}
        for key, value in metrics.items()
        if key not in without
    }


def rounded(value: float | None, digits: int) -> float | None:
    """Return a number with so many decimals, and fewer where it is ten or more: its relative step stays as large."""
    if value is None or not math.isfinite(value):
        return None
    before = len(str(int(abs(value))))
    return round(float(value), digits + 1 - before)


def improves(value: float | None, best: float | None, error: float, better: str) -> bool:
    """Whether a value is better than the best one by more than its standard error.

    Args:
        value, best: Headline metric of a new result and of the best so far; None is undefined, and never better.
        error: Bootstrap standard error of the best.
        better: "higher" or "lower".
    """
    if value is None or best is None:
        return value is not None
    return (value - best if better == "higher" else best - value) > error


def chosen(material_ids: Iterable[str]) -> list[int]:
    """Return the places of the materials whose answers are kept as a fingerprint, in an order of their own."""
    hashed = (
        (hashlib.blake2b(name.encode(), digest_size=8).digest(), place) for place, name in enumerate(material_ids)
    )
    return [place for _, place in sorted(hashed)[:FINGERPRINT]]


def spearman(first: Sequence[float | None], second: Sequence[float | None]) -> float | None:
    """Return Spearman's rank correlation of the answers that two fingerprints have in common.

    None if they are too few, or take too few different values, to tell a copy by.
    """
    pairs = [(a, b) for a, b in zip(first, second, strict=False) if a is not None and b is not None]
    if len(pairs) < FEWEST_COMMON or min(len({pair[i] for pair in pairs}) for i in (0, 1)) < FEWEST_DIFFERENT:
        return None
    ranks = [_ranks([pair[i] for pair in pairs]) for i in (0, 1)]
    mean = (len(pairs) - 1) / 2
    a, b = ([rank - mean for rank in one] for one in ranks)
    norm = math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norm


def _ranks(values: Sequence[float]) -> list[float]:
    """Return ranks from 0; equal values share their mean rank."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + end - 1) / 2
        start = end
    return ranks


def alike(mine: Mapping[str, Any] | None, other: Mapping[str, Any] | None, threshold: float) -> float | None:
    """Return the rank correlation of two fingerprints if it lies above the threshold; else None."""
    if not mine or not other or mine.get("column") != other.get("column"):
        return None
    found = spearman(mine.get("answers") or (), other.get("answers") or ())
    return found if found is not None and found > threshold else None
