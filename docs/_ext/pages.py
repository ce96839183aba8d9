"""Pages that are made from the code while the site is built, and links that lead where they mean on the site.

`<!-- matdisc: NAME -->` in a page stands for what the function of that name returns, in Markdown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cards_page
import cli_page
import datasets_page
import metrics_page

DOCS = Path(__file__).parent.parent
ROOT = DOCS.parent
MARK = re.compile(r"^<!-- matdisc: ([\w.-]+) -->$", re.MULTILINE)
CODE = re.compile(r"(^```.*?^```|(?<=\n\n)(?: {4}[^\n]*\n)+|`[^`\n]*`)", re.MULTILINE | re.DOTALL)
MENTION = re.compile(r"(?<![\w/(\[])(\(?)docs/([\w./-]+\.(?:md|ipynb))\b")
LINK = re.compile(r"\[([^\[\]]*)\]\((?!<|https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
PAGES: dict[str, Callable[[], str]] = {
    "cards": cards_page.markdown,
    "commands": cli_page.markdown,
    "datasets": datasets_page.markdown,
    "metrics": metrics_page.markdown,
}
SUFFIXES = (".md", ".ipynb")
PLACES = {name: f"project/{name.lower()}" for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")}
"""Files of the repository that have a page of their own."""


def markdown(page: Path) -> str:
    """Return the Markdown of a page, with what is made from the code and with links that lead somewhere."""
    text = MARK.sub(lambda mark: _made(mark[1], page), page.read_text(encoding="utf-8"))
    return _outside_code(_moved(text, page, page), lambda part: MENTION.sub(lambda found: _titled(found, page), part))


def _made(name: str, page: Path) -> str:
    """Return what the code says, or a file of the repository without its heading."""
    if name in PAGES:
        return PAGES[name]()
    return _moved((ROOT / name).read_text(encoding="utf-8").split("\n", 1)[1], ROOT / name, page)


def _moved(text: str, file: Path, page: Path) -> str:
    """Return the text of a file with its links as they are from a page."""

    def moved(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(file.parent / link[2]))
        if target.parent == ROOT and target.name in PLACES:
            target = DOCS / PLACES[target.name]
        named = target.suffix in SUFFIXES and Path(link[1].strip("`")).name == target.name
        words = "" if named else link[1]  # none: the title of the page
        return f"[{words}]({_relative(target, page)}{link[3] or ''})"

    return _outside_code(text, lambda part: LINK.sub(moved, part))


def _titled(found: re.Match[str], page: Path) -> str:
    """Return a link that bears the title of the document that is mentioned by its path."""
    return f"{found[1]}[]({_relative(DOCS / found[2], page)})"


def _relative(target: Path, page: Path) -> str:
    return Path(os.path.relpath(target, page.parent)).as_posix()


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if number % 2 else change(part) for number, part in enumerate(CODE.split(text)))


def _read(app: Any, docname: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".md":
        source[0] = markdown(path)


def _docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep |x| what it is, an absolute value, and link the documents that are mentioned."""

    def changed(text: str) -> str:
        return MENTION.sub(lambda found: f"{found[1]}:doc:`/{found[2].rsplit('.', 1)[0]}`", text.replace("|", r"\|"))

    lines[:] = [_outside_code(line, changed) for line in lines]


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _docstring)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
