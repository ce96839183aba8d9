"""All families of a data set beside each other: learning curves in one figure, errors and gaps in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.metrics.board_ranking import rank_board
from matdisc.metrics.bootstrap import bootstrap_intervals, group_totals
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap
from matdisc.scoring.figures import Artifacts, Cells, Figure, Table
from matdisc.scoring.pooled import PooledScoring, protocol_rows
from matdisc.scoring.training_size import SIZES, learning_curves
from matdisc.tasks.learning.gaps import NEW, gap

MAE = "e_form_mae"
COST = "training_seconds"
OTHERS = SIZES[:-1]
"""Protocols with less to learn from; their errors stand in the figure."""
LEVEL = 0.05
NOTE = (
    "MAE in eV/atom with 95 % intervals over chemical systems. A missing answer counts as the median of the training "
    "part; differences to what is new are of the crystals that were answered both ways. p-values are corrected over "
    "all pairs by Holm's method. Processor seconds of training are those of the machine that trained."
)


def compare(
    scoring: PooledScoring, card: DatasetCard, truth: Truth, named: Sequence[tuple[str, Answers]], bootstrap: Bootstrap
) -> Artifacts:
    """Return one learning curve a row in one figure, and a table of all rows, best first.

    Args:
        scoring: That of the task.
        card, truth: The data set.
        named: Printed name and answers of each row.
        bootstrap: How intervals are taken.
    """
    terms = [scoring.rows(card, truth, answers).terms for _, answers in named]
    drawn = [scoring.resample(card, truth, answers, bootstrap)[MAE] for _, answers in named]
    values = np.array([value for value, _ in drawn])
    replicates, n_groups = np.stack([draws for _, draws in drawn], axis=1), scoring.n_drawn(card, truth)
    ranked = rank_board(values, replicates, higher_is_better=False, n_groups=n_groups)
    order = [int(i) for i in np.argsort(ranked.rank, kind="stable")]
    curves = {named[i][0]: _curve(scoring, truth, terms[i], bootstrap) for i in order}
    rows = [
        (
            named[i][0],
            first,
            _against_the_best(ranked.p_values[i, order[0]], first=i == order[0]),
            *others,
            *(_gap(truth, named[i][1], protocol, bootstrap) for protocol in _new(truth)),
            _cost(named[i][1]),
        )
        for i in order
        for first, *others in [_errors(scoring, truth, terms[i], bootstrap)]
    ]
    return Artifacts(figures=_one_figure(curves), tables=[_table(scoring, truth, rows)])


def _table(scoring: PooledScoring, truth: Truth, rows: Sequence[Cells]) -> Table:
    first, *others = (scoring.part_title(name).removesuffix(", not ranked") for name in _shown(truth))
    gaps = (f"Worse on {NEW[name]}, eV/atom" for name in _new(truth))
    head = ("Family", first, "Against the best", *others, *gaps, "CPU s of training a crystal")
    return Table("families", "Families", head, rows, NOTE)


def _curve(scoring: PooledScoring, truth: Truth, terms: Floats, bootstrap: Bootstrap) -> Figure | None:
    return next(learning_curves(scoring, truth, terms, bootstrap, {MAE: "MAE, eV/atom"}), None)


def _one_figure(curves: Mapping[str, Figure | None]) -> list[Figure]:
    """Lay the curves of all rows over each other."""
    found = {name: figure for name, figure in curves.items() if figure is not None}
    if not found:
        return []
    lines = [replace(figure.lines[0], name=name) for name, figure in found.items()]
    return [
        replace(
            next(iter(found.values())), key="families-size", title="MAE against crystals learnt from",
            x_label="crystals learnt from, mean over folds", lines=lines, overlay=False,
        )
    ]  # fmt: skip


def _shown(truth: Truth) -> list[str]:
    return [protocol for protocol in protocol_rows(truth) if protocol not in OTHERS]


def _new(truth: Truth) -> list[str]:
    return [protocol for protocol in protocol_rows(truth) if protocol in NEW]


def _errors(scoring: PooledScoring, truth: Truth, terms: Floats, bootstrap: Bootstrap) -> list[str | None]:
    """Return the MAE under each protocol with its interval, as text."""
    places = protocol_rows(truth)
    return [_error(scoring, terms[places[name]], truth.groups[places[name]], bootstrap) for name in _shown(truth)]


def _error(scoring: PooledScoring, terms: Floats, groups: Ints, bootstrap: Bootstrap) -> str | None:
    value = float(scoring.from_totals(terms.sum(axis=0))[MAE])
    if not np.isfinite(value):
        return None
    if not bootstrap.replicates:
        return f"{value:.3f}"
    totals = group_totals(terms, groups)
    how = {"replicates": bootstrap.replicates, "seed": bootstrap.seed}
    low, high = bootstrap_intervals(totals, scoring.from_totals, **how)[MAE]
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def _gap(truth: Truth, answers: Answers, protocol: str, bootstrap: Bootstrap) -> str | None:
    found = gap(truth, answers, protocol, bootstrap)
    return found.text if found else None


def _against_the_best(p: float, *, first: bool) -> str | None:
    if first or not np.isfinite(p):
        return "the best" if first else None
    told = "worse" if p < LEVEL else "not told apart"
    return f"{told}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"


def _cost(answers: Answers) -> float | None:
    """Mean over the answers that tell it."""
    told = answers.numbers(COST)
    told = told[np.isfinite(told)]
    return float(f"{told.mean():.3g}") if len(told) else None
