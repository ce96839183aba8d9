"""What is shown beside the scores of perovskites: bounds, protocols, anions, parity, residuals, a map and elements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.perovskites import SYSTEMS
from matdisc.datasets.truth import Truth
from matdisc.metrics.curves import roc_curve
from matdisc.metrics.slices import sliced_totals
from matdisc.physics.perovskites import goldschmidt, octahedral, sites_by_radius
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap
from matdisc.scoring.figures import Artifacts, Bars, Cells, Figure, Line, Table
from matdisc.scoring.importance import importance_table
from matdisc.scoring.parity import parity
from matdisc.scoring.pooled import PooledScoring, first_protocol
from matdisc.scoring.protocol_tables import protocol_table, score_table
from matdisc.scoring.slices import Metrics, slice_tables
from matdisc.scoring.training_size import learning_curves
from matdisc.tasks.perovskites.metrics import NUMBERS, P_SYSTEMS, PERMUTED

HEADS = {
    "n": "Rows", "e_form_mae": "Formation energy MAE, eV/atom", "gap_mae": "Band gap MAE, eV", "system_f1": "System F1",
    "stability_f1": "Stability F1", "perovskite_f1": "Perovskite F1",
}  # fmt: skip
COLOURED = {HEADS["e_form_mae"]: False, HEADS["gap_mae"]: False, HEADS["system_f1"]: True, HEADS["perovskite_f1"]: True}
CURVES = ("e_form_mae", "gap_mae", "system_f1")
"""Metrics that are drawn against the number of rows that were learnt from."""
BINS = 41
T_STEP, MU_STEP = 0.02, 0.05
"""Size of a cell of the map of Goldschmidt's and the octahedral factor."""
FEWEST = 5
"""Rows that a cell of the map needs."""
PROTOCOLS_NOTE = (
    "A row whose formula is in the training part has a polymorph to copy from. The first protocol is ranked; the "
    "others are not."
)
THIRDS = ("lowest third", "middle third", "highest third")


def draw(scoring: PooledScoring, card: DatasetCard, truth: Truth, answers: Answers, bootstrap: Bootstrap) -> Artifacts:
    """Return figures and tables of the headline protocol, and those of the protocols beside each other."""
    keep, terms = first_protocol(truth), scoring.rows(card, truth, answers).terms
    errors = {name: answers.numbers(target) - truth.target(target) for _, target, name, _ in NUMBERS}
    figures: list[Figure] = []
    for key, target, name, unit in NUMBERS:
        pair = np.stack([truth.target(target), answers.numbers(target)])[:, keep]
        figures += parity(key, unit, name.lower(), pair, "out of fold")
        figures += _residuals(key, name, unit, errors[name][keep])
    for _, _, name, unit in NUMBERS:
        if not any(figure.key == "factors" for figure in figures):
            figures += _factors(truth, keep, np.abs(errors[name]), f"{name.lower()}, {unit}")
    figures += _roc(truth, answers, keep)
    figures += learning_curves(scoring, truth, terms, bootstrap, {key: HEADS[key] for key in CURVES})
    shown = Metrics(partial(_of, scoring), HEADS, COLOURED)
    tables = [
        scoring.bounds(truth, terms[keep].sum(axis=0)),
        protocol_table(scoring, truth, terms, HEADS, PROTOCOLS_NOTE),
        _left_out(scoring, truth, terms),
        importance_table(truth, answers, keep, "e_form_per_atom", "eV/atom", PERMUTED, bootstrap),
        _systems(truth, answers, keep),
        *slice_tables(truth, terms[keep], keep, shown),
    ]
    return Artifacts(figures=figures, tables=[table for table in tables if table.rows])


def _of(scoring: PooledScoring, totals: Floats) -> dict[str, Floats]:
    return {"n": totals[..., 0], **scoring.from_totals(totals)}


def _left_out(scoring: PooledScoring, truth: Truth, terms: Floats) -> Table:
    folds = [fold for fold in truth.tested if fold.protocol == "anion-out"]
    folds.sort(key=lambda fold: -len(fold.rows))
    totals = np.stack([terms[fold.rows].sum(axis=0) for fold in folds]) if folds else terms[:0]
    first: list[Cells] = [(fold.name, len(fold.rows)) for fold in folds]
    note = "Each X is predicted by a model that has seen compounds of all the others."
    return score_table(scoring, "left-out", "One anion left out", ("X", "Rows"), first, totals, HEADS, note, "Slices")


