"""Figures and tables beside the metrics of labels and of structures: curves, histograms, calibration, slices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.metrics.calibration import LEVELS, gaussian_calibration, probability_calibration
from matdisc.metrics.curves import (
    PARITY_BINS,
    hull_distance_histogram,
    parity_density,
    precision_recall_curve,
    roc_curve,
    rolling_mae,
    threshold_sweep,
)
from matdisc.metrics.screening import Ranking, cumulative_curve, precision_at_k, rank_materials
from matdisc.metrics.structures import rmsd_curve
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import headline_mask
from matdisc.scoring.figures import Artifacts, Bars, Density, Figure, Line, Role, Table
from matdisc.scoring.slices import STABILITY, STRUCTURES, slice_tables
from matdisc.scoring.totals import Judged

DIAGONAL = (0.0, 0.0, 1.0, 1.0)
RMSD_LIMITS = np.linspace(0.0, 0.3, 61)
VOLUME_EDGES = np.linspace(-0.2, 0.2, 41)
"""Edges of the bins of relative volume errors."""
CALLS: tuple[tuple[Role, str], ...] = (
    ("tp", "stable, called stable (TP)"),
    ("fp", "unstable, called stable (FP)"),
    ("tn", "unstable, called unstable (TN)"),
    ("fn", "stable, called unstable (FN)"),
)
"""From the bottom of a stack to its top."""
ERROR_DECIMALS = 9
"""Mean errors below 1e-9 eV/atom are float noise and drawn as zero."""


def stability_artifacts(card: DatasetCard, truth: Truth, answers: Answers, judged: Judged) -> Artifacts:
    """Return curves, histograms, calibration, precision among the first k, and slices of the headline subset.

    Figures that need energies are left out where the answers are probabilities, the calibration where no uncertainty
    or probability is stated.
    """
    assert judged.verdicts is not None
    verdicts, headline = judged.verdicts, headline_mask(card, truth)
    keep = headline & verdicts.labelled
    stable, e_true, e_pred = verdicts.stable[keep], verdicts.e_true[keep], verdicts.e_pred[keep]
    probability = answers.values[keep] if answers.column == "p_stable" else None
    score = e_pred if probability is None else -probability
    ranking = rank_materials(stable, score)
    figures = [*_ranking_figures(stable, score, ranking)]
    tables = [*_first_k(stable, score, ranking)]
    if np.isfinite(e_true).any() and np.isfinite(e_pred).any():
        figures += _energy_figures(e_true, e_pred, judged.threshold)
    if probability is not None:
        calibration = _probabilities(stable, probability)
    elif answers.uncertainty is not None:
        calibration = _uncertainties(e_true, e_pred, answers.uncertainty[keep])
    else:
        calibration = Artifacts()
    return Artifacts(
        figures=[*figures, *calibration.figures],
        tables=[*tables, *calibration.tables, *slice_tables(truth, judged.terms[headline], headline, STABILITY)],
    )


def structure_artifacts(card: DatasetCard, truth: Truth, judged: Judged) -> Artifacts:
    """Return the distribution of RMSD and of volume errors, and slices, of the headline subset."""
    assert judged.compared is not None
    found, keep = judged.compared, headline_mask(card, truth)
    rmsd = Figure(
        "rmsd", "Materials up to each RMSD", "RMSD, (V/N)^(1/3)", "share of all materials",
        [Line("", RMSD_LIMITS, rmsd_curve(found.rmsd[keep], RMSD_LIMITS))],
        note="unmatched and missing ones never count", overlay=True,
    )  # fmt: skip
    return Artifacts(
        figures=[rmsd, *_volume_histogram(found.volume[keep & found.answered])],
        tables=slice_tables(truth, judged.terms[keep], keep, STRUCTURES),
    )


def _ranking_figures(stable: Bools, score: Floats, ranking: Ranking) -> Iterator[Figure]:
    roc = roc_curve(stable, score, ranking=ranking)
    yield Figure(
        "roc", "ROC", "false positive rate", "true positive rate", [Line(f"AUC {_text(roc.auc)}", roc.fpr, roc.tpr)],
        note=f"area under the curve {_text(roc.auc)}; dashed: random order", reference=DIAGONAL, overlay=True,
    )  # fmt: skip
    pr = precision_recall_curve(stable, score, ranking=ranking)
    share = float(pr.precision[-1])  # of stable materials among all
    yield Figure(
        "precision-recall", "Precision and recall", "recall", "precision", [Line("", pr.recall, pr.precision)],
        note=f"average precision {_text(pr.average_precision)}; dashed: random order",
        reference=(0.0, share, 1.0, share) if np.isfinite(share) else None,
    )  # fmt: skip
    tried = cumulative_curve(stable, score, ranking=ranking)
    yield Figure(
        "cumulative", "Cumulative precision and recall", "materials screened in the predicted order", "share",
        [Line("precision", tried.screened, tried.precision), Line("recall", tried.screened, tried.recall)],
        note="logarithmic axis", x_log=True, overlay=True,
    )  # fmt: skip


def _energy_figures(e_true: Floats, e_pred: Floats, threshold: float) -> Iterator[Figure]:
    near = rolling_mae(e_true, e_pred)
    known = _extent(near.mae >= 0)
    yield Figure(
        "rolling-mae", "Error near each hull distance", "true hull distance, eV/atom", "MAE, eV/atom",
        [Line("", near.e_hull[known], np.round(near.mae[known], ERROR_DECIMALS))],
        note="windows of 0.04 eV/atom with at least 10 materials",
    )  # fmt: skip
    sweep = threshold_sweep(e_true, e_pred)
    yield Figure(
        "threshold-sweep", "Metrics at other thresholds", "threshold, eV/atom", "share",
        [Line(name, sweep["threshold"], sweep[key])
         for key, name in (("f1", "F1"), ("precision", "precision"), ("recall", "recall"))],
        note="truth and prediction are cut at the same value",
    )  # fmt: skip
    yield from _hull_histogram(e_true, e_pred, threshold)
    yield _parity(e_true, e_pred)


def _hull_histogram(e_true: Floats, e_pred: Floats, threshold: float) -> Iterator[Figure]:
    found = hull_distance_histogram(e_true, e_pred, threshold=threshold)
    table = np.array([found.counts[role] for role, _ in CALLS])
    shown = _extent(table[:, 1:-1].sum(axis=0) > 0, margin=1)
    edges = found.edges[shown.start : shown.stop + 1]
    bars = [
        Bars(name, edges, counts[1:-1][shown], role)
        for (role, name), counts in zip(CALLS, table, strict=True)
        if counts[1:-1].any()
    ]
    beyond, missing = int(table[:, [0, -1]].sum()), sum(found.missing.values())
    if bars:
        yield Figure(
            "hull-histogram", "Right and wrong calls over the hull distance", "predicted hull distance, eV/atom",
            "materials", bars=bars,
            note=_joined("hatched: wrong", _count(beyond, "beyond the ends"), _count(missing, "without answer")),
        )  # fmt: skip


def _parity(e_true: Floats, e_pred: Floats) -> Figure:
    found = parity_density(e_true, e_pred)
    count = np.zeros((PARITY_BINS, PARITY_BINS), int)
    count[found.pred_bin, found.true_bin] = found.count
    low, high = float(found.edges[0]), float(found.edges[-1])
    note = _joined(
        "dashed: perfect",
        f"darkest: {count.max():,} materials",
        _count(found.outside, "outside"),
        _count(found.missing, "without answer"),
    )
    return Figure(
        "parity", "Predicted against true", "true hull distance, eV/atom", "predicted hull distance, eV/atom",
        density=Density(found.edges, found.edges, count.tolist()), reference=(low, low, high, high), note=note,
    )  # fmt: skip


def _first_k(stable: Bools, score: Floats, ranking: Ranking) -> list[Table]:
    found = precision_at_k(stable, score, ranking=ranking)
    rows = list(zip(found.k, found.hits, found.precision, found.daf, found.ceiling, strict=True))
    head = ("k", "Stable among them", "Precision@k", "DAF@k", "Highest possible DAF")
    note = "If only the k most promising materials are tried. Equal predictions count with their mean."
    return [Table("precision-at-k", "The first k materials", head, rows, note)] if rows else []


def _uncertainties(e_true: Floats, e_pred: Floats, uncertainty: Floats) -> Artifacts:
    found = gaussian_calibration(e_true, e_pred, uncertainty)
    curve = Figure(
        "calibration", "Calibration of the stated uncertainties", "expected share within the interval",
        "observed share", [Line("", LEVELS, found.observed)], reference=DIAGONAL,
        note=f"area to the dashed diagonal {_text(found.miscalibration_area)}; below it: too sure",
    )  # fmt: skip
    scores = {
        "Materials": found.n,
        "Negative log likelihood, nats": found.nll,
        "CRPS, eV/atom": found.crps,
        "Sharpness, eV/atom": found.sharpness,
        "Miscalibration area": found.miscalibration_area,
        "Rank correlation of error and uncertainty": found.spearman,
    } | {f"Share within the central interval {level:g}": share for level, share in found.coverage.items()}
    return Artifacts(figures=[curve], tables=[_scores("Scores of the stated uncertainties", scores)])


def _probabilities(stable: Bools, probability: Floats) -> Artifacts:
    found = probability_calibration(stable, probability)
    curve = Figure(
        "calibration", "Calibration of the stated probabilities", "mean stated probability", "share that is stable",
        [Line("", found.mean_probability, found.stable_share)], reference=DIAGONAL,
        note=f"Brier score {_text(found.brier)}; dashed: calibrated",
    )  # fmt: skip
    scores = {
        "Materials": found.n,
        "Brier score": found.brier,
        "Log loss, nats": found.log_loss,
        "Expected calibration error": found.expected_calibration_error,
    }
    return Artifacts(figures=[curve], tables=[_scores("Scores of the stated probabilities", scores)])


def _scores(title: str, scores: Mapping[str, float]) -> Table:
    return Table("calibration", title, ("Score", "Value"), list(scores.items()))


def _volume_histogram(errors: Floats) -> Iterator[Figure]:
    """Yield the histogram of relative volume errors, shape (n_answered,), unless all lie beyond the edges."""
    n = len(VOLUME_EDGES)
    counts = np.bincount(np.searchsorted(VOLUME_EDGES, errors, side="right"), minlength=n + 1)
    inner, beyond = counts[1:-1], int(counts[0] + counts[-1])
    if inner.any():
        shown = _extent(inner > 0, margin=1)
        yield Figure(
            "volume", "Errors of the volume", "error of the volume per atom, %", "materials",
            bars=[Bars("", 100 * VOLUME_EDGES[shown.start : shown.stop + 1], inner[shown])],
            note=_joined("right of 0: too large", _count(beyond, "beyond the ends")),
            reference=(0.0, 0.0, 0.0, float(inner.max())),
        )  # fmt: skip


def _extent(some: Bools, margin: int = 0) -> slice:
    """Return the places from the first to the last that holds something, with a margin; none if nothing does."""
    places: Ints = np.flatnonzero(some)
    if not len(places):
        return slice(0, 0)
    return slice(max(int(places[0]) - margin, 0), min(int(places[-1]) + 1 + margin, len(some)))


def _text(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n else ""


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))
