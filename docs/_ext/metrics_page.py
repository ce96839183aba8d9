"""Every metric of every task: unit, direction, meaning, formula and source, in Markdown."""

from __future__ import annotations

from markdown_text import code, plain

from matdisc.scoring.metric import Metric
from matdisc.tasks import TASKS
from matdisc.tasks.task import Task

ADDRESSES = {"doi": "https://doi.org/", "arXiv": "https://arxiv.org/abs/", "https": "https:"}


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
    lines += [f"Source: {_linked(metric.source)}"] if metric.source else []
    said = "\n\n  ".join(lines)
    return f"[{plain(metric.label)}]{{#{_anchor(task, metric)}}} – {', '.join(facts)}\n: {said}"


def _listed(items: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]]))


def _linked(source: str) -> str:
    """Return a source whose DOI, arXiv number or address is a link."""
    return " ".join(map(_word, source.split(" ")))


def _word(word: str) -> str:
    bare = word.strip("(),.;:")
    kind, _, number = bare.partition(":")
    if kind not in ADDRESSES:
        return plain(word)
    address = f"{ADDRESSES[kind]}{number}".replace("<", "%3C").replace(">", "%3E")
    before, _, after = word.partition(bare)
    return f"{before}[{plain(bare)}](<{address}>){after}"
