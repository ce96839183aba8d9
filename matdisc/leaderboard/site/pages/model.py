"""A page a model: what it is safe for, its place in every table, what it costs, and where all that comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matdisc.leaderboard.bibtex import bibtex
from matdisc.leaderboard.site.facts import licence, openness
from matdisc.leaderboard.site.findings import LEVELS
from matdisc.leaderboard.site.profile import make_profile, places_of, standing
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.board import Table
from matdisc.leaderboard.site.tables.cells import Badge, variant


def pages(site: Site) -> dict[str, str]:
    """Return a page for each model card."""
    found: dict[str, str] = {}
    items = items_by_model(site.tables)
    for key, card in site.content.models.items():
        mine = items.get(key, [])
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


def items_by_model(tables: Sequence[Table]) -> dict[str, list[dict[str, Any]]]:
    """Return what the pages of each model need of its rows, in the order of the board.

    An item is a row with its result, table, data set, variant, flags and standing; `has_run` says that the model's own
    run is in the same table.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for table in tables:
        places, entries = places_of(table), {row.result.entry for row in table.rows}
        for row in table.rows:
            item = {
                "result": row.result,
                "table": table,
                "row": row,
                "dataset": table.dataset,
                "variant": variant(row.result),
                "has_run": row.card.key in entries,
                "badges": row.badges,
                "standing": standing(table, row, places),
            }
            found.setdefault(row.card.key, []).append(item)
    return found


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
        cost = item["result"].cost
        for machine in cost.machines if cost else ():
            for name, version in machine.get("packages", {}).items():
                found.setdefault(str(name), set()).add(str(version))
    return {name: sorted(versions) for name, versions in sorted(found.items())}
