"""A dataset of alloys made up for the tests: four rows, two protocols, details with every part, and null rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from site_boards import HOSTILE, place, write
from site_details import write_details

from matdisc.board import Board
from matdisc.datasets.load import input_hash
from matdisc.leaderboard.schema.details import Details
from matdisc.leaderboard.schema.evidence import basis
from matdisc.scoring.figures import Figure, Line, Table

KEY = "made-up-alloys"
SPLITS = {"interpolation-10": "1" * 64, "loeo": "2" * 64}
ASKED = input_hash("e" * 64, SPLITS)
ROWS = {"evidence-x": 0.19, "forest-x": 0.15, "alloys-constant": 0.21, "silent-x": 0.25}
MAIN = ("macro_f1", "f1_high", "mcc", "roc_auc", "daf", "daf_at_5", "risk_area_by_u", "interval_hit_rate")


def add_alloys(board: Board) -> Board:
    """Add a dataset of alloys with four results: evidence, a probability model, the null, and one that abstains."""
    write(board.root / "datasets" / KEY / "dataset.toml", dataset_card())
    for key in ROWS:
        write(board.root / "models" / key / "model.toml", model_card(key))
        place(board, belief_result(key))
        write_details(board, belief_details(key))
    return board


def belief_result(key: str) -> dict[str, Any]:
    found = scores(key)
    rows = {"threshold": None, "n": 920, "n_positive": 500, "prevalence": 0.543, "daf_max": 1.84}
    part = {"name": "margins above 1", **rows, "n": 700, "metrics": found}
    return {
        "schema": "matdisc.result/2", "entry": key, "model": key, "task": "alloys", "dataset": KEY, "origin": "run",
        **rows, "n_groups": 102, "metrics": found,
        "baseline": {"brier": 0.278, "macro_f1": 0.331, "ece": None}, "bounds": {}, "flags": [],
        "secondary": [{"name": "loeo", **rows, "metrics": found}, part],
        "coverage": {"expected": 1192, "answered": 1192, "ok": 1192, "abstained": 215},
        "provenance": {"dataset_sha256": ASKED, "predictions_sha256": "c" * 64, "matdisc": "0.1.0"},
    }  # fmt: skip


def belief_details(key: str) -> dict[str, Any]:
    """Return details with a section for each protocol; those of the headline have figures and elements left out."""
    share = [i / 100 for i in range(1, 101)]
    first, second = "Learning from a tenth", "One element left out"
    metrics = [("Brier score", "0.190 (0.170–0.210)", "0.278", "−0.020 (−0.040 to 0.010)")]
    head = ("Metric", "Value (95 % interval)", "Baseline", "Difference to the control row")
    elements = [("Fe", 0.2, 28, 50.0), ("Co", 0.3, 20, 25.0), (HOSTILE, 0.25, 5, 0.0)]
    figures = [
        Figure("risk-ignorance", "Errors among the most certain by ignorance", "share answered", "share wrong",
               [Line("by ignorance", share, [0.4 * x for x in share]), Line("perfect order", share, share)],
               section=section, overlay=True)
        for section in (first, second)
    ]  # fmt: skip
    tables = [Table("metrics", "Metrics", head, metrics, "It abstains on 23.4 % of the alloys.", section)
              for section in (first, second)]  # fmt: skip
    tables.append(
        Table("elements", "Each element left out", ("Element", "Brier", "Alloys with it", "High, %"), elements,
              section=second, layout="periodic")
    )  # fmt: skip
    return Details(entry=key, task="alloys", dataset=KEY, figures=figures, tables=tables).to_json()


def scores(key: str) -> dict[str, Any]:
    """Return the metrics of one protocol: `silent-x` abstains everywhere."""
    covered = 0.0 if key == "silent-x" else 0.766
    return {metric: spread(0.6) for metric in MAIN} | {
        "brier": spread(ROWS[key]), "coverage": spread(covered), "daf_max": spread(1.84), "accuracy": spread(0.7),
        "interval_width": spread(0.95), "ece": spread(None),
    }  # fmt: skip


def spread(number: float | None) -> dict[str, float | int | None]:
    low, high = (None, None) if number is None else (number - 0.02, number + 0.02)
    return {"value": number, "low": low, "high": high}


def evidence_path(board: Board, entry: str) -> Path:
    return board.root / "leaderboard" / "evidence" / KEY / f"{entry}.json"


def model_card(key: str) -> str:
    return f"""
