"""Curves, slices and calibration of one set of answers, compact enough to be shown on a page."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.datasets.wbm import is_wbm, substitution_step
from matdisc.metrics.calibration import gaussian_calibration, probability_calibration
from matdisc.metrics.curves import (
    hull_distance_histogram,
    parity_density,
    precision_recall_curve,
    roc_curve,
    rolling_mae,
    threshold_sweep,
)
from matdisc.metrics.screening import cumulative_curve, precision_at_k, rank_materials
from matdisc.metrics.slices import ANION_CLASSES, anion_labels, multi_label_totals, slice_metrics, sliced_totals
from matdisc.metrics.structures import Compared, rmsd_curve, structure_metrics
from matdisc.scoring.answers import Answers
from matdisc.scoring.verdicts import judge, subset_mask
from matdisc.tasks.task import Task

SHOWN = ("n", "n_stable", "f1", "daf", "precision", "recall", "mae")
SHOWN_STRUCTURES = ("n", "rmsd", "symmetry_match_loose", "volume_abs_error")
RMSD_LIMITS = np.linspace(0.0, 0.3, 61)
VOLUME_EDGES = np.linspace(-0.2, 0.2, 41)
"""Edges of the bins of relative volume errors."""
MAX_SLICES = 120
"""Categories of one kind that are kept, the largest first."""
SLICE_ROWS = 5
"""Smaller categories are left out: a metric of four materials tells nothing."""


def details(task: Task, card: DatasetCard, truth: Truth, answers: Answers) -> dict[str, Any]:
    """Return curves, slices and calibration over the headline subset as JSON-ready data; undefined is None.

    Keys: `precision_at_k`, `roc`, `precision_recall`, `cumulative`, and where the task judges energies `rolling_mae`,
    `threshold_sweep`, `histogram`, `parity`; `slices` by element, number of elements, anion class, prototype and
    substitution step, as far as the dataset tells them; `calibration` where the answers state uncertainties or
    probabilities. Of structures: `rmsd_curve` (share of all materials up to each RMSD), `volume_histogram`, `slices`.
    Of measured numbers: `figures` and `tables`.
    """
    keep = subset_mask(card, truth, card.headline_subset)
    if task.measured:
        more = task.detail(card, truth, answers).model_dump() if task.detail else {}
        return plain({"subset": card.headline_subset, "n": int(keep.sum())} | more)
    judged = judge(task, truth, answers, card.stability.threshold)
    if judged.compared is not None:
        about = {"subset": card.headline_subset, "n": int(keep.sum())}
        return plain(about | structure_details(truth, judged.compared, judged.terms, keep))
    assert judged.verdicts is not None
    everything, keep = keep, keep & judged.verdicts.labelled
    stable, e_true = judged.verdicts.stable[keep], judged.verdicts.e_true[keep]
    e_pred = judged.verdicts.e_pred[keep]
    score = -answers.values[keep] if answers.column == "p_stable" else e_pred
    ranking = rank_materials(stable, score)
    roc = roc_curve(stable, score, ranking=ranking)
    pr = precision_recall_curve(stable, score, ranking=ranking)
    found: dict[str, Any] = {
        "subset": card.headline_subset,
        "n": int(keep.sum()),
        "precision_at_k": dataclasses.asdict(precision_at_k(stable, score, ranking=ranking)),
        "roc": {"fpr": roc.fpr, "tpr": roc.tpr, "auc": roc.auc},
        "precision_recall": {
            "recall": pr.recall,
            "precision": pr.precision,
            "average_precision": pr.average_precision,
        },
        "cumulative": dataclasses.asdict(cumulative_curve(stable, score, ranking=ranking)),
    }
    if np.isfinite(e_true).any() and np.isfinite(e_pred).any():
        found |= {
            "rolling_mae": dataclasses.asdict(rolling_mae(e_true, e_pred)),
            "threshold_sweep": threshold_sweep(e_true, e_pred),
            "histogram": dataclasses.asdict(hull_distance_histogram(e_true, e_pred, threshold=judged.threshold)),
            "parity": dataclasses.asdict(parity_density(e_true, e_pred)),
        }
    found["slices"] = slices(truth, judged.terms[everything], everything)
    found["calibration"] = _calibration(answers, judged.verdicts.e_true, judged.verdicts.e_pred, stable, keep)
    return plain(found)


def structure_details(truth: Truth, found: Compared, terms: Floats, keep: Bools) -> dict[str, Any]:
    """Return the distribution of RMSD and volume error, and slices.

    `volume_histogram.count` has one number more at each end than there are bins: rows beyond the edges.
    """
    volume = found.volume[keep & found.answered]
    counts = np.bincount(np.searchsorted(VOLUME_EDGES, volume, side="right"), minlength=len(VOLUME_EDGES) + 1)
    return {
        "rmsd_curve": {"rmsd": RMSD_LIMITS, "share": rmsd_curve(found.rmsd[keep], RMSD_LIMITS)},
        "volume_histogram": {"edges": VOLUME_EDGES, "count": counts},
        "slices": slices(truth, terms[keep], keep, measured=_structures_by, shown=SHOWN_STRUCTURES),
    }


def slices(
    truth: Truth,
    terms: Floats,
    keep: Bools,
    *,
    measured: Callable[[Floats], Mapping[str, Floats]] = slice_metrics,
    shown: Sequence[str] = SHOWN,
) -> dict[str, Any]:
    """Return metrics by category as far as the dataset tells categories: {kind: {name: [...], n: [...], f1: [...]}}.

    Args:
        truth: The dataset.
        terms: Row terms of the kept materials, shape (n_kept, n_terms).
        keep: Which materials are kept, shape (n_materials,).
        measured: Summed terms, shape (n_categories, n_terms), to metrics, `n` among them.
        shown: The metrics to keep; those whose name begins with n are counts.
    """
    found: dict[str, Any] = {}
    tabled = partial(_table, measured=measured, shown=shown)
    if truth.formulas is not None:
        symbols, pointer, indices = memberships(truth.formulas, keep)
        found["element"] = tabled(symbols, multi_label_totals(terms, pointer, indices, len(symbols)), by="name")
        sizes = np.diff(pointer)
        names = [str(n) for n in range(int(sizes.max(initial=0)) + 1)]
        found["n_elements"] = tabled(names, sliced_totals(terms, sizes, len(names)), by="order")
        anions = sliced_totals(terms, anion_labels(pointer, indices, symbols), len(ANION_CLASSES))
        found["anion"] = tabled(ANION_CLASSES, anions, by="order")
    if truth.prototypes is not None and truth.prototypes.null_count == 0:
        encoded = truth.prototypes.dictionary_encode()
        names = [re.sub(r":.*", "", name) for name in encoded.dictionary.to_pylist()]
        labels = encoded.indices.to_numpy()[keep]
        unique, merged = np.unique(np.array(names, dtype=str), return_inverse=True)
        found["prototype"] = tabled(unique.tolist(), sliced_totals(terms, merged[labels], len(unique)), by="size")
    if is_wbm(truth.material_ids):
        steps = substitution_step(truth.material_ids)[keep]
        found["substitution_step"] = tabled([str(n) for n in range(6)], sliced_totals(terms, steps, 6), by="order")
    return {kind: table for kind, table in found.items() if len(table["name"]) > 1}


def memberships(formulas: Any, keep: Bools) -> tuple[list[str], Ints, Ints]:
    """Return element symbols, and which of them each kept formula holds, as pointer and indices (CSR form)."""
    encoded = formulas.filter(keep).dictionary_encode() if not keep.all() else formulas.dictionary_encode()
    sets = [elements_of(text) for text in encoded.dictionary.to_pylist()]
    symbols = sorted({symbol for elements in sets for symbol in elements})
    place = {symbol: i for i, symbol in enumerate(symbols)}
    rows = [np.array([place[symbol] for symbol in elements], np.int64) for elements in sets]
    order = encoded.indices.to_numpy()
    sizes = np.array([len(row) for row in rows], np.int64)
    flat, starts = np.concatenate([*rows, np.empty(0, np.int64)]), np.concatenate([[0], np.cumsum(sizes)])
    pointer = np.concatenate([[0], np.cumsum(sizes[order])])
    within = np.arange(pointer[-1]) - np.repeat(pointer[:-1], sizes[order])
    return symbols, pointer, flat[np.repeat(starts[order], sizes[order]) + within]


@lru_cache(maxsize=1024)
def elements_of(formula: str) -> tuple[str, ...]:
    """Return the distinct element symbols of a formula, sorted."""
    return tuple(sorted(set(re.findall(r"[A-Z][a-z]?", formula))))


def plain(value: Any) -> Any:
    """Return arrays as lists of JSON numbers with six digits, nan and inf as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "iub":
            return value.tolist()
        return [None if not np.isfinite(x) else float(f"{x:.6g}") for x in value.tolist()]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _structures_by(totals: Floats) -> dict[str, Floats]:
    """Number of rows and all metrics of each category."""
    return {"n": totals[..., 0], **structure_metrics(totals)}


def _table(
    names: Sequence[str],
    totals: Floats,
    *,
    by: str,
    measured: Callable[[Floats], Mapping[str, Floats]],
    shown: Sequence[str],
) -> dict[str, Any]:
    metrics = measured(totals)
    rows = np.flatnonzero(metrics["n"] >= SLICE_ROWS)
    if by == "size" or len(rows) > MAX_SLICES:
        rows = rows[np.argsort(-metrics["n"][rows], kind="stable")][:MAX_SLICES]
    columns = {key: metrics[key][rows] for key in shown}
    counts = {key: values.astype(np.int64) for key, values in columns.items() if key.startswith("n")}
    return {"name": [names[int(i)] for i in rows]} | columns | counts


def _calibration(answers: Answers, e_true: Floats, e_pred: Floats, stable: Bools, keep: Bools) -> dict[str, Any] | None:
    if answers.column == "p_stable":
        return {"probability": dataclasses.asdict(probability_calibration(stable, answers.values[keep]))}
    if answers.uncertainty is None:
        return None
    return {"gaussian": dataclasses.asdict(gaussian_calibration(e_true[keep], e_pred[keep], answers.uncertainty[keep]))}
