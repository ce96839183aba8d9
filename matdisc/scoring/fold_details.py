"""What stands beside the metrics of folds: for each protocol a table, what a reader may conclude, figures, sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.metrics import belief
from matdisc.scoring.figures import Artifacts, Table
from matdisc.scoring.fold_figures import fold_figures
from matdisc.scoring.folds import Folds, Protocol, against, class_rate, intervals
from matdisc.scoring.metric import Metric, show, show_interval

TITLES = {
    "interpolation-10": "Learning from a tenth",
    "kfold-5x3": "Five folds, three times",
    "kfold-5x1": "Five folds",
    "loeo": "One element left out",
    "loeo-8": "One of eight elements left out",
    "pair-out": "Two elements left out",
    "pair-out-6": "Two elements left out, six pairs",
    "experimental": "Computed labels to learn from, experiments to test",
}
ELEMENTS = "loeo"
"""How the names of protocols begin whose folds are single elements."""
BY_ELEMENT = {"macro_f1": "Macro F1", "f1_high": "F1 of High", "roc_auc": "AUC"}
WIDE = 0.9
"""Mean width from which an interval says next to nothing."""
FEW = 400
"""Alloys below which a share is uncertain by several hundredths."""
UNDEFINED = {"value": None, "low": None, "high": None}

Value = Mapping[str, Any]
"""A number with `value`, `low` and `high`; a metric has `n_defined` too, a difference `detectable`."""


def fold_artifacts(
    metrics: Sequence[Metric],
    ranked: Sequence[str],
    found: Mapping[str, Protocol],
    control: tuple[str, Mapping[str, Protocol]] | None,
    replicates: int,
    seed: int,
) -> Artifacts:
    """Return a section for each protocol, the headline first: tables of metrics, figures, metrics by size and element.

    Args:
        metrics: Metrics of the task, as they are printed.
        ranked: Keys of those that rows are ranked by, the headline first.
        found: The model's answers by protocol, the headline first.
        control: Name and answers of the row to compare with; None if there is none, or it is this row.
        replicates: Resamples for intervals; 0 for none.
        seed: Of the resamples.
    """
    name, others = control or ("", {})
    headline, first = next(metric for metric in metrics if metric.key == ranked[0]), next(iter(found))
    figures, tables = [], []
    for protocol in found.values():
        section = TITLES.get(protocol.name, protocol.name)
        other = others.get(protocol.name)
        differences = against(protocol, other, replicates, seed) if other else {}
        values = intervals(protocol, replicates, seed)
        counts = _counts(protocol, values, " (headline)" if protocol.name == first else "")
        note = " ".join([counts, *_conclusions(protocol, values, differences, headline, name)])
        tables += _metrics(metrics, values, class_rate(protocol), differences, name, note, section)
        if protocol.answered:
            figures += fold_figures(protocol.folds, section)
            tables += [*_by_size(protocol.folds, section), *_by_element(protocol, section)]
    return Artifacts(figures=figures, tables=tables)


def _metrics(
    metrics: Sequence[Metric],
    values: Mapping[str, Value],
    trivial: Mapping[str, float | None],
    differences: Mapping[str, Value],
    control: str,
    note: str,
    section: str,
) -> list[Table]:
    """Return the main metrics and the others, in two tables."""
    head = ["Metric", "Value (95 % interval)", "Baseline (class rate of training)"]
    if differences:
        head.append(f"Difference to {control}")
        note += f" Differences are this row minus {control}, fold by fold; a star: the interval leaves out 0."
    head.append("Folds where defined")
    parts: list[list[list[str]]] = [[], []]
    for metric in metrics:
        if metric.key in values:
            trivial_value = trivial.get(metric.key)
            row = [
                _name(metric, values),
                _with_interval(metric, values[metric.key]),
                "" if trivial_value is None else show(metric, trivial_value),
            ]
            if differences:
                row.append(_difference(metric, differences.get(metric.key, UNDEFINED)))
            row.append(str(values[metric.key]["n_defined"]))
            parts[not metric.main].append(row)
    return [
        Table(key, title, head, rows, text, section)
        for key, title, rows, text in zip(
            ("metrics", "other-metrics"), ("Metrics", "Other metrics"), parts, (note, ""), strict=True
        )
        if rows
    ]


def _name(metric: Metric, values: Mapping[str, Value]) -> str:
    """Return the name of a metric with its unit, or the highest possible value where that is known."""
    most = values.get(f"{metric.key}_max", UNDEFINED)["value"]
    told = metric.unit if most is None else f"max {most:.2f}"
    return f"{metric.label} ({told})" if told else metric.label


def _with_interval(metric: Metric, found: Value) -> str:
    interval = show_interval(metric, found["low"], found["high"])
    return show(metric, found["value"]) + (f" ({interval})" if interval else "")


def _difference(metric: Metric, found: Value) -> str:
    """Return a difference with its sign and interval; a star if the interval leaves out 0."""
    if found["value"] is None:
        return "–"
    text = _signed(metric, found["value"]) + ("*" if _certain(found) else "")
    interval = _range(metric, found)
    return f"{text} ({interval})" if interval else text


def _signed(metric: Metric, value: float) -> str:
    text = show(metric, value)
    return f"+{text}" if any(digit in text for digit in "123456789") and not text.startswith("−") else text


def _range(metric: Metric, found: Value) -> str:
    return show_interval(metric, found["low"], found["high"]).replace("–", " to ")


def _certain(found: Value) -> bool:
    return found["low"] is not None and found["high"] is not None and (found["low"] > 0 or found["high"] < 0)


def _counts(protocol: Protocol, values: Mapping[str, Value], mark: str) -> str:
    n_folds, missing, most = len(protocol.folds), protocol.n - protocol.answered, values["daf_max"]["value"]
    counts = [
        f"{protocol.n:,} answers on {protocol.n_alloys:,} alloys in {n_folds:,} fold{'s' if n_folds != 1 else ''}",
        f"{100 * protocol.n_high / protocol.n:.1f} % High",
        f"{protocol.n_abstained:,} abstained",
    ]
    if missing:
        counts.append(f"{missing:,} missing")
    if most is not None:
        counts.append(f"highest possible DAF {most:.2f}")
    return f"{protocol.name}{mark}: {', '.join(counts)}. Numbers are means over the folds where they are defined."


def _conclusions(
    protocol: Protocol, values: Mapping[str, Value], differences: Mapping[str, Value], headline: Metric, control: str
) -> list[str]:
    """Return what a reader may conclude from one protocol of one result, and what not, in sentences."""
    answered, width = values["coverage"]["value"], values["interval_width"]["value"]
    said = []
    if answered is not None and answered < 1:
        said.append(_abstentions(answered))
    if answered == 0:
        return said
    if width is not None and width > WIDE:
        said.append(
            f"Its intervals are {width:.2f} wide on average: nearly every outcome lies within, so hits are no merit."
        )
    missing = protocol.n - protocol.answered
    if missing:
        said.append(f"{missing:,} of {protocol.n:,} answers are missing and count as abstentions.")
    if headline.key in differences:
        said.append(_comparison(differences[headline.key], headline, control))
    if protocol.n_alloys < FEW:
        error = 0.5 / max(protocol.n_alloys, 1) ** 0.5  # the largest standard error of a share, 1 / (2 sqrt(n))
        said.append(
            f"On {protocol.n_alloys:,} alloys a share is uncertain by up to {error:.2f} (one standard error): "
            "take smaller differences for noise, unless a paired interval leaves out 0."
        )
    return said


def _abstentions(answered: float) -> str:
    if answered == 0:
        return (
            "It abstains on every alloy. Its calls are the majority class of the training part and its probabilities "
            "0.5, so no score here is knowledge of the model."
        )
    return (
        f"It abstains on {100 * (1 - answered):.1f} % of the alloys. An abstention is scored as the majority class of "
        "the training part and as the probability 0.5. That is no accuracy: read every score beside the coverage."
    )


def _comparison(found: Value, metric: Metric, control: str) -> str:
    interval = _range(metric, found)
    if not interval:
        return f"The difference to {control} in {metric.label} has no interval, so none is claimed."
    numbers = f"({_signed(metric, found['value'])}; {interval})"
    if not _certain(found):
        least = found.get("detectable")
        escape = f"; less than {show(metric, least)} would escape this test" if least else ""
        return f"In {metric.label} it cannot be told apart from the control row, {control} {numbers}{escape}."
    better = (found["value"] < 0) == (metric.better == "lower")
    return f"In {metric.label} it is {'better' if better else 'worse'} than the control row, {control} {numbers}."


def _by_element(protocol: Protocol, section: str) -> list[Table]:
    """Return base rates and metrics of each fold, where that is one element left out."""
    if not protocol.name.startswith(ELEMENTS):
        return []
    rows = []
    for fold, tested in zip(protocol.folds, protocol.tested, strict=True):
        scores = belief.belief_metrics(fold)
        rates = (100 * fold.high.mean(), 100 * tested.prior, 100 * scores["coverage"])
        rows.append((tested.name, scores["brier"], len(fold), *rates, *(scores[key] for key in BY_ELEMENT)))
    head = ("Element", "Brier", "Alloys with it", "High, %", "High in training, %", "Coverage, %", *BY_ELEMENT.values())
    note = (
        "No training alloy holds the element; every test alloy does. The share of High differs much from element to "
        "element, and training does not show it: read each score beside both shares. Brier score in colour: darker is "
        "a larger error, by order."
    )
    return [Table("elements", "Each element left out", head, rows, note, section, layout="periodic")]


def _by_size(folds: Folds, section: str) -> list[Table]:
    """Return metrics by number of elements, over the alloys of all folds together; nothing if all have one size."""
    lengths = [np.array([name.count("|") + 1 for name in fold.names]) for fold in folds]
    rows = []
    for length in sorted({int(n) for part in lengths for n in np.unique(part)}):
        some = [_selected(fold, part == length) for fold, part in zip(folds, lengths, strict=True)]
        high, predicted, p_high, abstained = (np.concatenate(columns) for columns in zip(*some, strict=True))
        hits, marked = int((high & predicted).sum()), int(high.sum() + predicted.sum())
        rows.append((
            str(length), len(high), int(high.sum()), 100 * (1 - abstained.mean()), ((p_high - high) ** 2).mean(),
            (high == predicted).mean(), 2 * hits / marked if marked else None,
        ))  # fmt: skip
    head = ("Elements", "Answers", "High", "Coverage, %", "Brier", "Accuracy", "F1 of High")
    return [Table("by-size", "By number of elements", head, rows, section=section)] if len(rows) > 1 else []


def _selected(fold: belief.Answers, rows: Bools) -> tuple[Bools, Bools, Floats, Bools]:
    return fold.high[rows], fold.predicted[rows], fold.p_high[rows], fold.abstained[rows]
