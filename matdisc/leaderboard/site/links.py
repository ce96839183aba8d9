"""The links at the top of every page: those to pages that were built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

LINKS: tuple[tuple[str, str], ...] = (
    ("index.html", "Board"),
    ("tasks/index.html", "Tasks"),
    ("datasets/index.html", "Data sets"),
    ("models/index.html", "Models"),
    ("compare/index.html", "Compare"),
    ("scatter.html", "Scatter"),
    ("published/matbench-discovery.html", "Published"),
    ("resolution.html", "What it can tell"),
    ("changes.html", "Changes"),
    ("methods.html", "Methods"),
    ("submit.html", "Submit"),
)
"""Path on the site and title, from left to right; a path that no page module builds is left out."""

PLACE = "<!-- links -->"
"""Stands in the base template where the links go: which pages there are is known once all are rendered."""


def with_links(pages: Mapping[str, str], base_path: str) -> dict[str, str]:
    """Return the pages with the links to each other; those of 404.html begin at `base_path`."""
    built = [(path, title) for path, title in LINKS if path in pages]
    return {
        path: text.replace(PLACE, _links(path, built, base_path), 1) if path.endswith(".html") else text
        for path, text in pages.items()
    }


def _links(page: str, built: Sequence[tuple[str, str]], base_path: str) -> str:
    root = base_path if page == "404.html" else "../" * page.count("/")
    folder = page.partition("/")[0] if "/" in page else None
    lines = []
    for path, title in built:
        inside = folder is not None and path.partition("/")[0] == folder
        current = ' aria-current="page"' if path == page else ' aria-current="true"' if inside else ""
        lines.append(Markup('<a href="{}"{}>{}</a>').format(root + path, Markup(current), escape(title)))
    return "\n".join(lines)
