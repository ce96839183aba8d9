"""A board to filter: six models whose cards differ in everything a filter looks at, some of them hostile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from site_boards import dataset_card, place, result, write

from matdisc.board import Board

BIBTEX = "@article{gamma,\n  title = {Gamma},\n  year = {2026}\n}"
HOSTILE_CITATION = '=HYPERLINK("https://example.org") 50 % of {A} & B_1 \u202e $x$ <script>alert(1)</script> \\input{x}'
MODELS: dict[str, dict[str, Any]] = {
    "alpha": {
        "name": "Alpha", "kind": "potential", "approach": "universal potential",
        "gives": ["energy", "forces", "stress"], "training_sets": ["MPtrj"], "n_params": 2_000_000,
        "code": "MIT", "weights": "MIT", "level_of_theory": "PBE",
    },
    "beta": {
        "name": "Beta", "kind": "potential", "approach": "universal potential", "gives": ["energy", "forces"],
        "training_sets": ["MPtrj", "OMat24"], "n_params": 80_000_000, "code": "MIT", "weights": "ASL",
        "level_of_theory": "PBE",
    },
    "gamma": {
        "name": "Gamma", "kind": "potential", "approach": "universal potential", "gives": ["energy"],
        "training_sets": ["OMat24"], "n_params": 30_000_000, "code": "BSD-3-Clause", "level_of_theory": "r2SCAN",
        "citation": BIBTEX,
    },
    "delta": {
        "name": "Delta", "kind": "predictor", "approach": "fingerprint forest", "gives": ["formation energy"],
        "training_sets": ["MP 2022"], "code": "unreleased",
    },
    "epsilon": {
        "name": "+Epsilon_1 & (5)", "kind": "predictor", "gives": ["formation energy"], "training_sets": ["-cmd, x"],
        "n_params": 1_000, "code": "MIT",
        "level_of_theory": "<img src=x onerror=alert(1)>", "citation": HOSTILE_CITATION,
    },
    "dummy": {
        "name": "Dummy", "kind": "predictor", "gives": ["formation energy"], "code": "MIT", "reference_row": True,
    },
}  # fmt: skip
SCORES = {
    "alpha": (0.9, 0.05), "beta": (0.8, 0.04), "gamma": (0.7, 0.06), "delta": (0.6, 0.1), "epsilon": (0.5, None),
    "dummy": (0.4, 0.5),
}  # fmt: skip
"""F1 and MAE of each."""
SPEED = {"alpha": 3600.0, "beta": 360.0}
"""Crystals per CPU hour: 1 s and 10 s per material."""


def make_choices(root: Path, copies: int = 1) -> Board:
    """Write a board with six models on one data set; more `copies` give as many more rows of each."""
    (root / "leaderboard").mkdir(parents=True)
    board = Board(root)
    write(root / "datasets" / "alpha-set" / "dataset.toml", dataset_card("alpha-set", "Alpha ABC3", 1367))
    for n in range(copies):
        for key, card in MODELS.items():
            name = key if n == 0 else f"{key}-{n}"
            shown = card["name"] if n == 0 else f"{card['name']} {n}"
            write(root / "models" / name / "model.toml", _card(name, {**card, "name": shown}))
            f1, mae = SCORES[key]
            content = result(name, f1=f1 - n / 4000, mae=mae and mae + n / 9000)
            speed = SPEED.get(key)
            content["cost"] = None if speed is None else {"cpu_hours": 1.0, "crystals_per_cpu_hour": speed}
            place(board, content)
    return board


def _card(key: str, card: dict[str, Any]) -> str:
    weights = f", weights = {json.dumps(card['weights'])}" if "weights" in card else ""
    lines = [
        f'key = "{key}"',
        'version = "1"',
        'summary = "Made up."',
        'authors = [{ name = "Ada Example" }]',
        f"licence = {{ code = {json.dumps(card['code'])}{weights} }}",
    ]
    for name, value in card.items():
        if name not in ("code", "weights"):
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
