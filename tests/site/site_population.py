"""A board whose first dataset is a draw from a population a hundred times as large, with figures of all its rows."""

from __future__ import annotations

from typing import Any

from site_boards import HOSTILE, place, result, write
from site_details import ranking, write_ranking

from matdisc.board import Board
from matdisc.scoring.figures import Artifacts, Figure, Line, Table

POPULATION = """
[population]
name = "Alpha"
size = 136700
source = "https://example.org/published"
decimals = 3
"""


def add_population(board: Board) -> Board:
    """Draw alpha-set at random from 136,700, with published values of GraphNet; add rankings with figures to both sets.

    GraphNet's intervals are F1 0.895 to 0.929, DAF 3.266 to 3.300 and MAE 0.0292 to 0.0332.
    """
    card = board.root / "datasets" / "alpha-set" / "dataset.toml"
    write(card, card.read_text() + POPULATION)
    model = board.models_dir / "graphnet-0.3.0" / "model.toml"
    write(model, model.read_text().replace("[links]", 'approach = "universal potential"\n[links]'))
    published = {"f1": 0.9, "daf": 3.0, "mae": 0.04, "tp": 300}
    place(board, result("graphnet-0.3.0", f1=0.912, mae=0.0312) | {"published": published})
    first = ranking() | findings()
    first["metrics"]["f1"]["detectable"] = 0.042
    write_ranking(board, first)
    write_ranking(board, lone_ranking() | findings())
    return board


def lone_ranking() -> dict[str, Any]:
    """Return the ranking of the one ranked entry of the polymorphs table."""
    f1 = {
        "value": [0.85], "rank": [1], "low": [1], "high": [1], "first": [1.0], "tie_group": [1], "p_values": [[1.0]],
    }  # fmt: skip
    about = {"schema": "matdisc.ranking/2", "task": "polymorphs", "dataset": "beta-set"}
    return about | {"entries": ["composition-rf"], "metrics": {"f1": f1}}


def findings() -> dict[str, Any]:
    """Return two figures and three tables: the first, one that the first page links to, and one that it does not."""
    points = Line("potentials", [0.1, 0.2], [0.9, 0.8], ["GraphNet", HOSTILE], [0.05, 0.15], [0.15, 0.25])
    forest = Line("forests", [0.4], [0.5], ["Forest"], y_low=[0.4], y_high=[0.6])
    by_band = [
        Line(name, [1, 2], [high, high / 2], y_low=[0, 0], y_high=[1, 1]) for name, high in (("a", 0.4), ("b", 0.2))
    ]
    figures = [
        Figure("mae-f1", "Error against F1", "MAE, eV/atom", "F1", [points, forest]),
        Figure("near-hull", "Near the hull", "hull distance", "share", by_band, x_names=["near", "far"]),
    ]
    tables = [
        Table("approaches", "Approaches", ("Approach", "F1"), [("potentials", "0.850 (0.800–0.900)")], "Means."),
        Table("near-hull", "False positives", ("Model", "approach", "near"), [(HOSTILE, "potential", None)]),
        Table("published-rows", "Row by row", ("Model", "holds it"), [("GraphNet", "yes")]),
    ]
    return Artifacts(figures=figures, tables=tables).model_dump(mode="json")
