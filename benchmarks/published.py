"""An equivalent of the procedure that Matbench Discovery publishes, written from its description, as the yardstick.

Read with pandas, join by index, drop outliers, round to three decimals; then for each of three subsets one reindexing,
labels, counts, one Python-level sum over booleans (the missing predictions) and scikit-learn's R2; the 10k subset comes
from a full sort. Python sets of ids are left out: with them it took twice as long as the functions of the released
package (1.3.1) do in the same steps, and the yardstick should not be longer than the thing it stands for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score

E_FORM, E_HULL = "e_form_per_atom_mp2020_corrected", "e_above_hull_mp2020_corrected_ppd_mp"


def read(path: Path) -> pd.Series:
    """Return a model's predictions by material id."""
    return pd.read_csv(path).set_index("material_id")["e_form_per_atom"]


def align(truth: pd.DataFrame, predictions: pd.Series) -> pd.DataFrame:
    """Return the truth with the predictions as a further column, outliers removed, everything rounded."""
    table = truth.copy()
    table["model"] = predictions
    table.loc[(table["model"] - table[E_FORM]).abs() > 5, "model"] = np.nan
    return table.round(3)


def score(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the metrics of the three subsets."""
    unique = table[table["unique_prototype"]]
    order = (unique[E_HULL] + unique["model"] - unique[E_FORM]).sort_values().index[:10_000]
    subsets = {"full": table, "unique": unique, "10k": unique.loc[order]}
    return {
        name: _stable_metrics(part[E_HULL], part[E_HULL] + part["model"] - part[E_FORM])
        for name, part in subsets.items()
    }


def _stable_metrics(true: pd.Series, pred: pd.Series) -> dict[str, float]:
    pred = pred.reindex(true.index)
    missing = sum(pred.isna())
    actual, predicted = true <= 0, pred <= 0
    tp, fp = (actual & predicted).sum(), (~actual & predicted).sum()
    fn, tn = (actual & ~predicted).sum(), (~actual & ~predicted).sum()
    known = pred.notna()
    error = (true - pred)[known]
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return {
        "F1": 2 * precision * recall / (precision + recall),
        "DAF": precision / ((tp + fn) / len(true)),
        "accuracy": (tp + tn) / len(true),
        "FPR": fp / max(1, fp + tn),
        "MAE": float(error.abs().mean()),
        "RMSE": float((error**2).mean() ** 0.5),
        "R2": float(r2_score(true[known], pred[known])),
        "missing": missing,
    }


def run(truth: pd.DataFrame, path: Path) -> Any:
    """Read, align and score one file."""
    return score(align(truth, read(path)))
