"""Any quantity against any other: the page, its first picture, and the numbers that its script draws from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matdisc.leaderboard.site.charts.scatter import Scatter, make_scatter
from matdisc.leaderboard.site.charts.svg import MARKERS
from matdisc.leaderboard.site.facts import embedded, model_facts
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.board import Table, full_name
from matdisc.leaderboard.site.tables.fields import CPU_TIME, NOTHING, Field, defined, model_fields, points, table_fields
from matdisc.leaderboard.site.verdict import headline_table, led_by_its_maker
from matdisc.tasks import TASKS

FEWEST, TELLING, ENOUGH = 3, 8, 10
"""Points for a picture to be offered, for costs to come first, and as many as make a table as good as a fuller one."""
KINDS = {
    "approach": "Approach", "kind": "Kind", "open": "Openness", "theory": "Level of theory", "licence": "Licence",
    "overlap": "Overlap with a test set",
}  # fmt: skip
"""What points can be coloured by, beside quantities and training sets; the first that differs among them is used."""
TASK_PAIRS = (
    ("static", "phonons"), ("phonons", "thermal-conductivity"), ("discovery", "relaxation"), ("discovery", "phonons"),
    ("static", "elasticity"), ("eos", "elasticity"),
)  # fmt: skip
"""Tasks whose headline metrics are worth a look beside each other: is who is good at one good at the other?"""


@dataclass(frozen=True, slots=True)
class View:
    """Two quantities to begin with, and how many points they share."""

    title: str
    x: Field
    y: Field
    n: int


@dataclass(frozen=True, slots=True)
class Quantities:
    """All quantities of a site: of each table by its id, and of the models; `facts` holds what cards tell."""

    of_table: Mapping[str, Mapping[str, Field]]
    of_model: Mapping[str, Field]
    facts: Mapping[str, Mapping[str, Any]]


def pages(site: Site) -> dict[str, str]:
    """Return the page and its data; nothing unless some three rows share two quantities."""
    quantities = read_quantities(site)
    found = views(site, quantities)
    if not found:
        return {}
    colour, picture = first_picture(site, quantities, found[0])
    content = scatter_data(site, quantities, found[0], colour)
    return {
        "data/scatter.js": f"window.matdiscScatter = {embedded(content)};\n",
        **site.page("scatter.html", "scatter.html", view=found[0], views=found, picture=picture, kind=KINDS[colour]),
    }


def read_quantities(site: Site) -> Quantities:
    """Return what the rows of a site and their models have to show."""
    tested: dict[str, list] = {}
    for table in site.tables:
        for key in {row.card.key for row in table.rows}:
            tested.setdefault(key, []).append(table.dataset)
    cards = {key: site.content.models[key] for key in site.content.models if key in tested}
    return Quantities(
        {table.id: {field.key: field for field in table_fields(table)} for table in site.tables},
        {field.key: field for field in model_fields(list(cards.values()))},
        {key: model_facts(card, tested[key]) for key, card in cards.items()},
    )


def views(site: Site, quantities: Quantities) -> list[View]:
    """Return the pairs of quantities that are worth a link: cost and size, error and class, two tasks."""
    lead = headline_table(site.tables, site.settings)
    if lead is None:
        return []
    tables = sorted(site.tables, key=lambda table: (table is not lead, table.task != lead.task))
    of = {table.id: quantities.of_table[table.id] for table in tables}
    size = quantities.of_model.get("model.params")
    near = [table for table in tables if table is lead or (table.task == lead.task and not led_by_its_maker(table))]
    candidates = [
        [(_metric(of, table, CPU_TIME.key), _headline(of, table)) for table in near],
        [(size, _headline(of, table)) for table in near],
        [(_metric(of, table, "mae"), _metric(of, table, "f1")) for table in tables],
        *(
            [(_headline(of, a), _headline(of, b)) for a in tables for b in tables if (a.task, b.task) == pair]
            for pair in TASK_PAIRS
        ),
    ]
    best = [_fullest(site, some) for some in candidates]
    if best[0] is None or best[0].n < TELLING:  # a few costs are no picture of what accuracy costs
        best[:2] = best[1::-1]
    return [view for view in best if view is not None]


def _metric(of: Mapping[str, Mapping[str, Field]], table: Table, key: str) -> Field | None:
    return of[table.id].get(f"{table.id}.{key}")


def _headline(of: Mapping[str, Mapping[str, Field]], table: Table) -> Field | None:
    return _metric(of, table, table.headline.key)


def _fullest(site: Site, candidates: Sequence[tuple[Field | None, Field | None]]) -> View | None:
    """Return the first candidate with enough points, else the one with most; None where all have too few."""
    found = [
        View(_title(x, y), x, y, defined(points(x, y, site.content.models)))
        for x, y in candidates
        if x is not None and y is not None
    ]
    return max((view for view in found if view.n >= FEWEST), key=lambda view: min(view.n, ENOUGH), default=None)


def _title(x: Field, y: Field) -> str:
    if x.table is not None and y.table is not None and x.table.task != y.table.task:
        return f"{TASKS[y.table.task].title} against {TASKS[x.table.task].title.lower()}"
    across = x.label[0].lower() + x.label[1:] if x.label[1:2].islower() else x.label
    return f"{y.label} against {across}"


def first_picture(site: Site, quantities: Quantities, view: View) -> tuple[str, Scatter | None]:
    """Return the fact that the first view is coloured by, and its picture; both without references."""
    found = [point for point in points(view.x, view.y, site.content.models) if not point.reference]
    told = {kind: [quantities.facts.get(point.model, {}).get(kind) for point in found] for kind in KINDS}
    colour = next((kind for kind, values in told.items() if len(set(values)) > 1), "kind")
    return colour, make_scatter(view.x, view.y, found, told[colour])


def scatter_data(site: Site, quantities: Quantities, start: View, colour: str) -> dict[str, Any]:
    """Return all that the script draws from, JSON-ready: rows by place, numbers with five digits."""
    facts = quantities.facts
    models = {key: place for place, key in enumerate(facts)}
    cards = site.content.models
    trained = sorted({name for told in facts.values() for name in told.get("train", ())})
    kinds = {key: (label, [told.get(key) for told in facts.values()]) for key, label in KINDS.items()}
    kinds |= {
        f"train.{name}": (
            f"Trained on {name}",
            ["yes" if name in told.get("train", ()) else "no" for told in facts.values()],
        )
        for name in trained
    }
    return {
        "markers": MARKERS,
        "start": {"x": start.x.key, "y": start.y.key, "c": colour},
        "models": [{"key": key, "name": facts[key]["name"], "ref": cards[key].reference_row} for key in models],
        "kinds": [{"key": key, "label": label, "v": values} for key, (label, values) in kinds.items()],
        "facts": [_field(field, list(models)) for field in quantities.of_model.values()],
        "tables": [
            {
                "id": table.id, "task": TASKS[table.task].title, "set": table.dataset.key,
                "short": f"{table.task}, {table.dataset.key}",
                "rows": [[row.result.entry, models[row.card.key], full_name(row)] for row in table.rows],
                "fields": [
                    _field(field, [row.result.entry for row in table.rows])
                    for field in quantities.of_table[table.id].values()
                ],
            }
            for table in site.tables
        ],
    }  # fmt: skip


def _field(field: Field, keys: Sequence[str]) -> dict[str, Any]:
    values = [field.values.get(key) or NOTHING for key in keys]
    ends = {"lo": [_short(value.low) for value in values], "hi": [_short(value.high) for value in values]}
    has_ends = any(end is not None for end in ends["lo"])
    return {
        "key": field.key, "label": field.label, "unit": field.unit, "better": field.better, "dec": field.decimals,
        "log": field.log, "v": [_short(value.value) for value in values], **(ends if has_ends else {}),
    }  # fmt: skip


def _short(value: float | None) -> float | None:
    """Five digits; whole numbers without a point."""
    if value is None:
        return None
    found = float(f"{value:.5g}")
    return int(found) if found == int(found) else found
