"""Plain text as Markdown."""

import re

ADDRESSES = {"doi": "https://doi.org/", "arXiv": "https://arxiv.org/abs/", "https": "https:"}


def plain(text: str) -> str:
    """Return a text whose letters mean nothing to Markdown; what stands in backticks stays code."""
    parts = text.split("`")
    for number in range(0, len(parts), 2):
        parts[number] = re.sub(r"([\\*_<>\[\]|~#$])", r"\\\1", parts[number])
    return "`".join(parts)


def code(text: str) -> str:
    """Return a text as code, whatever backticks it has."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def linked(source: str) -> str:
    """Return a citation whose DOI, arXiv number or address is a link."""
    return " ".join(map(_word, source.split(" ")))


def _word(word: str) -> str:
    bare = word.strip("(),.;:")
    kind, _, number = bare.partition(":")
    if kind not in ADDRESSES:
        return plain(word)
    address = f"{ADDRESSES[kind]}{number}".replace("<", "%3C").replace(">", "%3E")
    before, _, after = word.partition(bare)
    return f"{before}[{plain(bare)}](<{address}>){after}"