def _systems(truth: Truth, answers: Answers, keep: Bools) -> Table:
    p = np.stack([answers.numbers(name) for name in P_SYSTEMS], axis=1)
    label = truth.target("crystal_system")
    rows = keep & np.isfinite(label) & np.isfinite(p).any(axis=1)
    called = np.nan_to_num(p[rows], nan=-1.0).argmax(axis=1)
    n = len(SYSTEMS)
    count = np.bincount(label[rows].astype(int) * n + called, minlength=n * n).reshape(n, n)
    cells: list[Cells] = [(system, *line) for system, line in zip(SYSTEMS, count.tolist(), strict=True) if sum(line)]
    head = ("True system", *(f"called {system}" for system in SYSTEMS))
    return Table("systems", "Crystal systems", head, cells, "Rows by their true and by their most probable system.")


def _residuals(key: str, name: str, unit: str, error: Floats) -> Iterator[Figure]:
    error = error[np.isfinite(error)]
    if not len(error):
        return
    end = float(np.percentile(np.abs(error), 99)) or 1e-6
    edges = np.linspace(-end, end, BINS + 1)
    count = np.histogram(error, edges)[0]
    note = f"right of 0: too high; mean {error.mean():.3f}; {len(error) - count.sum():,} beyond the ends"
    yield Figure(
        f"residuals-{key}", f"Errors: {name.lower()}", f"predicted less true {name.lower()}, {unit}", "rows",
        bars=[Bars("", edges, count)], note=note, reference=(0.0, 0.0, 0.0, float(count.max())),
    )  # fmt: skip


def _factors(truth: Truth, keep: Bools, error: Floats, what: str) -> Iterator[Figure]:
    """Yield cells of the map of Goldschmidt's and the octahedral factor, in thirds by their mean error."""
    rows = np.flatnonzero(keep & np.isfinite(error))
    if truth.formulas is None or not len(rows):
        return
    places = np.array([_cell(formula) for formula in truth.formulas.take(rows).to_pylist()])
    known = np.isfinite(places).all(axis=1)
    rows, places = rows[known], places[known]
    cells, which = np.unique(places, axis=0, return_inverse=True)
    n, total = sliced_totals(np.stack([np.ones(len(rows)), error[rows]], axis=1), which.ravel(), len(cells)).T
    there = np.flatnonzero(n >= FEWEST)
    if not len(there):
        return
    mean = total / np.maximum(n, 1)
    third = _thirds(mean[there])
    lines = [
        Line(
            f"{name}: up to {mean[part].max():.2g}", T_STEP * cells[part, 0], MU_STEP * cells[part, 1],
            labels=[f"{int(n[i]):,} rows, mean error {mean[i]:.2g}" for i in part],
        )
        for number, name in enumerate(THIRDS)
        if len(part := there[third == number])
    ]  # fmt: skip
    yield Figure(
        "factors", f"Errors over the tolerance factor: {what}", "Goldschmidt factor t", "octahedral factor r_B / r_X",
        lines, note=f"mean absolute errors of cells of {T_STEP:g} by {MU_STEP:g} with {FEWEST} rows or more; A is the "
        "larger ion",
    )  # fmt: skip


def _thirds(values: Floats) -> Ints:
    """Return the third, 0 to 2, that each value is in."""
    return np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values, side="left")


@lru_cache(maxsize=16_384)
def _cell(formula: str) -> tuple[float, float]:
    """Place of a formula on the map in cells; nan where it is no ABX3 or a radius is unknown."""
    atoms = {el: int(n or 1) for el, n in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}
    sites = sites_by_radius(atoms)
    if sites is None:
        return np.nan, np.nan
    t, mu = goldschmidt(*sites), octahedral(sites.b, sites.x)
    return float(np.round(t / T_STEP)), float(np.round(mu / MU_STEP))


def _roc(truth: Truth, answers: Answers, keep: Bools) -> Iterator[Figure]:
    p, label = answers.numbers("p_perovskite"), truth.target("perovskite")
    rows = keep & np.isfinite(p) & np.isfinite(label)
    if rows.any():
        roc = roc_curve(label[rows] == 1, -p[rows])
        auc = f"{roc.auc:.3f}" if np.isfinite(roc.auc) else "–"
        yield Figure(
            "roc", "ROC: perovskite or not", "false positive rate", "true positive rate",
            [Line(f"AUC {auc}", roc.fpr, roc.tpr)], note=f"area under the curve {auc}; dashed: random order",
            reference=(0.0, 0.0, 1.0, 1.0), overlay=True,
        )  # fmt: skip
