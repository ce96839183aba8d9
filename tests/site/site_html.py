"""A page as a list of tags, and whether they balance."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "input", "br", "img", "hr"}
IMPLIED = {"td": {"td", "th"}, "th": {"td", "th"}, "tr": {"td", "th", "tr"}}
"""Cells and rows need no end tag: one that begins, or the end of what is around them, closes these."""
SVG_LEAVES = {"path", "line", "circle"}


class Page(HTMLParser):
    """Tags with their attributes and the text of each open element."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.problems: list[str] = []
        self.open: list[str] = []
        self.text: list[tuple[str, str]] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.problems.append(f"<{tag}> has an attribute twice: {names}")
        self.tags.append((tag, dict(attrs)))
        self.close_implied(IMPLIED.get(tag, set()))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if tag not in SVG_LEAVES:
            self.problems.append(f"<{tag}/> is no leaf of an SVG")
        self.tags.append((tag, dict(attrs)))

    def close_implied(self, names):
        while self.open and self.open[-1] in names:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in ("tr", "thead", "tbody", "tfoot", "table"):
            self.close_implied({"td", "th", "tr"} - {tag})
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()} closes something else")

    def handle_data(self, data):
        if self.open and data.strip():
            self.text.append((self.open[-1], data.strip()))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]

    @property
    def ids(self) -> list[str]:
        return [a["id"] for _, a in self.tags if a.get("id")]

    @property
    def words(self) -> str:
        return " ".join(text for _, text in self.text)


def read_pages(site: Path) -> list[Page]:
    return [Page(path) for path in sorted(site.rglob("*.html"))]
