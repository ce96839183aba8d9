"""Details and rankings made up for the tests: smooth curves, gaps, and names that try to become markup."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from site_boards import HOSTILE, LONG_KEY, write

from matdisc.board import Board

PLUS = "graphnet-0.3.0+single-point"
RANKED = {"graphnet-0.3.0": 0.912, "meshnet-2": 0.903, PLUS: 0.771, "lattice-gp": 0.640, LONG_KEY: 0.55}


def add_details(board: Board) -> Board:
    """Add a ranking of the discovery table, and details of three entries: full, with nulls only, nearly empty."""
    write_details(board, details("graphnet-0.3.0"))
    write_details(board, details(PLUS) | hollow())
    write_details(board, {**head("meshnet-2"), "calibration": None, "slices": {}})
    write_ranking(board, ranking())
    return board


def head(entry: str) -> dict[str, Any]:
    place = {"schema": "matdisc.details/1", "entry": entry, "task": "discovery", "dataset": "alpha-set"}
    return {**place, "subset": None, "n": 1367}


def details(entry: str) -> dict[str, Any]:
    """Return details with every part there is."""
    share = [i / 100 for i in range(101)]
    edges = [round(-0.4 + 0.01 * i, 2) for i in range(101)]
    zero = [0] * 102
    return head(entry) | {
        "precision_at_k": {
            "k": [100, 357, 1000], "hits": [91.0, 298.5, 357], "precision": [0.91, 0.836, 0.357],
            "daf": [3.48, 3.2, None], "ceiling": [3.83, 3.83, 1.367],
        },
        "roc": {"fpr": share, "tpr": [math.sqrt(x) for x in share], "auc": 0.6667},
        "precision_recall": {"recall": share, "precision": [1 - 0.7 * x for x in share], "average_precision": 0.65},
        "cumulative": {"screened": list(range(1, 102)), "precision": [1 - 0.7 * x for x in share], "recall": share},
        "rolling_mae": {
            "e_hull": edges, "mae": [None] * 40 + [0.03] * 20 + [None] + [0.05] * 40, "count": [12] * 101,
        },
        "threshold_sweep": {"threshold": share, "f1": share, "precision": share, "recall": share, "daf": share},
        "histogram": {
            "edges": edges,
            "counts": {"tp": [3, *[4] * 41, *zero[42:]], "fp": [1, *[1] * 41, *zero[42:]],
                       "tn": [*zero[:42], *[9] * 60], "fn": [*zero[:42], *[2] * 60]},
            "missing": {"tp": 0, "fp": 0, "tn": 2, "fn": 1},
        },
        "parity": {
            "edges": [round(-0.4 + 0.02 * i, 2) for i in range(61)], "true_bin": [0, 20, 59], "pred_bin": [3, 20, 59],
            "count": [1, 50, 7], "outside": 4, "missing": 1,
        },
        "slices": {
            "element": columns(["Fe", "O", "La", "Og", HOSTILE]),
            "anion": columns(["oxide", "halide"]),
            "n_elements": columns(["2", "3"]),
            "prototype": columns([HOSTILE, "=HYPERLINK(0)"]),
            "later_kind": columns(["a", "b"]),
        },
        "calibration": {
            "gaussian": {"n": 1300, "nll": -1.2, "crps": 0.03, "sharpness": 0.05, "coverage": {"0.5": 0.44},
                         "observed": [0.9 * x for x in share[1:100]], "miscalibration_area": 0.05, "spearman": None},
        },
    }  # fmt: skip


def columns(names: list[str]) -> dict[str, Any]:
    n = len(names)
    numbers = {key: [round(0.1 + 0.1 * i, 2) for i in range(n)] for key in ("f1", "daf", "precision", "recall", "mae")}
    return {"name": names, "n": [20] * n, "n_stable": [5] * n, **numbers}


def hollow() -> dict[str, Any]:
    """Return parts whose numbers are all undefined."""
    none: list[None] = [None] * 3
    return {
        "roc": {"fpr": none, "tpr": none, "auc": None},
        "rolling_mae": {"e_hull": [0.0, 0.1, 0.2], "mae": none, "count": [0, 0, 0]},
        "slices": {"element": {**columns(["Fe", "O", "S"]), "f1": none, "mae": none}},
        "calibration": {"probability": {"n": 0, "mean_probability": [], "stable_share": []}},
    }


def ranking(values: dict[str, float] | None = None, groups: tuple[int, ...] = (1, 1, 2, 3, 4)) -> dict[str, Any]:
    """Return a ranking whose values are those of the table."""
    values = values or RANKED
    n = len(values)
    p = [[1.0 if groups[i] == groups[j] else 0.0004 for j in range(n)] for i in range(n)]
    p[0][1] = p[1][0] = 0.31
    f1 = {
        "value": list(values.values()), "rank": list(range(1, n + 1)), "low": [1, 1, 3, 4, 5],
        "high": [2, 2, 3, 4, 5], "first": [0.8, 0.2, 0.0, 0.0, 0.0], "tie_group": list(groups), "p_values": p,
        "detectable": 0.0435,
    }  # fmt: skip
    about = {"schema": "matdisc.ranking/1", "task": "discovery", "dataset": "alpha-set", "correction": "Holm"}
    return {**about, "entries": list(values), "bootstrap": {"replicates": 1000, "seed": 0}, "metrics": {"f1": f1}}


def write_details(board: Board, content: dict[str, Any]) -> Path:
    path = board.details_dir / content["task"] / content["dataset"] / f"{content['entry']}.json"
    write(path, json.dumps(content))
    return path


def write_ranking(board: Board, content: dict[str, Any]) -> Path:
    path = board.rankings_dir / content["task"] / f"{content['dataset']}.json"
    write(path, json.dumps(content))
    return path
