"""How rows are called on pages and in tables."""

from __future__ import annotations

from matdisc.cards import ModelCard


def display_name(card: ModelCard) -> str:
    """Return name and version; the version once only, in whatever case, and not for references."""
    bare = card.reference_row or card.version.lower() in card.name.lower().split()
    return card.name if bare else f"{card.name} {card.version}"


def row_name(card: ModelCard, entry: str) -> str:
    """Return the printed name of a row: its model's, and what follows the `+` of its entry."""
    _, plus, variant = entry.partition("+")
    return f"{display_name(card)} ({variant})" if plus else display_name(card)
