"""Pages of rows that others have published: discovery with what the models are, and the other parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from matdisc.leaderboard.published.contradictions import contradictions
from matdisc.leaderboard.schema.published import Published, PublishedRow
from matdisc.leaderboard.site.facts import embedded
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.published import (
    PublishedTable,
    closeness,
    discovery_tables,
    other_tables,
)

OURS = {"mace-mp-0": "mace-mp-0-medium", "mace-mpa-0": "mace-mpa-0-medium", "orb-v3": "orb-v3-mpa"}
"""Keys of models that are called otherwise here; all others keep theirs."""
TITLES = ("Discovery", "Beyond the hull")


def pages(site: Site) -> dict[str, str]:
    """Return two pages for each source of published rows."""
    found: dict[str, str] = {}
    for key, published in site.content.published.items():
        first, others = discovery_tables(published), other_tables(published)
        pages_of = [(f"{key}.html", "published.html", first), (f"{key}-beyond.html", "published_beyond.html", others)]
        pages_of = pages_of[: 1 + bool(others)]
        parts = [(this, title, tables) for (this, _, tables), title in zip(pages_of, TITLES, strict=False)]
        said = {row.key: contradictions(row, published.population) for row in published.rows}
        common = {
            "published": published,
            "parts": parts,
            "users": Counter(name for row in published.rows for name in row.training_sets),
            "notes": _notes(published),
            "close": closeness(published, site.tables),
            "ours": _ours(site, published.rows),
            "newest": max((row.added for row in published.rows), default=None),
            "wrong": {row_key: sentences for row_key, sentences in said.items() if sentences},
        }
        for this, template, tables in pages_of:
            found |= site.page(
                f"published/{this}",
                template,
                this=this,
                tables=tables,
                about_rows=embedded({"models": _models(published.rows), "metrics": _metrics(tables)}),
                **common,
            )
    return found


def _notes(published: Published) -> dict[str, str]:
    """Return what has to be said of each table, by its id."""
    notes = {
        "full_test_set": "",
        "unique_prototypes": "",
        "most_stable_10k": "Each model has its own 10,000: those that it calls most stable.",
        "kappa-103": "103 crystals; each failure counts as 2, the worst.",
        "geometry": "Below the line: RMSD by an older convention, which makes it smaller; not comparable.",
        "diatomics": "Two like atoms, held to PBE.",
        "md": "Held to ab initio molecular dynamics.",
    }
    sizes = published.population
    if sizes is None:
        return notes
    notes["full_test_set"] = f"{sizes.n:,} materials."
    if sizes.n_unique and sizes.n_unique_stable:
        share = sizes.n_unique_stable / sizes.n_unique
        notes["unique_prototypes"] = (
            f"{sizes.n_unique:,} materials, {100 * share:.1f} % stable before rounding: DAF is {1 / share:.2f} at most."
        )
    return notes


def _ours(site: Site, rows: Iterable[PublishedRow]) -> dict[str, str]:
    """Return the card's key of each row whose model has a page here."""
    keys = {row.key: OURS.get(row.key, row.key) for row in rows}
    return {key: ours for key, ours in keys.items() if ours in site.content.models}


def _models(rows: Iterable[PublishedRow]) -> dict[str, dict[str, Any]]:
    """Return what filters and citations need of each model, as `facts.model_facts` does of a card."""
    return {row.key: {name: value for name, value in _facts(row).items() if value} for row in rows}


def _facts(row: PublishedRow) -> dict[str, Any]:
    address = row.links.get("paper") or row.links.get("repository")
    more = " et al." if len(row.authors) > 1 else ""
    return {
        "name": f"{row.name} {row.version}" if row.version and row.version not in row.name else row.name,
        "kind": "potential" if "forces" in row.targets else "predictor",
        "approach": row.approach,
        "train": row.training_sets,
        "open": row.openness,
        "targets": row.targets,
        "licence": _licence(row),
        "params": row.n_params,
        "url": address,
        "cite": f"{row.authors[0]}{more}, {row.name}, {address}" if address else None,
    }


def _licence(row: PublishedRow) -> str | None:
    code, weights = row.licence_code, row.licence_weights
    return f"{code} (weights: {weights})" if code and weights and weights != code else code or weights


def _metrics(tables: Sequence[PublishedTable]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what scripts need of each column; no ends, so that none of it enters a combined score."""
    return {
        table.id: {
            column.metric.key: {
                name: value
                for name, value in (
                    ("label", column.metric.label), ("unit", column.metric.unit), ("better", column.metric.better),
                    ("task", "published"), ("set", column.part),
                )
                if value
            }
            for column in table.columns
        }
        for table in tables
    }  # fmt: skip
