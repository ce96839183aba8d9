"""The cells of a row as markup: long tables have so many that a template would take most of a build for them."""

from __future__ import annotations

from collections.abc import Collection
from html import escape

from markupsafe import Markup

from matdisc.leaderboard.site.tables.board import Row, Table
from matdisc.leaderboard.site.tables.cells import Cell, Published


def row_cells(table: Table, row: Row, shown: Collection[str], href: str | None = None) -> Markup:
    """Return the cells of a row, a line each.

    Args:
        table: The table of the row.
        row: One of its rows.
        shown: Keys of the metrics that are shown at first.
        href: Where the headline value leads to; None for nowhere.
    """
    headline = table.headline.key
    return Markup(
        "\n".join(
            _cell(cell, metric.key in shown, href if metric.key == headline else None)
            for metric, cell in zip(table.columns, row.cells, strict=True)
        )
    )


def _cell(cell: Cell, shown: bool, href: str | None) -> str:
    css = f"num{'' if shown else ' extra'}{'' if cell.heat is None else f' h{cell.heat}'}"
    sort = "" if cell.sort is None else f' data-v="{cell.sort}"'
    title = f' title="{escape(cell.title)}"' if cell.title else ""
    text = escape(cell.text) if href is None else f'<a href="{escape(href)}">{escape(cell.text)}</a>'
    interval = f'<span class="interval">{escape(cell.interval)}</span>' if cell.interval else ""
    published = _published(cell.published) if cell.published else ""
    return f'<td class="{css}"{sort}{title}><span class="value">{text}</span>{interval}{published}</td>'


def _published(known: Published) -> str:
    """What was published for the whole population, with a triangle where it lies outside of the interval."""
    css, where = "interval published", ""
    if known.mark:
        css, where = f"{css} outside", f' {known.mark}<span class="unseen"> {known.side} the interval</span>'
    return f'<span class="{css}">all: {escape(known.text)}{where}</span>'
