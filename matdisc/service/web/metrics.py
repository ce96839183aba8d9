"""The metrics of a result as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric in words and numbers; `interval` is empty where there is none."""

    label: str
    unit: str
    value: str
    interval: str
    help: str = ""


def metric_rows(task: str, result: Mapping[str, Any]) -> list[MetricRow]:
    """Return the metrics of a result in the order of its task; those that the task does not know come last, by key."""
    from matdisc.scoring.metric import show, show_interval
    from matdisc.tasks import TASKS

    given: dict[str, Any] = dict(result.get("metrics") or {})
    rows = []
    for metric in TASKS[task].metrics if task in TASKS else ():
        if (found := given.pop(metric.key, None)) is not None:
            interval = show_interval(metric, found.get("low"), found.get("high"))
            rows.append(
                MetricRow(metric.label, metric.unit or "", show(metric, found.get("value")), interval, metric.help)
            )
    return [*rows, *(_plain(key, found) for key, found in sorted(given.items()))]


def _plain(key: str, found: Mapping[str, Any]) -> MetricRow:
    low, high = found.get("low"), found.get("high")
    return MetricRow(
        key, "", _number(found.get("value")), "" if None in (low, high) else f"{_number(low)}–{_number(high)}"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}".replace("-", "−")
