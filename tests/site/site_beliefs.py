"""A dataset of alloys made up for the tests: four rows, two protocols, details with every part, and null rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from site_boards import HOSTILE, place, write
from site_details import write_details

from matdisc.board import Board
from matdisc.datasets.load import input_hash
from matdisc.leaderboard.schema.evidence import basis

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
    found = protocol("interpolation-10", key)
    rows = {"threshold": None, "n": 920, "n_stable": 500, "prevalence": 0.543, "daf_max": 1.84}
    part = {"name": "margins above 1", **rows, "n": 700, "metrics": found["metrics"]}
    return {
        "schema": "matdisc.result/1", "entry": key, "model": key, "task": "alloys", "dataset": KEY, "origin": "run",
        **rows, "n_groups": 102, "metrics": found["metrics"], "dummy": found["dummy"], "bounds": {}, "flags": [],
        "secondary": [{"name": "loeo", **rows, "metrics": found["metrics"]}, part],
        "coverage": {"expected": 1192, "answered": 1192, "ok": 1192, "abstained": 215},
        "provenance": {"dataset_sha256": ASKED, "predictions_sha256": "c" * 64, "matdisc": "0.1.0"},
    }  # fmt: skip


def belief_details(key: str) -> dict[str, Any]:
    """Return details with every part; the null has no differences."""
    share = [i / 100 for i in range(1, 101)]
    names = ["Fe", "Co", HOSTILE]
    bins = {
        "from": [0.2, 0.7], "to": [0.3, 0.8], "n": [40, 60], "p_high": [0.25, 0.75], "belief": [0.1, 0.7],
        "plausibility": [0.4, 0.8], "rate": [0.3, 0.9], "hit": [True, False],
    }  # fmt: skip
    return {
        "schema": "matdisc.details/1", "entry": key, "task": "alloys", "dataset": KEY, "subset": None, "n": 920,
        "headline": "interpolation-10", "null": "alloys-constant",
        "protocols": [protocol("interpolation-10", key), protocol("loeo", key)],
        "loeo": {
            "element": names, "n": [28, 20, 5], "n_high": [14, 5, 0], "prevalence": [0.5, 0.25, 0.0],
            "prior": [0.4, 0.45, 0.5], "majority_high": [False, False, False], "coverage": [1.0, 0.95, 0.0],
            "macro_f1": [0.6, 0.5, None], "f1_high": [0.7, 0.6, None], "roc_auc": [0.8, 0.7, None],
            "brier": [0.2, 0.3, 0.25],
        },
        "risk_coverage": {"interpolation-10": {
            "coverage": share, "by_u": [0.4 * x for x in share], "by_p": [0.3 * x for x in share],
            "least": [max(0, x - 0.7) for x in share],
        }},
        "intervals": {"interpolation-10": bins},
        "reliability": {"interpolation-10": {"p_high": [0.25, 0.75], "rate": [0.3, 0.9], "n": [40, 60], "ece": 0.11}},
        "conflict": {"interpolation-10": {"edges": [0, 0.5, 1], "count": [90, 8], "n_unknown": 2}},
        "sizes": {"interpolation-10": {
            "length": [2, 3], "n": [312, 608], "n_high": [185, 315], "coverage": [0.67, 0.81], "accuracy": [0.51, 0.55],
            "brier": [0.249, 0.236], "f1_high": [0.56, None],
        }},
    }  # fmt: skip


def protocol(name: str, key: str) -> dict[str, Any]:
    """Return one protocol's numbers: `silent-x` abstains everywhere."""
    covered = 0.0 if key == "silent-x" else 0.766
    near = ROWS[key]
    metrics = {metric: spread(0.6) for metric in MAIN} | {
        "brier": spread(near), "coverage": spread(covered), "daf_max": spread(1.84), "daf_at_5_max": spread(1.84),
        "interval_width": spread(0.95), "accuracy": spread(0.7), "ece": spread(None),
    }  # fmt: skip
    worse = {"value": near - 0.21, "low": near - 0.23, "high": near - 0.18, "p_value": 0.2, "detectable": 0.03}
    certain = {"value": 0.1, "low": 0.05, "high": 0.15, "p_value": 0.001, "detectable": 0.03}
    return {
        "name": name, "title": {"loeo": "One element left out"}.get(name, "Learning from a tenth"), "n_folds": 10,
        "n": 920, "n_alloys": 102, "n_high": 500, "prevalence": 0.543, "n_missing": 3, "n_abstained": 215,
        "metrics": metrics, "dummy": {"brier": 0.278, "macro_f1": 0.331, "ece": None},
        "against_null": {} if key == "alloys-constant" else {"brier": worse, "macro_f1": certain},
    }  # fmt: skip


def spread(number: float | None) -> dict[str, float | int | None]:
    low, high = (None, None) if number is None else (number - 0.02, number + 0.02)
    return {"value": number, "low": low, "high": high, "n_defined": 10}


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
