"""Which approach finds stable materials: the rows of a board by the approach on their model's card, compared in pairs.

As Riebesell et al. (arXiv:2308.14920) do it: universal potentials, one-shot predictors, Bayesian optimisers and
fingerprint forests; error against classification; false positives near the hull. Numbers of an approach are means over
its rows, and all rows are resampled together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.metrics.bootstrap import bootstrap_sums, group_totals, percentile_interval, pool_groups
from matdisc.metrics.comparison import bootstrap_p_value
from matdisc.metrics.stability import TERMS
from matdisc.scoring.base import Bootstrap, headline_mask
from matdisc.scoring.figures import Figure, Line, Table
from matdisc.scoring.stability import hull_scoring

METRICS = ("f1", "daf", "mae", "fpr")
BANDS = (0.0, 0.025, 0.05, 0.1, 0.2, np.inf)
"""Edges of hull distances, eV/atom, between which false positives are counted; lower ends are excluded."""
ALIKE = 1.2
"""Errors of two rows are alike if the larger is at most so many times the smaller."""
SHORT = {
    "universal potential": "universal potentials",
    "one-shot predictor": "one-shot predictors",
    "Bayesian optimiser": "Bayesian optimisers",
    "fingerprint forest": "fingerprint forests",
}
"""Approaches in the plural."""


@dataclass(frozen=True)
class Numbers:
    """Metrics of every row: on the sample, shape (n_rows,), and on shared resamples, shape (replicates, n_rows).

    False-positive rates by band have the bands as their last axis. `n_groups` is how many groups were drawn from.
    """

    point: Mapping[str, Floats]
    drawn: Mapping[str, Floats]
    band: Floats
    band_drawn: Floats
    n_groups: int | None


def approach_report(
    named: Sequence[tuple[str, str | None, AlignedSubmission]], bootstrap: Bootstrap
) -> tuple[list[Figure], list[Table]]:
    """Return figures and tables of the approaches; nothing unless two approaches have rows with energies.

    A mean over a row with an undefined metric is undefined.

    Args:
        named: Printed name, approach of the model's card, and predictions of each row.
        bootstrap: How intervals are taken.
    """
    rows = [(name, how, c) for name, how, c in named if how and c.answers.column == "e_form_per_atom"]
    found = numbers([checked for _, _, checked in rows], bootstrap) if len({how for _, how, _ in rows}) > 1 else None
    if found is None:
        return [], []
    hows = np.array([how for _, how, _ in rows])
    order = sorted(set(hows.tolist()), key=lambda how: -float(np.nan_to_num(found.point["f1"][hows == how]).mean()))
    members = {how: np.flatnonzero(hows == how) for how in order}
    names = [name for name, _, _ in rows]
    figures = [_error_against_f1(found, members, names), _near_the_hull(found, members)]
    return figures, [_means(found, members), _band_table(found, members, names)]


def numbers(rows: Sequence[AlignedSubmission], bootstrap: Bootstrap) -> Numbers:
    """Return the metrics of every row, and its share of unstable materials called stable within each band."""
    totals = []
    for checked in rows:
        judged = hull_scoring(checked.task.scoring).rows(checked.card, checked.truth, checked.answers)
        assert judged.verdicts is not None
        keep = headline_mask(checked.card, checked.truth)
        distance = np.where(judged.verdicts.labelled, judged.verdicts.e_true, np.nan)
        with np.errstate(invalid="ignore"):
            within = [(distance > low) & (distance <= high) for low, high in pairwise(BANDS)]
        wrong, right = judged.terms[:, TERMS.index("fp")], judged.terms[:, TERMS.index("tn")]
        bands = [column * where for column in (wrong, right) for where in within]
        terms = np.column_stack([judged.terms, *bands])
        totals.append(pool_groups(group_totals(terms[keep], checked.truth.groups[keep]), bootstrap.seed))
    stacked = np.stack(totals, axis=1)
    drawn = bootstrap_sums(stacked, replicates=bootstrap.replicates, seed=bootstrap.seed)
    n, scoring = len(TERMS), hull_scoring(rows[0].task.scoring)
    parts = [scoring.from_totals(sums[..., :n]) for sums in (stacked.sum(axis=0), drawn)]
    rates = [_rates(sums[..., n:]) for sums in (stacked.sum(axis=0), drawn)]
    point, again = ({key: part[key] for key in METRICS} for part in parts)
    return Numbers(point, again, rates[0], rates[1], scoring.n_drawn(rows[0].card, rows[0].truth))


def _rates(sums: Floats) -> Floats:
    wrong, right = np.split(sums, 2, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(wrong + right > 0, wrong / (wrong + right), np.nan))


def _means(found: Numbers, members: Mapping[str, np.ndarray]) -> Table:
    """The table of means, each approach beside its difference to the one before it."""
    rows: list[list[str | float | None]] = []
    for i, (how, places) in enumerate(members.items()):
        cells: list[str | float | None] = [SHORT[how][:1].upper() + SHORT[how][1:], float(len(places))]
        cells += [
            _with_interval(found.point[k][places].mean(), found.drawn[k][:, places].mean(axis=1)) for k in METRICS
        ]
        before = list(members.values())[i - 1] if i else None
        cells.append("" if before is None else _step(found, places, before))
        rows.append(cells)
    return Table(
        "approaches",
        "Approaches",
        ("Approach", "rows", "F1", "DAF", "MAE, eV/atom", "false-positive rate", "F1 against the line above"),
        rows,
        "Means over the rows of an approach with 95 % intervals; all rows are resampled together, so differences are "
        "paired. Intervals are those of the materials: which models stand for an approach is not drawn at random.",
    )


def _step(found: Numbers, mine: np.ndarray, before: np.ndarray) -> str | None:
    value = found.point["f1"][mine].mean() - found.point["f1"][before].mean()
    drawn = found.drawn["f1"][:, mine].mean(axis=1) - found.drawn["f1"][:, before].mean(axis=1)
    p = float(bootstrap_p_value(drawn, found.n_groups))
    if not np.isfinite(value) or not np.isfinite(p):
        return None
    return f"{_with_interval(value, drawn, signed=True)}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"


def _band_table(found: Numbers, members: Mapping[str, np.ndarray], names: Sequence[str]) -> Table:
    """The false-positive rate of every row by distance to the hull, best MAE first, with rank by MAE and by F1."""
    order = np.argsort(found.point["mae"], kind="stable")
    by_f1 = {int(i): place for place, i in enumerate(np.argsort(-found.point["f1"], kind="stable"), start=1)}
    approach = {int(i): how for how, places in members.items() for i in places}
    rows: list[list[str | float | None]] = []
    for place, i in enumerate(order.tolist(), start=1):
        rates = [_with_interval(found.band[i, b], found.band_drawn[:, i, b], digits=2) for b in range(len(BANDS) - 1)]
        mae = _with_interval(found.point["mae"][i], found.drawn["mae"][:, i])
        rows.append([names[i], approach[i], float(place), float(by_f1[i]), mae, *rates])
    return Table(
        "near-hull",
        "False positives of every model by distance to the hull",
        (
            "Model",
            "approach",
            "place by MAE",
            "place by F1",
            "MAE, eV/atom",
            *(f"{name} eV/atom" for name in band_names()),
        ),
        rows,
        "Share of the unstable materials at each distance above the hull that a model calls stable, with 95 % "
        "intervals. Close to the hull even a low error is larger than the distance that decides.",
    )


def band_names() -> list[str]:
    """Return the bands of hull distance in words."""
    return [f"{low:g}–{high:g}" if np.isfinite(high) else f"above {low:g}" for low, high in pairwise(BANDS)]


def _error_against_f1(found: Numbers, members: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    def spans(key: str, places: np.ndarray) -> tuple[Floats, Floats]:
        ends = np.array([percentile_interval(found.drawn[key][:, i]) for i in places])
        return ends[:, 0], ends[:, 1]

    lines = [
        Line(
            SHORT[how], found.point["mae"][places], found.point["f1"][places], [names[i] for i in places],
            *spans("mae", places), *spans("f1", places),
        )
        for how, places in members.items()
    ]  # fmt: skip
    return Figure("mae-f1", "Error against classification", "MAE, eV/atom", "F1", lines, _disconnect(found))


def _disconnect(found: Numbers) -> str:
    """Say how often the row with the lower error is the worse classifier."""
    mae, f1 = found.point["mae"], found.point["f1"]
    i, j = np.triu_indices(len(mae), 1)
    close = np.maximum(mae[i], mae[j]) <= ALIKE * np.minimum(mae[i], mae[j])
    said = []
    for pairs, words in (
        (np.ones(len(i), bool), "all pairs of rows"),
        (close, "the pairs whose errors differ by a fifth at most"),
    ):
        if pairs.any():
            first, second = i[pairs], j[pairs]
            share = discordant(mae[first] - mae[second], f1[first] - f1[second])
            drawn = found.drawn["mae"], found.drawn["f1"]
            again = discordant(*(values[:, first] - values[:, second] for values in drawn))
            low, high = percentile_interval(again)
            said.append(f"{100 * share:.0f} % ({100 * low:.0f}–{100 * high:.0f} %) of {words}")
    return f"The row with the lower error has the lower F1 in {' and in '.join(said)}; by chance it would be half."


def discordant(mae: Floats, f1: Floats) -> Any:
    """Return the share of differences between two rows in which both errors and F1 point the same way, over the last
    axis: the row with the lower error has the lower F1. Ties count as half; nan where nothing is defined."""
    signs = np.sign(mae) * np.sign(f1)
    with np.errstate(invalid="ignore", divide="ignore"):
        defined = np.isfinite(signs)
        return np.where(defined, (signs + 1) / 2, 0.0).sum(axis=-1) / defined.sum(axis=-1)


def _near_the_hull(found: Numbers, members: Mapping[str, np.ndarray]) -> Figure:
    x = np.arange(1, len(BANDS))
    lines = []
    for how, places in members.items():
        drawn = found.band_drawn[:, places].mean(axis=1)
        ends = np.array([percentile_interval(drawn[:, b]) for b in range(len(BANDS) - 1)])
        value = found.band[places].mean(axis=0)
        lines.append(Line(SHORT[how], x, value, y_low=ends[:, 0], y_high=ends[:, 1]))
    return Figure(
        "near-hull",
        "False positives by distance to the hull",
        "hull distance, eV/atom",
        "unstable materials called stable",
        lines,
        "Mean over the rows of each approach, 95 % intervals.",
        x_names=band_names(),
    )


def _with_interval(value: float, drawn: Floats, *, digits: int = 3, signed: bool = False) -> str | None:
    if not np.isfinite(value):
        return None
    low, high = percentile_interval(drawn)
    form = f"{'+' if signed else ''}.{digits}f"
    ends = f" ({low:{form}} to {high:{form}})" if signed else f" ({low:{form}}–{high:{form}})"
    return (f"{value:{form}}" + (ends if np.isfinite(low) else "")).replace("-", "−")
