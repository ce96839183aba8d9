"""Every metric of every task: unit, direction, meaning, formula and source, in Markdown."""

from __future__ import annotations

from markdown_text import code, linked, plain

from matdisc.scoring.metric import Metric
from matdisc.tasks import TASKS
from matdisc.tasks.task import Task


def markdown() -> str:
    """Return a section for each task."""
    return "\n\n".join(_section(task) for task in TASKS.values())


def _section(task: Task) -> str:
    ranked = [f"[{plain(task.metric(key).label)}](#{_anchor(task, task.metric(key))})" for key in task.ranked]
    parts = [f"## {plain(task.title)}", plain(task.question), f"Rows are ranked by {_listed(ranked)}."]
    return "\n\n".join([*parts, *(_entry(task, metric) for metric in task.metrics)])


def _anchor(task: Task, metric: Metric) -> str:
    return f"{task.key}-{metric.key}".replace("_", "-")


def _entry(task: Task, metric: Metric) -> str:
    facts = [f"`{metric.key}`"]
    facts += [plain(metric.unit)] if metric.unit else []
    facts += [f"{metric.better} is better"] if metric.better else []
    lines = [f"{plain(metric.help)} {plain(metric.undefined)}", f"Formula: {code(metric.formula)}"]
    lines += [f"Source: {linked(metric.source)}"] if metric.source else []
    said = "\n\n  ".join(lines)
    return f"[{plain(metric.label)}]{{#{_anchor(task, metric)}}} – {', '.join(facts)}\n: {said}"


def _listed(items: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]]))
