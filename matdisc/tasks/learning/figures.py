"""What is shown beside the scores of learning: protocols, learning curves, the gap to what is new, parity, elements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap
from matdisc.scoring.figures import Artifacts, Table
from matdisc.scoring.parity import parity
from matdisc.scoring.pooled import PooledScoring, first_protocol
from matdisc.scoring.protocol_tables import protocol_table
from matdisc.scoring.slices import Metrics, slice_tables
from matdisc.scoring.training_size import learning_curves
from matdisc.tasks.learning.gaps import NEW, gap

HEADS = {"n": "Rows", "e_form_mae": "MAE, eV/atom", "e_form_rmse": "RMSE, eV/atom", "e_form_covered": "Intervals hold"}
NOTE = (
    "The first protocol is ranked; the others are not. Where elements were never seen, families that know elements by "
    "a learnt vector give no answer, which counts as the median."
)


def draw(scoring: PooledScoring, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Artifacts:
    """Return figures and tables of the headline protocol, and those of the protocols beside each other."""
    keep, terms = first_protocol(truth), scoring.rows(card, truth, answers).terms
    pair = np.stack([truth.target("e_form_per_atom"), answers.numbers("e_form_per_atom")])[:, keep]
    curves = learning_curves(scoring, truth, terms, bootstrap, {"e_form_mae": HEADS["e_form_mae"]})
    figures = [
        *(replace(curve, overlay=False) for curve in curves),  # the comparison of all rows lays them over each other
        *parity("e_form", "eV/atom", "formation energy", pair, "out of fold"),
    ]
    shown = Metrics(
        lambda totals: {"n": totals[..., 0], **scoring.from_totals(totals)}, HEADS, {HEADS["e_form_mae"]: False}
    )
    tables = [
        protocol_table(scoring, truth, terms, HEADS, NOTE),
        gap_table(truth, answers, bootstrap),
        *slice_tables(truth, terms[keep], keep, shown),
    ]
    return Artifacts(figures=figures, tables=[table for table in tables if table.rows])


def gap_table(truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Table:
    """Return how much larger errors are on what is new; no row for a protocol that shares no answered crystal."""
    found = {protocol: gap(truth, answers, protocol, bootstrap) for protocol in NEW}
    rows = [(NEW[protocol], one.n, one.known, one.new, one.text) for protocol, one in found.items() if one]
    head = ("Asked about", "Crystals", "MAE, systems apart", "MAE, new", "Difference, eV/atom")
    note = "Over the crystals that were answered both ways, with the 95 % interval of the paired difference."
    return Table("gap", "How much worse on what is new", head, rows, note)
