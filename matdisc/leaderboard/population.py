"""Does a sample tell what is true of the whole? Its intervals against values that were published for all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.metrics.bootstrap import bootstrap_sums, group_totals, percentile_interval
from matdisc.scoring.base import Bootstrap, headline_mask
from matdisc.scoring.figures import Table
from matdisc.scoring.stability import hull_scoring
from matdisc.scoring.totals import Judged

METRICS = ("f1", "daf", "precision", "recall", "mae", "rmse")
"""Metrics that are held against their published values."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric on the sample with its 95 % interval, nan where undefined."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether the interval contains a value, its ends included."""
        return self.low <= value <= self.high

    @property
    def text(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"


def estimates(checked: AlignedSubmission, judged: Judged, bootstrap: Bootstrap) -> dict[str, Estimate]:
    """Return the metrics of one row on the headline subset, with percentile intervals over the dataset's groups."""
    keep = headline_mask(checked.card, checked.truth)
    totals = group_totals(judged.terms[keep], checked.truth.groups[keep])
    scoring = hull_scoring(checked.task.scoring)
    point = scoring.from_totals(totals.sum(axis=0))
    drawn = scoring.from_totals(bootstrap_sums(totals, replicates=bootstrap.replicates, seed=bootstrap.seed))
    return {key: Estimate(float(point[key]), *percentile_interval(drawn[key])) for key in METRICS}


def population_tables(
    named: Sequence[tuple[str, str, AlignedSubmission]],
    published: Mapping[str, Mapping[str, float]],
    bootstrap: Bootstrap,
) -> list[Table]:
    """Return how many intervals hold the published value, metric by metric, and each row's F1 beside it.

    Both ways: energies as they are, and rounded first as the published values were. Nothing without published values.

    Args:
        named: Printed name, key of the model, and predictions of each row, best first.
        published: Values for the whole population, by model.
        bootstrap: How intervals are taken.
    """
    rows = [(name, checked, published[key]) for name, key, checked in named if key in published]
    if not rows:
        return []
    card, scoring = rows[0][1].card, hull_scoring(rows[0][1].task.scoring)
    assert card.population is not None
    plain = [estimates(c, scoring.rows(card, c.truth, c.answers), bootstrap) for _, c, _ in rows]
    ways: dict[str, list[dict[str, Estimate]]] = {"unrounded": plain}
    rounded = [scoring.rounded_rows(card, c.truth, c.answers) for _, c, _ in rows]
    if card.population.decimals is not None:
        again = [estimates(c, j, bootstrap) for (_, c, _), j in zip(rows, rounded, strict=True) if j is not None]
        ways[f"rounded to {card.population.decimals} decimals first"] = again
    values = [found for _, _, found in rows]
    return [_counted(values, ways, rows[0][1]), _row_by_row([name for name, _, _ in rows], values, ways, rows[0][1])]


def _counted(
    values: Sequence[Mapping[str, float]], ways: Mapping[str, Sequence[Mapping[str, Estimate]]], one: AlignedSubmission
) -> Table:
    population = one.card.population
    assert population is not None
    rows: list[list[str | float | None]] = []
    for key in METRICS:
        cells: list[str | float | None] = [one.task.metric(key).label]
        for found in ways.values():
            held = [e[key].holds(v[key]) for e, v in zip(found, values, strict=True) if key in v]
            cells += [f"{sum(held)} of {len(held)}", _bias([e[key] for e in found], [v.get(key) for v in values])]
        rows.append(cells)
    return Table(
        "published-held",
        "Do the intervals hold what is published for the whole set?",
        ("Metric", *(head for way in ways for head in (f"inside, energies {way}", "mean difference"))),
        rows,
        f"95 % intervals of this draw of {len(one.truth):,} against the published values for all of {population.name} "
        f"({population.size:,} materials). All rows share one draw, so they miss or hold them together; 95 % "
        "is the expectation over many draws. The difference is sample minus published, mean over the rows.",
    )


def _row_by_row(
    names: Sequence[str],
    values: Sequence[Mapping[str, float]],
    ways: Mapping[str, Sequence[Mapping[str, Estimate]]],
    one: AlignedSubmission,
) -> Table:
    key = one.task.ranked[0]
    label = one.task.metric(key).label
    rows: list[list[str | float | None]] = []
    for i, (name, found) in enumerate(zip(names, values, strict=True)):
        cells: list[str | float | None] = [name, f"{found[key]:.3f}" if key in found else None]
        for way in ways.values():
            cells += [way[i][key].text, ("yes" if way[i][key].holds(found[key]) else "no") if key in found else None]
        rows.append(cells)
    heads = [head for way in ways for head in (f"here, energies {way}", f"published inside, {way}")]
    note = f"Published for all of {one.card.population.name}; here with 95 % intervals." if one.card.population else ""
    return Table("published-rows", f"{label}: published and here", ("Model", "published", *heads), rows, note)


def _bias(found: Sequence[Estimate], published: Sequence[float | None]) -> str | None:
    differences = [e.value - p for e, p in zip(found, published, strict=True) if p is not None and np.isfinite(e.value)]
    return f"{np.mean(differences):+.3f}".replace("-", "−") if differences else None
