"""Numbers of a row that cannot all be true: metrics against their own counts, shares, bounds and inequalities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from matdisc.leaderboard.schema.published import Population, PublishedRow

PRINTED = 0.0005
"""Half of the last digit of what discovery prints; four digits elsewhere."""
FOUR = 0.00005
SLACK = 1e-9

Numbers = Mapping[str, int | float]


def contradictions(row: PublishedRow, population: Population | None = None) -> tuple[str, ...]:
    """Return what contradicts itself in a row, a sentence each; empty if nothing does.

    Discovery: F1, precision, recall, accuracy, FPR, TNR and FNR follow from TP, FP, TN and FN, and DAF from them and
    the share of stable materials; RMSE is not below MAE. Elsewhere: shares lie in 0 to 1 and do not sum to more than 1;
    SRME lies in 0 to 2 and is not below SRE, nor SRE below the size of SRD; no error is negative.

    Args:
        row: With metrics as printed, rounded to three digits in discovery and to four elsewhere.
        population: Sizes of the test set; without it the counts need not sum to any, and DAF is not checked on subsets.
    """
    found: list[str] = []
    for part, numbers in row.metrics.items():
        name, _, subset = part.partition("/")
        if name == "discovery":
            said = _discovery(numbers, subset, population)
        elif name == "geometry":
            said = _geometry(numbers)
        elif name == "kappa-103":
            said = _kappa(numbers)
        else:
            said = _negative(numbers)
        found += [f"{part}: {sentence}" for sentence in said]
    return tuple(found)


def _discovery(numbers: Numbers, subset: str, population: Population | None) -> Iterator[str]:
    counts = [numbers.get(key) for key in ("tp", "fp", "tn", "fn")]
    if None not in counts:
        tp, fp, tn, fn = (float(count or 0) for count in counts)
        total, sizes = tp + fp + tn + fn, _sizes(subset, population)
        if sizes and total != sizes:
            yield f"TP, FP, TN and FN sum to {total:,.0f}, and the set has {sizes:,}"
        precision = _ratio(tp, tp + fp)
        expected = {
            "f1": _ratio(2 * tp, 2 * tp + fp + fn),
            "precision": precision,
            "recall": _ratio(tp, tp + fn),
            "fnr": _ratio(fn, tp + fn),
            "accuracy": _ratio(tp + tn, total),
            "fpr": _ratio(fp, fp + tn),
            "tnr": _ratio(tn, fp + tn),
        }
        share = _stable_share(tp + fn, total, subset, population)
        if precision is not None and share:
            expected["daf"] = precision / share
        for key, value in expected.items():
            if value is not None and key in numbers and abs(numbers[key] - value) > PRINTED + SLACK:
                yield f"{key.upper()} is {numbers[key]:g}, and the counts give {value:.4f}"
    if "rmse" in numbers and "mae" in numbers and numbers["rmse"] < numbers["mae"] - 2 * PRINTED:
        yield f"RMSE {numbers['rmse']:g} is below MAE {numbers['mae']:g}"


def _stable_share(positive: float, total: float, subset: str, population: Population | None) -> float | None:
    """Return what DAF divides by: in the full set the share that the counts give, else that of unique prototypes."""
    if subset == "full_test_set":
        return _ratio(positive, total)
    if population and population.n_unique and population.n_unique_stable:
        return population.n_unique_stable / population.n_unique
    return None


def _sizes(subset: str, population: Population | None) -> int | None:
    if subset == "most_stable_10k":
        return 10_000
    if population is None:
        return None
    return {"full_test_set": population.n, "unique_prototypes": population.n_unique}.get(subset)


def _geometry(numbers: Numbers) -> Iterator[str]:
    shares = [numbers.get(f"symmetry_{how}", 0) for how in ("match", "decrease", "increase")]
    if sum(shares) > 1 + 3 * FOUR + SLACK:
        yield f"shares of symmetry sum to {sum(shares):.4f}"
    yield from _negative(numbers)


def _kappa(numbers: Numbers) -> Iterator[str]:
    srme, sre, srd = (numbers.get(f"kappa_{name}") for name in ("srme", "sre", "srd"))
    if srme is not None and not 0 <= srme <= 2:
        yield f"SRME is {srme:g}, outside 0 to 2"
    if srme is not None and sre is not None and sre > srme + 2 * FOUR + SLACK:
        yield f"SRE {sre:g} is above SRME {srme:g}"
    if sre is not None and srd is not None and abs(srd) > sre + 2 * FOUR + SLACK:
        yield f"SRD {srd:g} is larger than SRE {sre:g}"
    for key in ("kappa_failure_rate", "imaginary_mode_rate"):
        if not 0 <= numbers.get(key, 0) <= 1:
            yield f"{key} is {numbers[key]:g}, no share"


def _negative(numbers: Numbers) -> Iterator[str]:
    for key, value in numbers.items():
        if value < 0:
            yield f"{key} is {value:g}, and cannot be negative"


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
