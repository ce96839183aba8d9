"""A page a model: what it is safe for, its place in every table, what it costs, and where all that comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matdisc.leaderboard.site.citation import bibtex
from matdisc.leaderboard.site.facts import licence, openness
from matdisc.leaderboard.site.findings import LEVELS
from matdisc.leaderboard.site.profile import make_profile
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.board import Row, Table
from matdisc.leaderboard.site.tables.cells import Badge, badges, variant


def pages(site: Site) -> dict[str, str]:
    """Return a page for each model card."""
    found: dict[str, str] = {}
    rows = rows_by_model(site.tables)
    for key, card in site.content.models.items():
        mine = items_of(rows.get(key, ()))
        found |= site.page(
            f"models/{key}.html",
            "model.html",
            card=card,
            items=mine,
            profile=make_profile(card, mine, site.content.datasets),
            levels=LEVELS,
            flags=flags_of(mine),
            packages=packages_of(mine),
            openness=openness(card),
            licence=licence(card),
            bibtex=bibtex(card) if card.citation else "",
        )
    return found


def rows_by_model(tables: Sequence[Table]) -> dict[str, list[tuple[Table, Row]]]:
    """Return the rows of each model with their tables, in the order of the board."""
    found: dict[str, list[tuple[Table, Row]]] = {}
    for table in tables:
        for row in table.rows:
            found.setdefault(row.card.key, []).append((table, row))
    return found


def items_of(rows: Sequence[tuple[Table, Row]]) -> list[dict[str, Any]]:
    """Return what the pages of a model need of each of its rows: the row with its table, data set, variant and flags.

    `has_run` says that the model's own run is in the same table.
    """
    runs = {table.id for table, row in rows if row.result.entry == row.card.key}
    return [
        {
            "result": row.result,
            "table": table,
            "row": row,
            "dataset": table.dataset,
            "variant": variant(row.result),
            "has_run": table.id in runs,
            "badges": badges(row.result, table.dataset),
        }
        for table, row in rows
    ]


def flags_of(items: Sequence[Mapping[str, Any]]) -> list[tuple[Badge, list[Mapping[str, Any]]]]:
    """Return every flag once, with the rows that it is about; those that question a comparison come first."""
    found: dict[Badge, list[Mapping[str, Any]]] = {}
    for item in items:
        for badge in item["badges"]:
            found.setdefault(badge, []).append(item)
    return sorted(found.items(), key=lambda one: not one[0].warns)


def packages_of(items: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return name to versions of all packages that the runs of a model used."""
    found: dict[str, set[str]] = {}
    for item in items:
        run = item["result"].provenance.run or {}
        packages = run.get("packages")
        for name, version in packages.items() if isinstance(packages, dict) else ():
            found.setdefault(str(name), set()).add(str(version))
    return {name: sorted(versions) for name, versions in sorted(found.items())}
