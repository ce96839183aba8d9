"""A small board made up for the tests: cards as TOML text, results as JSON, some of it hostile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matdisc.board import Board

LONG_KEY = "x" + "long-key-" * 7
HOSTILE = "<img src=x onerror=alert(1)> </script><script>alert(2)</script> \"' &amp; \u2028 \u202eabc"
SHA = {"alpha-set": "a" * 64, "beta-set": "b" * 64}
MODELS = {
    "graphnet-0.3.0": ("GraphNet 0.3.0", "0.3.0", False),
    "meshnet-2": ("MeshNet", "2", False),
    "lattice-gp": ("Lattice GP", "2026.1", False),
    "composition-rf": ("Composition RF", "1", False),
    LONG_KEY: (
        "A model whose name goes on and on, as some do (fine-tuned, ensemble of 12, corrected)",
        "1",
        False,
    ),
    "dummy-all-stable": ("Dummy: all stable", "1", True),
    "dummy-mean": ("Dummy: mean energy", "1", True),
}


def make_board(root: Path, *, results: bool = True) -> Board:
    """Write a board with seven models, two datasets and, if asked, results."""
    for key, (name, version, reference) in MODELS.items():
        write(root / "models" / key / "model.toml", model_card(key, name, version, reference))
    for key, title, n in (("alpha-set", "Alpha ABC3", 1367), ("beta-set", "Beta binaries", 163)):
        write(root / "datasets" / key / "dataset.toml", dataset_card(key, title, n))
    (root / "leaderboard").mkdir(parents=True, exist_ok=True)
    board = Board(root)
    for result in all_results() if results else []:
        place(board, result)
    return board


def all_results() -> list[dict[str, Any]]:
    """Two that overlap, one clearly below, one undefined, one with missing metrics, two references."""
    hostile = [f"training overlap likely: {HOSTILE}", HOSTILE]
    theory = "level of theory differs: model r2SCAN; labels PBE and PBE+U with MP2020 corrections"
    first = [
        result("graphnet-0.3.0", f1=0.912, mae=0.0312, flags=["training overlap likely: trained on MPtrj"]),
        result("graphnet-0.3.0", f1=0.771, mae=0.0581, entry="graphnet-0.3.0+single-point"),
        result("meshnet-2", f1=0.903, mae=0.0355, flags=[theory, *hostile]),
        result("lattice-gp", f1=0.640, mae=0.112),
        result("composition-rf", f1=None, mae=0.19),
        result("dummy-all-stable", f1=0.414, mae=None, half=0.02),
        result("dummy-mean", f1=None, mae=0.52),
    ]
    lean = result(LONG_KEY, f1=0.55, mae=0.2)
    lean["metrics"] = {"f1": lean["metrics"]["f1"]}
    lean |= {"cost": None, "protocol": None, "origin": "submission", "secondary": [], "baseline": {}, "coverage": {}}
    second = [
        result("composition-rf", f1=0.85, mae=None, task="polymorphs", dataset="beta-set"),
        result("dummy-all-stable", f1=0.5, mae=None, task="polymorphs", dataset="beta-set"),
    ]
    return [*first, lean, *second]


def result(
    model: str,
    *,
    f1: float | None,
    mae: float | None,
    half: float = 0.017,
    task: str = "discovery",
    dataset: str = "alpha-set",
    entry: str | None = None,
    flags: list[str] | None = None,
) -> dict[str, Any]:
    """Return a result file's content; intervals are `half` wide on each side."""
    around = {
        "f1": f1,
        "daf": f1 and 3.6 * f1,
        "precision": f1 and f1 - 0.01,
        "recall": f1 and min(1.0, f1 + 0.01),
        "accuracy": 0.9,
        "fpr": 0.06,
        "tnr": 0.94,
        "fnr": 0.1,
        "mae": mae,
        "rmse": mae and 1.6 * mae,
        "r2": mae and 1 - 8 * mae,
    }
    metrics = {key: value(v, (half if v and v > 0.1 else 0.002)) for key, v in around.items()}
    counts = {key: value(v, None) for key, v in (("tp", 320), ("fp", 40), ("tn", 970), ("fn", 37))}
    rows = {
        "threshold": 0.05 if task == "discovery" else None,
        "n": 1367 if dataset == "alpha-set" else 163,
        "n_groups": 1282,
        "n_positive": 357,
        "prevalence": 0.2612,
        "daf_max": 3.829,
        "metrics": metrics | counts | {"coverage": value(0.9951, None)},
    }
    secondary = [
        {"name": "threshold 0 eV/atom", **rows, "threshold": 0.0, "n_positive": 120, "prevalence": 0.088},
        {"name": "GGA rows only", **rows, "n": 1180},
    ]
    return {
        "schema": "matdisc.result/2",
        "entry": entry or model,
        "model": model,
        "task": task,
        "dataset": dataset,
        "protocol": {"key": "relax", "help": "FIRE, at most 500 steps, 0.05 eV/Å"},
        "origin": "run",
        **rows,
        "secondary": secondary,
        "baseline": {"f1": 0.414, "precision": 0.261, "recall": 1.0, "daf": 1.0, "accuracy": 0.261, "mae": 0.52},
        "coverage": {
            "expected": 1367, "answered": 1360, "ok": 1350, "unconverged": 10, "unsupported": 3, "timed_out": 1,
            "failed": 2, "absent": 1, "non_finite": 0, "absurd": 0,
        },
        "cost": {
            "seconds_total": 512.3, "seconds_per_material": 0.38, "steps_median": 7,
            "machines": [{"packages": {"graphnet": "0.4.2", "numpy": "2.1.0"}}],
        },
        "flags": flags or [],
        "provenance": {
            "predictions_sha256": "c" * 64,
            "dataset_sha256": SHA[dataset],
            "matdisc": "0.1.0",
            "bootstrap": {"replicates": 1000, "seed": 0, "unit": "chemical system"},
            "run": {"protocol": "relax", "commit": None, "lock": {"graphnet": "0.4.2", "numpy": "2.1.0"}},
        },
    }  # fmt: skip


