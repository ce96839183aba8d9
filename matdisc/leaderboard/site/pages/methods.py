"""Definitions and conventions, how to submit, and what stands where there is no page."""

from __future__ import annotations

from collections.abc import Iterable

from matdisc.leaderboard.schema.result import COST_METRICS
from matdisc.leaderboard.site.findings import CONDITIONS
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.format import COVERAGE
from matdisc.scoring.metric import Metric
from matdisc.tasks import TASKS
from matdisc.tasks.describe import columns
from matdisc.tasks.task import Task


def pages(site: Site) -> dict[str, str]:
    """Return the pages that say how the board works."""
    groups = metric_groups(TASKS.values())
    return {
        **site.page("methods.html", "methods.html", metrics=groups, coverage=COVERAGE, conditions=CONDITIONS),
        **site.page("submit.html", "submit.html", datasets=site.content.datasets, columns=columns),
        **site.page("404.html", "404.html", root=site.settings.base_path),
    }


def metric_groups(tasks: Iterable[Task]) -> list[tuple[str, list[Metric]]]:
    """Return the metrics of each task that no task before it has, and what answers cost at the end."""
    groups: list[tuple[str, list[Metric]]] = []
    cost: dict[str, Metric] = {}
    seen: set[Metric] = set()
    for task in tasks:
        cost = {metric.key: metric for metric in task.metrics if metric.key in COST_METRICS} | cost
        own = [metric for metric in task.metrics if metric not in seen and cost.get(metric.key) != metric]
        seen.update(own)
        groups += [(task.title, own)] if own else []
    return [*groups, ("Cost", list(cost.values()))]
