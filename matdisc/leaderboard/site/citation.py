"""How a model is cited, as an entry of a BibTeX file."""

from __future__ import annotations

import re

from matdisc.cards import ModelCard
from matdisc.leaderboard.names import display_name

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
YEAR, DOI = re.compile(r"\(((?:19|20)\d\d)\)"), re.compile(r"doi:(10\.\d{4,9}/[^\s,;]+)")


def bibtex(card: ModelCard) -> str:
    """Return a BibTeX entry made of what the card says.

    A card has its citation as free text: it is the note, and the first year in brackets and the first DOI are read off.
    """
    cited = card.citation or ""
    year, doi = YEAR.search(cited), DOI.search(cited)
    fields = {
        "title": "{" + _tex(display_name(card)) + "}",
        "author": " and ".join("{" + _tex(person.name) + "}" for person in card.authors),
        "year": year[1] if year else "",
        "doi": doi[1].rstrip(".)") if doi else "",
        "note": _tex(cited),
        "url": card.links.paper or card.links.repository or "",
    }
    lines = [f"  {name} = {{{text}}}" for name, text in fields.items() if text]
    return f"@misc{{{card.key},\n" + ",\n".join(lines) + "\n}"


def _tex(text: str) -> str:
    """Text in which no character means anything to TeX, on one line."""
    return "".join(SPECIAL.get(character, character) for character in " ".join(text.split()))