def value(number: float | None, half: float | None) -> dict[str, float | None]:
    if number is None or half is None:
        return {"value": number, "low": None, "high": None}
    return {"value": number, "low": number - half, "high": number + half}


def place(board: Board, content: dict[str, Any]) -> Path:
    """Write a result where it belongs."""
    path = board.results_dir / content["task"] / content["dataset"] / f"{content['entry']}.json"
    write(path, json.dumps(content))
    return path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def model_card(key: str, name: str, version: str, reference: bool) -> str:
    summary = json.dumps(f"A made-up model for the tests. {HOSTILE}")
    return f"""
key = "{key}"
name = "{name}"
version = "{version}"
kind = "predictor"
summary = {summary}
authors = [{{ name = "Ada Example", affiliation = "Example University", orcid = "0000-0001-2345-678X" }}]
licence = {{ code = "MIT", weights = "MIT" }}
gives = ["formation energy"]
reference_row = {str(reference).lower()}
training_sets = ["MPtrj"]
n_params = 412525
citation = "=HYPERLINK(0)"
[links]
paper = "https://example.org/paper"
"""


def dataset_card(key: str, title: str, n: int) -> str:
    return f"""
key = "{key}"
title = "{title}"
summary = "A made-up set of materials for the tests."
licence = "CC-BY-4.0"
citation = ["Example et al., J. Ex. 1, 1 (2026)"]
level_of_theory = "PBE and PBE+U with MP2020 corrections"
tasks = ["discovery", "polymorphs"]
builder = "matdisc.datasets.example:build"
n_samples = {n}
sha256 = "{SHA[key]}"
notes = ["Made up."]
[columns]
material_id = {{ role = "id", unit = "text", help = "Identifier" }}
e_form_per_atom = {{ role = "target", unit = "eV/atom", help = "Formation energy" }}
[split]
kind = "folds"
by = "chemical system"
[stability]
threshold = 0.05
secondary = [0.0]
[[files]]
name = "rows.csv"
sha256 = "{"d" * 64}"
bytes = 123456
licence = "CC-BY-4.0"
url = "https://example.org/rows.csv"
[[subsets]]
name = "GGA rows only"
flag = "mixed"
keep = "without"
[[known_overlaps]]
training_set = "MPtrj"
degree = "likely"
note = "Contains most of these materials."
"""
