"""Details and rankings made up for the tests: smooth curves, gaps, and names that try to become markup."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from site_boards import HOSTILE, LONG_KEY, write

from matdisc.board import Board
from matdisc.leaderboard.schema.details import Details
from matdisc.scoring.figures import Artifacts, Bars, Density, Figure, Line, Table

PLUS = "graphnet-0.3.0+single-point"
RANKED = {"graphnet-0.3.0": 0.912, "meshnet-2": 0.903, PLUS: 0.771, "lattice-gp": 0.640, LONG_KEY: 0.55}


def add_details(board: Board) -> Board:
    """Add a ranking of the discovery table, and details of three entries: full, with nulls only, empty."""
    write_details(board, details("graphnet-0.3.0"))
    write_details(board, details(PLUS, hollow()))
    write_details(board, details("meshnet-2", Artifacts()))
    write_ranking(board, ranking())
    return board


def details(entry: str, found: Artifacts | None = None) -> dict[str, Any]:
    """Return details with every form of figure and table that there is."""
    found = found or Artifacts(figures=figures(), tables=tables())
    place = {"entry": entry, "task": "discovery", "dataset": "alpha-set"}
    return Details(**place, n=1367, figures=found.figures, tables=found.tables).to_json()


def figures() -> list[Figure]:
    share = [i / 100 for i in range(101)]
    edges = [-0.1, 0.0, 0.1]
    bars = [Bars(f"{role} calls", edges, heights, role) for role, heights in
            (("tp", [40, 0]), ("fp", [10, 0]), ("tn", [0, 90]), ("fn", [0, 20]))]  # fmt: skip
    roc = Line("AUC 0.667", share, [math.sqrt(x) for x in share])
    bins = Line("stated", [0.2, 0.7], [0.2, 0.7], ["40 answers", "60 answers"], y_low=[0.1, 0.6], y_high=[0.4, 0.8])
    return [
        Figure("roc", "ROC", "false positive rate", "true positive rate", [roc], reference=(0, 0, 1, 1), overlay=True,
               note="area under the curve 0.667; dashed: random order"),
        Figure("cumulative", "Cumulative precision and recall", "materials tried", "share", x_log=True, overlay=True,
               lines=[Line("precision", [1, 10, 100], [1.0, 0.9, 0.3]), Line("recall", [1, 10, 100], [0.0, 0.3, 1.0])],
               note="logarithmic axis"),
        Figure("hull-histogram", "Right and wrong calls", "hull distance, eV/atom", "materials", bars=bars,
               note="hatched: wrong"),
        Figure("intervals", "Stated interval", "stated", "observed", [bins], reference=(0, 0, 1, 1)),
        Figure("parity", "Predicted against true", "true, eV/atom", "predicted, eV/atom",
               reference=(-0.1, -0.1, 0.1, 0.1), density=Density(edges, edges, [[1, 0], [7, 50]])),
    ]  # fmt: skip


def tables() -> list[Table]:
    head = ("Element", "MAE, eV/atom", "Materials", "F1")
    elements = [(name, round(0.1 + 0.1 * i, 2), 20, 0.9) for i, name in enumerate(["Fe", "O", "La", "Og", HOSTILE])]
    return [
        Table("precision-at-k", "The first k materials", ("k", "Precision@k"), [(100, 0.91), (357, None)]),
        Table("slice-element", "By element", head, elements, "In colour.", "Slices", "periodic"),
        Table("slice-prototype", "By prototype", ("Prototype", "F1"), [(HOSTILE, 0.5), ("=HYPERLINK(0)", 0.4)],
              section="Slices"),
    ]  # fmt: skip


def hollow() -> Artifacts:
    """Return figures and tables whose numbers are all undefined."""
    none: list[None] = [None] * 3
    return Artifacts(
        figures=[Figure("roc", "ROC", "false positive rate", "rate", [Line("", none, none)], overlay=True)],
        tables=[Table("slice-element", "By element", ("Element", "MAE"), [("Fe", None), ("O", None)],
                      layout="periodic")],
    )  # fmt: skip


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
    about = {"schema": "matdisc.ranking/2", "task": "discovery", "dataset": "alpha-set", "correction": "Holm"}
    return {**about, "entries": list(values), "bootstrap": {"replicates": 1000, "seed": 0}, "metrics": {"f1": f1}}


def write_details(board: Board, content: dict[str, Any]) -> Path:
    path = board.details_dir / content["task"] / content["dataset"] / f"{content['entry']}.json"
    write(path, json.dumps(content))
    return path


def write_ranking(board: Board, content: dict[str, Any]) -> Path:
    path = board.rankings_dir / content["task"] / f"{content['dataset']}.json"
    write(path, json.dumps(content))
    return path
