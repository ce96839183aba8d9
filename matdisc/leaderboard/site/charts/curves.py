"""The charts of one result, and those that lay the best results of a dataset over each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matdisc.leaderboard.schema.details import Details, Gaussian, Probability, RollingMae, Sweep, VolumeHistogram
from matdisc.leaderboard.site.charts.heatmaps import histogram_plot, parity_plot
from matdisc.leaderboard.site.charts.svg import (
    Axis,
    Key,
    Plot,
    Series,
    Shape,
    Sheet,
    box,
    curve,
    defined,
    known,
    round_up,
    rule,
    sheet,
    x_axis,
    y_axis,
)
from matdisc.leaderboard.site.tables.format import Number, figure

MOST_CURVES = 6
LEAST_ERROR = 0.001
"""Smallest end of an error axis, eV/atom: float noise is drawn as zero."""
SERIES = 8
"""Colours with their dashes in the style sheet: s0 to s7."""


def model_plots(details: Details) -> list[Plot]:
    """Return every chart that the details carry, in reading order."""
    found = [
        roc_plot([("", details)]),
        precision_recall_plot(details),
        cumulative_plot(details),
        rolling_plot(details.rolling_mae) if details.rolling_mae else None,
        sweep_plot(details.threshold_sweep) if details.threshold_sweep else None,
        histogram_plot(details.histogram) if details.histogram else None,
        parity_plot(details.parity) if details.parity else None,
        *calibration_plots(details),
        rmsd_plot([("", details)]),
        volume_plot(details.volume_histogram) if details.volume_histogram else None,
    ]
    return [plot for plot in found if plot is not None]


def overlay_plots(named: Sequence[tuple[str, Details]]) -> list[Plot]:
    """Return ROC and cumulative precision of the first few of the named details in one drawing each."""
    named = named[:MOST_CURVES]
    found = (
        [roc_plot(named, key="roc-all"), precision_overlay(named), rmsd_plot(named, key="rmsd-all")] if named else []
    )
    return [plot for plot in found if plot is not None]


def line_plot(
    key: str, title: str, series: Sequence[Series], x: Axis, y: Axis, numbers: Sheet, *,
    note: str = "", told: str = "", baseline: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Plot | None:  # fmt: skip
    """Return curves over one pair of axes with a legend if there are several; None without a defined point."""
    drawn = defined(series)
    if not drawn:
        return None
    shapes = [curve(s, x, y) for s in drawn]
    if baseline:
        shapes.insert(0, rule(x, y, *baseline))
    legend = tuple(Key(f"line {s.css}", s.name) for s in drawn) if len(drawn) > 1 else ()
    names = ", ".join(s.name for s in drawn if s.name)
    label = f"{title}: {y.label} against {x.label}" + (f" for {names}" if names else "") + f". {told or note}"
    return Plot(key, title, note, x, y, tuple(shapes), legend, label.strip(), numbers)


def roc_plot(named: Sequence[tuple[str, Details]], *, key: str = "roc") -> Plot | None:
    """Return true against false positive rate; several curves share a table at even false positive rates."""
    x, y = x_axis("false positive rate", 0, 1), y_axis("true positive rate", 0, 1)
    curves = [(name, d.roc) for name, d in named if d.roc]
    series = [
        Series(_with(name, "AUC", r.auc) if name else "", f"s{i % SERIES}", r.fpr, r.tpr)
        for i, (name, r) in enumerate(curves)
    ]
    if not series:
        return None
    told = "; ".join(_with(name, "area under the curve", r.auc) for name, r in curves)
    numbers = (
        sheet(("false positive rate", "true positive rate"), (series[0].xs, series[0].ys))
        if len(named) == 1 and not named[0][0]
        else on_grid("false positive rate", series, [i / 20 for i in range(21)])
    )
    note = _with("", "area under the curve", curves[0][1].auc) if len(curves) == 1 and not curves[0][0] else ""
    note = "; ".join(filter(None, [note, "dashed: random order"]))
    return line_plot(key, "ROC", series, x, y, numbers, note=note, told=told, baseline=((0, 0), (1, 1)))


def precision_recall_plot(details: Details) -> Plot | None:
    """Return precision against recall."""
    pr = details.precision_recall
    if pr is None:
        return None
    share = known(pr.precision)[-1:] or [0.0]
    return line_plot(
        "pr", "Precision and recall", [Series("", "s0", pr.recall, pr.precision)],
        x_axis("recall", 0, 1), y_axis("precision", 0, 1), sheet(("recall", "precision"), (pr.recall, pr.precision)),
        note=_with("", "average precision", pr.average_precision) + "; dashed: random order",
        baseline=((0, share[0]), (1, share[0])),
    )  # fmt: skip


def cumulative_plot(details: Details) -> Plot | None:
    """Return precision and recall while materials are tried in the predicted order, on a logarithmic axis."""
    c = details.cumulative
    if c is None or not c.screened:
        return None
    series = [Series("precision", "s0", c.screened, c.precision), Series("recall", "s1", c.screened, c.recall)]
    return line_plot(
        "cumulative", "Trying materials in the predicted order", series,
        x_axis("materials tried", max(c.screened[0], 1), c.screened[-1], log=True), y_axis("share", 0, 1),
        sheet(("materials tried", "precision", "recall"), (c.screened, c.precision, c.recall)),
        note="logarithmic axis",
    )  # fmt: skip


def precision_overlay(named: Sequence[tuple[str, Details]]) -> Plot | None:
    """Return the cumulative precision of several results over each other."""
    curves = [(name, d.cumulative) for name, d in named if d.cumulative and d.cumulative.screened]
    if not curves:
        return None
    series = [Series(name, f"s{i % SERIES}", c.screened, c.precision) for i, (name, c) in enumerate(curves)]
    most = max(c.screened[-1] for _, c in curves)
    grid = [float(v) for p in range(8) for v in (10**p, 2 * 10**p, 5 * 10**p) if v < most] + [float(most)]
    return line_plot(
        "cumulative-all", "Precision while trying materials in the predicted order", series,
        x_axis("materials tried", 1, most, log=True), y_axis("precision", 0, 1),
        on_grid("materials tried", series, grid), note="logarithmic axis",
    )  # fmt: skip


def rolling_plot(found: RollingMae) -> Plot | None:
    """Return the mean absolute error near each true hull distance."""
    at = [e for e, mae in zip(found.e_hull, found.mae, strict=True) if e is not None and mae is not None]
    if not at:
        return None
    heads = ("true hull distance, eV/atom", "MAE, eV/atom", "materials")
    rows = [i for i, mae in enumerate(found.mae) if mae is not None]
    columns = [[column[i] for i in rows] for column in (found.e_hull, found.mae, found.count)]
    top = max(round_up(max(known(found.mae))), LEAST_ERROR)
    return line_plot(
        "rolling", "Error near each hull distance", [Series("", "s0", found.e_hull, found.mae)],
        x_axis(heads[0], min(at), max(at)), y_axis("MAE, eV/atom", 0, top),
        sheet(heads, columns), note="windows of 0.04 eV/atom with at least 10 materials",
    )  # fmt: skip


def sweep_plot(found: Sweep) -> Plot | None:
    """Return F1, precision and recall if another threshold made a material stable."""
    series = [
        Series("F1", "s0", found.threshold, found.f1),
        Series("precision", "s1", found.threshold, found.precision),
        Series("recall", "s2", found.threshold, found.recall),
    ]
    at = known(found.threshold)
    if not at:
        return None
    head = ("threshold, eV/atom", "F1", "precision", "recall")
    return line_plot(
        "sweep", "If the threshold were another", series, x_axis(head[0], at[0], at[-1]), y_axis("share", 0, 1),
        sheet(head, (found.threshold, found.f1, found.precision, found.recall)),
        note="truth and prediction are cut at the same value",
    )  # fmt: skip


def calibration_plots(details: Details) -> list[Plot | None]:
    """Return observed against expected coverage, or the reliability of probabilities, where stated."""
    both = details.calibration
    if both is None:
        return []
    return [
        _coverage_plot(both.gaussian) if both.gaussian else None,
        _reliability_plot(both.probability) if both.probability else None,
    ]


def rmsd_plot(named: Sequence[tuple[str, Details]], *, key: str = "rmsd") -> Plot | None:
    """Return the share of all materials up to each RMSD; unmatched and missing ones are in none."""
    curves = [(name, d.rmsd_curve) for name, d in named if d.rmsd_curve]
    if not curves:
        return None
    series = [Series(name, f"s{i % SERIES}", c.rmsd, c.share) for i, (name, c) in enumerate(curves)]
    ends = known(curves[0][1].rmsd)
    heads = "RMSD, (V/N)^(1/3)"
    grid = [ends[-1] * i / 20 for i in range(21)] if ends else []
    return line_plot(
        key, "Materials up to each RMSD", series, x_axis(heads, 0, ends[-1] if ends else 1),
        y_axis("share of all", 0, 1), on_grid(heads, series, grid), note="unmatched and missing ones never count",
    )  # fmt: skip


def volume_plot(found: VolumeHistogram) -> Plot | None:
    """Return how many materials have which relative error of the volume per atom."""
    inner = found.count[1:-1]
    if not any(inner):
        return None
    full = [i for i, n in enumerate(inner) if n]
    first, last = max(full[0] - 1, 0), min(full[-1] + 2, len(inner))
    edges = [100 * edge for edge in found.edges]
    x = x_axis("error of the volume per atom, %", edges[first], edges[last])
    y = y_axis("materials", 0, round_up(max(inner)))
    boxes = "".join(box(x, y, edges[i], edges[i + 1], 0, inner[i]) for i in range(first, last) if inner[i])
    beyond = found.count[0] + found.count[-1]
    note = "right of 0: too large" + (f"; {beyond:,} beyond the ends" if beyond else "")
    shapes = (Shape("k-tn", boxes), rule(x, y, (0, 0), (0, y.high)))
    numbers = sheet(("from, %", "materials"), (edges[first:last], inner[first:last]))
    label = f"Histogram of the relative error of the volume. {note}."
    return Plot("volume", "Errors of the volume", note, x, y, shapes, (), label, numbers)


def on_grid(head: str, series: Sequence[Series], grid: Sequence[float]) -> Sheet:
    """Return every curve at the same places, interpolated; undefined beyond a curve's ends."""
    columns: list[Sequence[Number]] = [grid]
    for s in series:
        points = [(a, b) for a, b in zip(s.xs, s.ys, strict=True) if a is not None and b is not None]
        if not points:
            columns.append([None] * len(grid))
            continue
        xs, ys = zip(*points, strict=True)
        values = np.interp(grid, xs, ys, left=np.nan, right=np.nan)
        columns.append([None if np.isnan(v) else float(v) for v in values])
    return sheet([head, *(s.name for s in series)], columns)


