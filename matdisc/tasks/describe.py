"""What there is to know about tasks, as tables: for the command line and for docs/reference/tasks.md."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from matdisc.scoring.base import AnswerColumn
from matdisc.tasks.task import Task

HEAD = ("task", "a potential gives", "or a predictor", "ranked by")


def row(task: Task) -> list[str]:
    """Return key, what a model has to give, and the metrics that rows are ranked by."""
    ranked = ", ".join(task.metric(key).label for key in task.ranked)
    needs = ", ".join(task.needs) if task.simulate else "–"
    return [task.key, needs, " or ".join(task.answers) or "–", ranked]


def columns(task: Task) -> list[list[str]]:
    """Return name, unit, believable values and meaning of the answer columns; numbered families take one row."""
    families: dict[str, list[AnswerColumn]] = {}
    for column in task.columns:
        families.setdefault(re.sub(r"\d+$", "#", column.name), []).append(column)
    found = []
    for members in families.values():
        first, last = members[0], members[-1]
        name = first.name if first is last else f"{first.name} … {last.name}"
        found.append([name, first.unit or "–", _range(first), first.help])
    return found


def _range(column: AnswerColumn) -> str:
    ends = (column.low, column.high)
    return "any" if all(map(math.isinf, ends)) else f"{column.low:g} to {column.high:g}"


def markdown(tasks: Iterable[Task]) -> str:
    """Return the page of all tasks, each with its words, its answer columns and its metrics."""
    tasks = list(tasks)
    parts = [
        "# Tasks",
        "Every task: what is asked, what a model has to give, the columns of its predictions files and its metrics. "
        "Made by `matdisc tasks list --markdown`; a test compares this page with the tasks.",
        table(HEAD, [[f"`{cells[0]}`", *cells[1:]] for cells in map(row, tasks)]),
    ]
    for task in tasks:
        parts += [
            f"## {task.title} (`{task.key}`)",
            f"{task.question}\n\n{task.description}",
            table(("column", "unit", "believable", "meaning"), [[f"`{c[0]}`", *c[1:]] for c in columns(task)]),
            table(
                ("metric", "unit", "better", "meaning"),
                [[m.label, m.unit or "–", m.better or "–", m.help] for m in task.metrics],
            ),
        ]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)
