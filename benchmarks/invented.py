"""A board of one's own with as many invented crystals and as cheap a model as wanted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from matdisc.board import Board

SET = "invented"
EDGE, STEP = 3.0, 1e-5
"""Edge of the first cube, and how much longer each next one is (Å)."""
FILES = ("labels.csv", "structures.jsonl", "references.csv")
DATASET_CARD = """
key = "invented"
title = "Invented crystals"
summary = "One atom or two in cubes that all differ; no physics."
licence = "MIT"
citation = ["None."]
level_of_theory = "none"
tasks = ["discovery"]
builder = "matdisc.datasets.table:build"
n_samples = {n}
energy_scale = "mp2020_corrected"
[split]
kind = "holdout"
by = "chemical system"
n_folds = 2
held_out_folds = [0, 1]
[columns]
material_id = {{ role = "id", unit = "text", help = "A number." }}
e_form_per_atom = {{ role = "target", unit = "eV/atom", help = "Zero." }}
e_above_hull = {{ role = "target", unit = "eV/atom", help = "Zero." }}
"""
MODEL_CARD = """
key = "{key}"
name = "Toy {key}"
version = "1"
kind = "{kind}"
summary = "A model whose cost is known."
gives = [{gives}]
loader = "{loader}"
options = {{ {options} }}
{more}
[licence]
code = "MIT"
[[authors]]
name = "Nobody"
"""
POTENTIAL = 'protocol = "single-point"\nlevel_of_theory = "toy"\nenergy_scale = "mp2020_corrected"'


def make_board(root: Path, n: int) -> Board:
    """Write a board at `root` with the dataset `invented` of `n` crystals and no model."""
    folder = root / "datasets" / SET
    folder.mkdir(parents=True)
    (root / "models").mkdir()
    labels, structures = ["material_id,e_form_per_atom,e_above_hull"], []
    for i in range(n):
        a = EDGE + i * STEP  # so that no two volumes are equal
        content = {
            "material_id": f"inv-{i:06d}",
            "cell": [[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]],
            "symbols": ["Na", "Cl"][: 1 + i % 2],
            "positions": [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]][: 1 + i % 2],
        }
        labels.append(f"inv-{i:06d},0.0,0.0")
        structures.append(json.dumps(content))
    references = ["element,energy_per_atom", "Na,-1.0", "Cl,-2.0"]
    card = DATASET_CARD.format(n=n)
    for name, lines in zip(FILES, (labels, structures, references), strict=True):
        data = ("\n".join(lines) + "\n").encode()
        (folder / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        card += f'[[files]]\nname = "{name}"\nsha256 = "{digest}"\nlicence = "MIT"\n'
    (folder / "dataset.toml").write_text(card, encoding="utf-8")
    return Board(root)


def material_with_volume(volume: float) -> str:
    """Return the material whose cell has a volume in Å^3: no two are alike."""
    return f"inv-{round((volume ** (1 / 3) - EDGE) / STEP):06d}"


def add_model(
    board: Board, key: str, loader: str, options: Mapping[str, object] | None = None, kind: str = "potential"
) -> None:
    """Add a model's card to a board."""
    folder = board.models_dir / key
    folder.mkdir()
    written = ", ".join(f"{name} = {json.dumps(value)}" for name, value in (options or {}).items())
    more = POTENTIAL if kind == "potential" else ""
    text = MODEL_CARD.format(
        gives='"energy", "forces", "stress"' if kind == "potential" else '"formation energy"',
        key=key,
        kind=kind,
        loader=loader,
        options=written,
        more=more,
    )
    (folder / "model.toml").write_text(text, encoding="utf-8")
