"""What a page's script has to know of models and columns to filter, to combine scores and to cite; as compact JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets.leakage.overlap import overlap_from_cards
from matdisc.leaderboard.names import display_name
from matdisc.leaderboard.site.tables.board import Table
from matdisc.scoring.metric import Metric

SHARES = frozenset([
    "f1", "precision", "recall", "accuracy", "tnr", "macro_f1", "f1_high", "balanced_accuracy", "roc_auc",
    "accuracy_answered", "accuracy_at_25_by_u", "accuracy_at_50_by_u", "accuracy_at_75_by_u", "accuracy_at_25_by_p",
    "accuracy_at_50_by_p", "accuracy_at_75_by_p", "metal_f1", "metal_accuracy", "system_f1", "system_accuracy",
    "four_f1", "stability_f1", "on_hull_f1", "perovskite_f1", "perovskite_accuracy", "mcc", "perovskite_mcc", "rank",
    "force_cosine", "r2", "e_form_r2", "gap_r2",
])  # fmt: skip
"""Metrics of which 1 is the best possible and 0 is worthless; correlations and R² below 0 count as 0."""
MOST = {"srme": 2.0, "sre": 2.0}
"""Errors that cannot be larger than this."""
OVERLAP = {"certain": "certain", "likely": "possible", "unknown": "unknown", "none declared": "none"}
"""Degrees of declared overlap with a test set, the gravest first, and how filters call them."""


def limits(metric: Metric, table: Table) -> tuple[float, float] | None:
    """Return the values of a metric that count as 0 and 1 in a combined score, low end first.

    They follow from the metric and the data set alone, so that a new model never moves an old score: 0 to 1 for shares,
    0 to the trivial answer's for errors, 1 to the highest possible for DAF. None where there are no such ends.
    """
    floor = next((v for row in table.rows if (v := row.result.baseline.get(metric.key)) is not None), None)
    if metric.key == "daf" and table.first.daf_max:
        return 1.0, table.first.daf_max
    if metric.better == "lower":
        most = MOST.get(metric.key) or floor or (1.0 if metric.form == "percent" else 0.0)
        return (0.0, most) if most > 0 else None
    bounded = metric.form == "percent" or metric.key in SHARES
    return (0.0, 1.0) if metric.better and bounded else None


def column_facts(metric: Metric, table: Table) -> dict[str, Any]:
    """Return what a script has to know of a column, JSON-ready; `lo` and `hi` only where both exist."""
    ends = limits(metric, table)
    found = {
        "label": metric.label,
        "unit": metric.unit,
        "better": metric.better,
        "form": None if metric.form == "number" else metric.form,
        "task": table.task,
        "set": table.dataset.key,
        "lo": ends and _rounded(ends[0]),
        "hi": ends and _rounded(ends[1]),
    }
    return {key: value for key, value in found.items() if value is not None}


def model_facts(card: ModelCard, datasets: Iterable[DatasetCard]) -> dict[str, Any]:
    """Return what filters and citations need of a model, JSON-ready; what is not known is left out.

    `overlap` is the gravest one with any of `datasets`, those that the model has a row on.
    """
    degrees = {overlap_from_cards(card, dataset).degree for dataset in datasets}
    found = {
        "name": display_name(card),
        "kind": card.kind,
        "approach": card.approach,
        "train": card.training_sets,
        "open": openness(card),
        "targets": card.gives,
        "licence": licence(card),
        "params": card.n_params,
        "theory": card.level_of_theory,
        "overlap": next((words for degree, words in OVERLAP.items() if degree in degrees), None),
        "elements": len(card.elements),
        "url": card.links.repository or card.links.paper,
        "cite": card.citation,
    }
    return {key: value for key, value in found.items() if value}


def openness(card: ModelCard) -> str:
    """Return what of a model is released; weights that the board itself makes by training are."""
    code = card.licence.code.lower() not in CLOSED
    weights = (card.licence.weights or ("made here" if card.loader else "none")).lower() not in CLOSED
    return " and ".join(name for name, released in (("code", code), ("weights", weights)) if released) or "closed"


CLOSED = frozenset(("unreleased", "closed", "proprietary", "none"))
"""What stands in a card for the licence of something that nobody else has."""


def licence(card: ModelCard) -> str:
    """Return the licence of a model, with that of its weights where it is another."""
    code, weights = card.licence.code, card.licence.weights
    return code if weights in (None, code) else f"{code} (weights: {weights})"


def facts(tables: Sequence[Table], columns: Mapping[str, Mapping[str, Any]] | None = None) -> Markup:
    """Return the JSON for `<script type="application/json" id="facts">` of a page with these tables.

    `models` holds the facts of every model with a row, by its card's key, which rows carry as `data-m`. `metrics` holds
    for each table, by its element's id, the facts of its columns by their `data-key`.

    Args:
        tables: The tables that the page is about.
        columns: Of the page's tables, where they are others, as for `metrics`; default: all columns of `tables`.
    """
    if columns is None:
        columns = {table.id: {m.key: column_facts(m, table) for m in table.columns} for table in tables}
    seen: dict[str, tuple[ModelCard, dict[str, DatasetCard]]] = {}
    for table in tables:
        for row in table.rows:
            seen.setdefault(row.card.key, (row.card, {}))[1][table.dataset.key] = table.dataset
    models = {key: model_facts(card, datasets.values()) for key, (card, datasets) in seen.items()}
    return embedded({"models": models, "metrics": columns})


def embedded(content: Any) -> Markup:
    """Return JSON that can stand in a script element: no markup, no line separators, no NaN."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
