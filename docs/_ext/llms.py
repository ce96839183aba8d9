"""`llms.txt` and `llms-full.txt` at the root of the site (llmstxt.org): its pages for readers that take plain text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pages
from docutils import nodes
from sphinx import addnodes
from sphinx.writers.text import TextTranslator


def sections(env: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield the captions of the index with their pages, each with those that it leads to."""
    for tree in env.get_doctree("index").findall(addnodes.toctree):
        yield tree["caption"], [name for _, entry in tree["entries"] for name in _with_inner(env, entry)]


def _with_inner(env: Any, name: str) -> list[str]:
    return [name, *(one for inner in env.toctree_includes.get(name, []) for one in _with_inner(env, inner))]


def overview(env: Any) -> str:
    """Return the site in the form of llmstxt.org: title, summary, and links with one line on each page."""
    index = env.get_doctree("index")
    lines = [f"# {index.next_node(nodes.title).astext()}", "", f"> {_first(index, whole=True)}", ""]
    for caption, names in sections(env):
        lines += [f"## {caption}", ""]
        lines += [f"- [{env.titles[name].astext()}]({name}.html): {_first(env.get_doctree(name))}" for name in names]
        lines.append("")
    return "\n".join(lines + ["## Optional", "", "- [All pages in one](llms-full.txt): this documentation as text", ""])


def _first(page: nodes.document, *, whole: bool = False) -> str:
    """Return the first paragraph of a page, or its first sentence."""
    paragraphs = (" ".join(one.astext().split()) for one in page.findall(nodes.paragraph))
    first = next((text for text in paragraphs if text), "")
    return first if whole else first.split(". ")[0].rstrip(".:") + "."


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
        (out / "llms.txt").write_text(overview(app.env), encoding="utf-8")
        (out / "llms-full.txt").write_text(everything(app), encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