key = "{key}"
name = "The {key} row"
version = "1"
kind = "predictor"
summary = "A made-up model for the tests."
authors = [{{ name = "Ada Example" }}]
licence = {{ code = "MIT" }}
gives = ["phase"]
reference_row = {json.dumps(key == "alloys-constant")}
"""


def dataset_card() -> str:
    splits = "\n".join(f'{name} = "{sha256}"' for name, sha256 in SPLITS.items())
    return f"""
key = "{KEY}"
title = "Made-up alloys"
summary = "A made-up set of alloys for the tests."
licence = "CC-BY-4.0"
citation = ["Example et al., J. Ex. 1, 1 (2026)"]
level_of_theory = "none"
tasks = ["alloys"]
builder = "matdisc.datasets.example:build"
n_samples = 102
sha256 = "{"e" * 64}"
[columns]
set_name = {{ role = "id", unit = "text", help = "Elements" }}
high = {{ role = "target", unit = "1", help = "1 for one solid solution" }}
[split]
kind = "folds"
by = "chemical system"
[splits]
{splits}
[[files]]
name = "rows.csv"
sha256 = "{"d" * 64}"
bytes = 123456
licence = "CC-BY-4.0"
url = "https://example.org/rows.csv"
"""


def fitting_evidence(board: Board, entry: str = "evidence-x") -> dict[str, Any]:
    """Return the same made of the cards of a board."""
    return evidence_file(entry) | basis(board.model(entry), board.dataset(KEY))


def evidence_file(entry: str = "evidence-x") -> dict[str, Any]:
    """Return what the evidence model knows of three elements, and one explained alloy."""
    step = {
        "alloy": "Co|Fe", "high": True, "removed": "Fe", "added": "Ni", "exchange": "Fe -> Ni", "mass_high": 0.4,
        "mass_low": 0.0, "similar": 0.4, "dissimilar": 0.1, "conflict": 0.02, "n_agree": 3, "n_differ": 1,
        "witnesses": [], "tables": [],
    }  # fmt: skip
    nodes = [
        {"id": "candidate:Co|Ni", "kind": "candidate", "label": "Co|Ni", "x": 1.0, "y": 0.5},
        {"id": "exchange:Fe -> Ni", "kind": "exchange", "label": "Fe -> Ni", "x": 0.6, "y": 0.5},
        {"id": "alloy:Co|Fe", "kind": "alloy", "label": "Co|Fe", "x": 0.2, "y": 0.5, "high": True},
        {"id": "alloy:Cr|Fe", "kind": "alloy", "label": "Cr|Fe", "x": 0.0, "y": 0.5},
        {"id": "table:rules", "kind": "table", "label": HOSTILE, "x": 0.4, "y": 0.5},
    ]
    edges = [
        {"source": "alloy:Co|Fe", "target": "exchange:Fe -> Ni", "kind": "speaks", "weight": 0.4},
        {"source": "exchange:Fe -> Ni", "target": "candidate:Co|Ni", "kind": "leads", "weight": 0.4},
        {"source": "alloy:Cr|Fe", "target": "exchange:Fe -> Ni", "kind": "supports", "weight": 0.0},
        {"source": "alloy:Co|Fe", "target": "exchange:Fe -> Ni", "kind": "opposes", "weight": 0.0},
        {"source": "table:rules", "target": "exchange:Fe -> Ni", "kind": "supports", "weight": 0.1},
    ]
    alloy = {
        "alloy": "Co|Ni", "high": False, "belief": 0.4, "plausibility": 1.0, "p_high": 0.7, "conflict": -0.0,
        "n_pieces": 5, "steps": [step], "graph": {"nodes": nodes, "edges": edges},
    }  # fmt: skip
    return {
        "schema": "matdisc.evidence/2", "entry": entry, "dataset": KEY, "protocol": "interpolation-10",
        "model_sha256": "0" * 64, "asked_sha256": "0" * 64,
        "fold": "seed-0", "n_train": 10, "elements": ["Co", "Fe", "Ni"],
        "similar": [[1, 0.4, 0], [0.4, 1, 0.1], [0, 0.1, 1]], "dissimilar": [[0, 0.1, 0], [0.1, 0, 0.4], [0, 0.4, 0]],
        "conflict": [[0, 0.02, 0], [0.02, 0, 0], [0, 0, 0]], "alloys": [alloy],
    }  # fmt: skip
