"""What there is: all tasks, all data sets and all models, a page each."""

from __future__ import annotations

from collections import Counter

from matdisc.errors import CardError
from matdisc.leaderboard.site.facts import openness
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.board import Table, full_name
from matdisc.leaderboard.site.tables.first import defined, may_be_first
from matdisc.tasks import TASKS


def pages(site: Site) -> dict[str, str]:
    """Return the list of tasks that have results, of data set cards and of model cards.

    Raises:
        CardError: If a card's own page would stand in the place of a list.
    """
    for folder, kind, keys in (
        ("models", "model", site.content.models),
        ("datasets", "dataset", site.content.datasets),
    ):
        if "index" in keys:
            raise CardError(
                f"{folder}/index/{kind}.toml: field 'key' is 'index', the name of the list of all; choose another key"
            )
    of_task = {key: [table for table in site.tables if table.task == key] for key in site.tasks}
    of_set = {key: [table for table in site.tables if table.dataset.key == key] for key in site.content.datasets}
    leads = {table.id: _leaders(table) for table in site.tables}
    n_tables = Counter(key for table in site.tables for key in {row.card.key for row in table.rows})
    models = [(card, openness(card), n_tables[key]) for key, card in site.content.models.items()]
    return {
        **site.page("tasks/index.html", "tasks.html", tasks=[(TASKS[k], t) for k, t in of_task.items()], leads=leads),
        **site.page("datasets/index.html", "datasets.html", tables=of_set, cards=site.content.datasets, leads=leads),
        **site.page("models/index.html", "models.html", models=models),
    }


def _leaders(table: Table) -> list[str]:
    """Names of the rows that nothing sets apart from the best, best first; empty without a defined headline metric."""
    rows = defined(table)
    return [full_name(row) for row in rows if may_be_first(row, rows[0])]
