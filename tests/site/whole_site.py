"""A small board on which every kind of page exists, and one page of each kind."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "leaderboard"))

KINDS = {
    "overview": "index.html",
    "not found": "404.html",
    "task": "tasks/discovery.html",
    "tasks": "tasks/index.html",
    "model": "models/graphnet-0.3.0.html",
    "models": "models/index.html",
    "result": "models/graphnet-0.3.0/discovery--alpha-set.html",
    "data set": "datasets/alpha-set.html",
    "data sets": "datasets/index.html",
    "comparison": "compare/index.html",
    "pairs": "compare/discovery--alpha-set.html",
    "material": "materials/alpha-set/NaCl.html",
    "materials": "materials/alpha-set/index.html",
    "scatter": "scatter.html",
    "resolution": "resolution.html",
    "published": "published/matbench-discovery.html",
    "published beyond": "published/matbench-discovery-beyond.html",
    "methods": "methods.html",
    "submission": "submit.html",
    "changes": "changes.html",
}
"""One page of each kind that a site has."""


def kind_of(path: str) -> str:
    """Return the kind of a page by its path on the site."""
    folder, _, name = path.partition("/")
    if not name:
        return path
    if folder == "published":
        return "published beyond" if name.endswith("-beyond.html") else "published"
    depth = "row" if "/" in name else "one"
    return f"{folder}: {'list' if name.rpartition('/')[2] == 'index.html' else depth}"


def make_whole(root: Path) -> Path:
    """Build the site of a board with details, a draw, materials, published rows, a foreign table and two builds."""
    from matbench_cards import write_cards
    from site_boards import make_board, place, result
    from site_details import add_details
    from site_materials import add_materials
    from site_population import add_population
    from test_resolution_page import elsewhere

    from matdisc.leaderboard.published.files import write_published
    from matdisc.leaderboard.published.matbench_discovery import read_folder
    from matdisc.leaderboard.resolution import write_resolution
    from matdisc.leaderboard.site import build

    board = add_materials(add_population(add_details(make_board(root / "board"))))
    write_published(board.root, read_folder(write_cards(root / "cards")).published)
    write_resolution(board.resolution_dir / "mine.json", elsewhere())
    place(board, result("meshnet-2", f1=0.7, mae=0.06))
    build(board, created=datetime(2026, 9, 1, tzinfo=UTC))
    rows = {
        "graphnet-0.3.0": (0.912, 0.0312, 360),
        "meshnet-2": (0.903, 0.0355, 3600),
        "lattice-gp": (0.64, 0.112, 9e4),
    }
    for key, (f1, mae, speed) in rows.items():
        cost = {"crystals_per_cpu_hour": speed, "peak_mib": 512.0}
        place(board, result(key, f1=f1, mae=mae) | {"cost": cost})
    return build(board, created=datetime(2026, 10, 1, tzinfo=UTC))