def _coverage_plot(found: Gaussian) -> Plot | None:
    n = len(found.observed)
    expected = [(i + 1) / (n + 1) for i in range(n)]
    if not n:
        return None
    return line_plot(
        "coverage", "Calibration of the stated uncertainties", [Series("", "s0", expected, found.observed)],
        x_axis("expected share within the interval", 0, 1), y_axis("observed share", 0, 1),
        sheet(("expected", "observed"), (expected, found.observed)),
        note=f"area to the dashed diagonal {figure(found.miscalibration_area)}; below it: too sure",
        baseline=((0, 0), (1, 1)),
    )  # fmt: skip


def _reliability_plot(found: Probability) -> Plot | None:
    xs, ys = found.mean_probability, found.stable_share
    if not xs:
        return None
    return line_plot(
        "reliability", "Calibration of the stated probabilities", [Series("", "s0", xs, ys)],
        x_axis("mean stated probability", 0, 1), y_axis("share that is stable", 0, 1),
        sheet(("mean probability", "stable share"), (xs, ys)),
        note=f"Brier score {figure(found.brier)}; dashed: calibrated", baseline=((0, 0), (1, 1)),
    )  # fmt: skip


def _with(name: str, what: str, value: Number) -> str:
    told = f"{what} {'–' if value is None else format(value, '.3f')}"
    return f"{name} ({told})" if name else told
