"""`llms.txt` and `llms-full.txt` at the root of the site (llmstxt.org): its pages for readers that take plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pages
from docutils import nodes
from sphinx import addnodes
from sphinx.writers.text import TextTranslator

SENTENCE = re.compile(r".{25,}?\w{3}[.?!:](?= [A-Z]| matdisc|$)")


def sections(env: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield the captions of the index with their pages, each with those that it leads to."""
    for tree in env.get_doctree("index").findall(addnodes.toctree):
        yield tree["caption"], [name for _, entry in tree["entries"] for name in _with_inner(env, entry)]


def _with_inner(env: Any, name: str) -> list[str]:
    return [name, *(one for inner in env.toctree_includes.get(name, []) for one in _with_inner(env, inner))]


def overview(app: Any) -> str:
    """Return the site in the form of llmstxt.org: title, summary, and links with one line on each page."""
    lines = [f"# {app.env.titles['index'].astext()}", "", f"> {_first(app, 'index')}", ""]
    for caption, names in sections(app.env):
        lines += [f"## {caption}", "", *(_entry(app, name) for name in names), ""]
    return "\n".join([*lines, "## Optional", "", "- [All pages in one](llms-full.txt): this documentation as text", ""])


def _entry(app: Any, name: str) -> str:
    first = _first(app, name)
    sentence = SENTENCE.match(first)
    return f"- [{app.env.titles[name].astext()}]({name}.html): {sentence[0] if sentence else first}"


def _first(app: Any, name: str) -> str:
    """Return the first paragraph of a page that stands in no table or list."""
    page = app.env.get_and_resolve_doctree(name, app.builder)
    paragraphs = (one for one in page.findall(nodes.paragraph) if isinstance(one.parent, nodes.section))
    return next((text for one in paragraphs if (text := " ".join(one.astext().split()))), "")


def everything(app: Any) -> str:
    """Return the text of all pages, each under its address: as Markdown, or as plain text where code makes the page."""
    names = ["index", *(name for _, some in sections(app.env) for name in some)]
    return "\n\n".join(f"<!-- {name}.html -->\n\n{_text(app, name).strip()}" for name in names) + "\n"


def _text(app: Any, name: str) -> str:
    path = Path(app.env.doc2path(name))
    if path.suffix == ".md" and "{eval-rst}" not in (text := pages.markdown(path)):
        return text
    page = app.env.get_and_resolve_doctree(name, app.builder)
    translator = TextTranslator(page, app.builder)
    page.walkabout(translator)
    return translator.body


def _write(app: Any, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        out = Path(app.outdir)
        (out / "llms.txt").write_text(overview(app), encoding="utf-8")
        (out / "llms-full.txt").write_text(everything(app), encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
