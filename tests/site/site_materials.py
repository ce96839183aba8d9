"""What three rows of the made-up board say of four materials, one of them with a hostile name."""

from __future__ import annotations

import json
from typing import Any

from site_boards import HOSTILE, write

from matdisc.board import Board

IDS = ("Al2O3", "al2o3", HOSTILE, "NaCl")
FORMULAS = ("Al2O3", "Al2O3", "FeO", "NaCl")
TRUTH = (0.0, 0.1, 0.2, 0.3)
VALUES = {
    "graphnet-0.3.0": (0.01, 0.1, 0.22, None),
    "meshnet-2": (0.06, 0.1, 0.2, 0.5),
    "lattice-gp": (0.02, 0.0, 0.3, 0.3),
}
RIGHT = {"graphnet-0.3.0": "1111", "meshnet-2": "0101", "lattice-gp": "1001"}
CELL = [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]]


def materials(sha256: str = "c" * 64) -> dict[str, Any]:
    """Return the file; the sha256 is that of the predictions of the made-up results."""
    rows = {
        entry: {
            "value": list(values),
            "error": [None if v is None else round(v - t, 6) for v, t in zip(values, TRUTH, strict=True)],
            "right": RIGHT[entry],
            "sha256": sha256,
        }
        for entry, values in VALUES.items()
    }
    return {
        "schema": "matdisc.materials/1",
        "task": "discovery",
        "dataset": "alpha-set",
        "of": 4,
        "fair": 4,
        "ids": list(IDS),
        "formulas": list(FORMULAS),
        "what": {"label": "Energy above hull", "unit": "eV/atom"},
        "error": {"label": "Error", "unit": "eV/atom"},
        "signed": True,
        "truth": list(TRUTH),
        "entries": rows,
        "structures": {"NaCl": {"cell": CELL, "symbols": ["Na", "Cl"], "positions": [[0, 0, 0], [0.5, 0.5, 0.5]]}},
    }


def add_materials(board: Board, content: dict[str, Any] | None = None) -> Board:
    """Put the file on the board."""
    content = content or materials()
    write(board.materials_dir / content["task"] / f"{content['dataset']}.json", json.dumps(content))
    return board
