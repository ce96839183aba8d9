"""Every dataset card of the repository, in Markdown."""

from __future__ import annotations

from pathlib import Path

from markdown_text import linked, plain

from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.cards.dataset import DataFile
from matdisc.tasks.describe import table

ROOT = Path(__file__).parent.parent.parent


def markdown() -> str:
    """Return a table of all data sets, and a section for each."""
    board = Board(ROOT)
    cards = [board.dataset(key) for key in board.dataset_keys()]
    head = ("data set", "materials", "tasks", "labels", "licence")
    rows = [
        [
            f"[{card.key}](#{card.key})",
            f"{card.n_samples:,}",
            ", ".join(card.tasks),
            card.level_of_theory,
            card.licence,
        ]
        for card in cards
    ]
    return "\n\n".join([table(head, rows), *map(_section, cards)])


def _section(card: DatasetCard) -> str:
    labels = [
        f"`{name}` ({plain(column.unit)}): {plain(column.help)}"
        for name, column in card.columns.items()
        if column.role == "target"
    ]
    facts = {
        "Materials": [f"{card.n_samples:,}, asked by {', '.join(f'`{task}`' for task in card.tasks)}"],
        "Level of theory of the labels": [plain(card.level_of_theory)],
        "Labels": labels,
        "Licence": [plain(card.licence)],
        "Files": [_file(one) for one in card.files],
        "Cite": [linked(one) for one in card.citation],
        "Notes": [plain(one) for one in card.notes],
    }
    parts = [f"## {card.key}", f"**{plain(card.title)}**", plain(" ".join(card.summary.split()))]
    parts += [f"{name}\n" + "\n".join(f": {one}" for one in said) for name, said in facts.items() if said]
    return "\n\n".join(parts)


def _file(one: DataFile) -> str:
    size = f", {one.bytes:,} bytes" if one.bytes else ""
    place = f"from <{one.url}>" if one.url else "beside the card" if one.embedded else "from a mirror"
    return f"`{one.name}`{size}, {place}"
