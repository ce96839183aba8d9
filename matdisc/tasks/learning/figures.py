"""What is shown beside the scores of learning: protocols, learning curves, the gap to what is new, parity, elements."""

from __future__ import annotations

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.metrics.bootstrap import bootstrap_sums, group_totals, percentile_interval
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap
from matdisc.scoring.figures import Artifacts, Cells, Table
from matdisc.scoring.parity import parity
from matdisc.scoring.pooled import PooledScoring, first_protocol, protocol_rows
from matdisc.scoring.protocol_tables import protocol_table
from matdisc.scoring.slices import Metrics, slice_tables
from matdisc.scoring.training_size import learning_curves

HEADS = {"n": "Rows", "e_form_mae": "MAE, eV/atom", "e_form_rmse": "RMSE, eV/atom", "e_form_covered": "Intervals hold"}
NEW = {"prototypes-5": "prototypes that were never seen", "elements-5": "elements that were never seen"}
"""Protocols that ask about what is new in another way than the headline."""
NOTE = (
    "The first protocol is ranked; the others are not. Where elements were never seen, families that know elements by "
    "a learnt vector give no answer, which counts as the median."
)


def draw(scoring: PooledScoring, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Artifacts:
    """Return figures and tables of the headline protocol, and those of the protocols beside each other."""
    keep, terms = first_protocol(truth), scoring.rows(card, truth, answers).terms
    pair = np.stack([truth.target("e_form_per_atom"), answers.numbers("e_form_per_atom")])[:, keep]
    figures = [
        *learning_curves(scoring, truth, terms, bootstrap, {"e_form_mae": HEADS["e_form_mae"]}),
        *parity("e_form", "eV/atom", "formation energy", pair, "out of fold"),
    ]
    shown = Metrics(
        lambda totals: {"n": totals[..., 0], **scoring.from_totals(totals)}, HEADS, {HEADS["e_form_mae"]: False}
    )
    tables = [
        protocol_table(scoring, truth, terms, HEADS, NOTE),
        gap_table(scoring, truth, answers, bootstrap),
        *slice_tables(truth, terms[keep], keep, shown),
    ]
    return Artifacts(figures=figures, tables=[table for table in tables if table.rows])


def gap_table(scoring: PooledScoring, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Table:
    """Return how much larger errors are on what is new: on the crystals answered both ways, resampled together.

    The interval is of the difference of mean absolute errors, over chemical systems.
    """
    error = np.abs(answers.numbers("e_form_per_atom") - truth.target("e_form_per_atom"))
    rows = protocol_rows(truth)
    first, *_ = rows
    known = _by_material(truth, rows[first], error)
    found: list[Cells] = []
    for protocol, words in NEW.items():
        new = _by_material(truth, rows[protocol], error) if protocol in rows else {}
        both = [name for name in new if name in known]
        if not both:
            continue
        here = np.array([known[name][0] for name in both])
        there = np.array([new[name][0] for name in both])
        groups = np.array([known[name][1] for name in both])
        low, high = _difference(there - here, groups, bootstrap)
        gap = f"{there.mean() - here.mean():+.3f} ({low:+.3f} to {high:+.3f})".replace("-", "−")
        found.append((words, len(both), float(here.mean()), float(there.mean()), gap))
    head = ("Asked about", "Crystals", "MAE, systems apart", "MAE, new", "Difference, eV/atom")
    note = "Over the crystals that were answered both ways, with the 95 % interval of the paired difference."
    return Table("gap", "How much worse on what is new", head, found, note)


def _by_material(truth: Truth, rows: Ints, error: Floats) -> dict[str, tuple[float, int]]:
    """Mean error and group of each material that has an answer; a material can be tested in two folds."""
    sums: dict[str, list[float]] = {}
    group: dict[str, int] = {}
    for i in rows[np.isfinite(error[rows])]:
        name = truth.material_ids[int(i)].as_py().partition("@")[0]
        sums.setdefault(name, []).append(float(error[i]))
        group[name] = int(truth.groups[i])
    return {name: (sum(values) / len(values), group[name]) for name, values in sums.items()}


def _difference(difference: Floats, groups: Ints, bootstrap: Bootstrap) -> tuple[float, float]:
    if not bootstrap.replicates:
        return np.nan, np.nan
    totals = group_totals(np.column_stack([difference, np.ones(len(difference))]), groups)
    drawn = bootstrap_sums(totals, replicates=bootstrap.replicates, seed=bootstrap.seed)
    return percentile_interval(drawn[:, 0] / drawn[:, 1])
