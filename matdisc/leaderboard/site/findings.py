"""What may be said of a model by the rules of the tasks (`matdisc.tasks.rule`), with the evidence, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from matdisc.cards import DatasetCard
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.tables.board import Row, Table, headline_value
from matdisc.scoring.metric import Metric, show, show_interval
from matdisc.scoring.record import Value
from matdisc.tasks import TASKS
from matdisc.tasks.rule import Rule

LEVELS = {
    "safe": "Safe",
    "care": "With care",
    "unsafe": "Not safe",
    "open": "No limit is set",
    "few": "Too few answers",
}
"""Headings of the findings, in their order."""
ANSWERED = 0.95
"""Share of the answers below which nothing is called safe: what is easy may have been answered, and the rest not."""
TOLD = 0.5
"""Share of the answers below which nothing is said: the numbers tell of what is missing."""
FEWEST = 20
"""Cases below which a share that is not over all rows proves nothing."""
TELLING = ("used in construction", "training overlap certain", "leaky inputs", "stale")
"""Beginnings of the flags with which a number is no evidence of safety."""
CONDITIONS = {"answered": ANSWERED, "told": TOLD, "fewest": FEWEST}
"""What the page of methods says of them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A number behind a finding, with what it is of, and what weakens it."""

    result: Result
    dataset: DatasetCard
    variant: str | None
    label: str
    text: str
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence about one use, with its evidence."""

    about: str
    words: str
    evidence: tuple[Evidence, ...]


def findings(items: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Finding, ...]]:
    """Every sentence that the rules allow, by level; the same sentence of several data sets once, with each of them.

    Where a model's own run is in a table, its variants there say nothing.
    """
    grouped: dict[tuple[str, str, str], list[Evidence]] = {}
    for item in items:
        if item["variant"] and item["has_run"]:
            continue
        caveats = _caveats(item)
        for level, about, words, label, text, few in _said(item, doubted=any(caveats.values())):
            doubts = (*([f"{few} cases"] if few is not None else []), *caveats)
            evidence = Evidence(item["result"], item["dataset"], item["variant"], label, text, doubts)
            grouped.setdefault((level, about, words), []).append(evidence)
    return {
        level: found
        for level in LEVELS
        if (found := tuple(Finding(a, w, tuple(e)) for (one, a, w), e in grouped.items() if one == level))
    }


class Told(NamedTuple):
    """A level, the use, the sentence's end, the number behind it with what it is of, and its cases if too few."""

    level: str
    about: str
    words: str
    label: str
    text: str
    few: int | None = None


def _said(item: Mapping[str, Any], *, doubted: bool) -> list[Told]:
    """All that may be said of one result."""
    result = item["result"]
    expected, answered = _answers(result)
    if answered < TOLD * expected:
        words = f"less than {100 * TOLD:g} % were answered, and the numbers tell of what is missing"
        return [Told("few", TASKS[result.task].title, words, "", "")]
    return [*_by_rules(result, doubted=doubted), *_by_default(item["table"], item["row"])]


def _answers(result: Result) -> tuple[int, int]:
    """Answers expected and given; both 0 where they were not counted."""
    return result.coverage.get("expected", 0), result.coverage.get("answered", 0)


def _by_rules(result: Result, *, doubted: bool) -> list[Told]:
    """What each rule of the task says that has a number; nothing is safe where the evidence is doubted."""
    task, found = TASKS[result.task], []
    for rule in task.rules:
        metric, value = task.metric(rule.metric), result.value(rule.metric) or Value()
        said = rule.says(metric.better, value)
        if said is None or (rule.only_faults and said.level == "safe"):
            continue
        few = _too_few(rule, result)
        level, words = rule.unproven if few is not None or (doubted and said.level == "safe") else said
        found.append(Told(level, rule.about, words, *_number(rule, metric, value, result), few))
    return found


def _too_few(rule: Rule, result: Result) -> int | None:
    """The number of cases behind a share, if that is known and too small to prove anything."""
    counts = [(result.value(key) or Value()).value for key in rule.cases]
    if not counts or None in counts:
        return None
    n = round(sum(count or 0 for count in counts))
    return n if n < FEWEST else None


def _by_default(table: Table, row: Row) -> list[Told]:
    """What may be said without rules: whether the headline is clearly better than the trivial answer's."""
    task, metric, found = TASKS[table.task], table.headline, headline_value(row.result)
    if task.rules or found.value is None:
        return []
    distance = against(metric, found, table.first.baseline.get(metric.key))
    trivial = f"{task.scoring.baseline_text[:1].lower()}{task.scoring.baseline_text[1:]}"
    level, words = "unsafe", f"not clearly better than {trivial}"
    if distance.endswith("better"):
        level, words = "open", f"better than {trivial}"
    if not distance:
        level, words = "open", "nothing trivial to compare with"
    return [Told(level, task.title, words, metric.label, _with_interval(metric, found))]


def _number(rule: Rule, metric: Metric, value: Value, result: Result) -> tuple[str, str]:
    """The number behind a rule and what it is of: "5 of 6" where it counts cases, else with unit and interval."""
    n = result.n_defined.get(metric.key, result.n)
    if rule.counted and n and value.value is not None:
        good = 1 - value.value if metric.better == "lower" else value.value
        return "", f"{round(good * n)} of {n}"
    return metric.label, _with_interval(metric, value)


def _with_interval(metric: Metric, value: Value) -> str:
    unit = (metric.unit or "").partition(",")[0]
    interval = show_interval(metric, value.low, value.high)
    return " ".join(filter(None, [show(metric, value.value), unit, f"({interval})" if interval else ""]))


def _caveats(item: Mapping[str, Any]) -> dict[str, bool]:
    """What weakens the evidence of a result, and whether nothing may be called safe because of it."""
    flags = [(badge, badge.text.lower().startswith(TELLING)) for badge in item["badges"]]
    found = {badge.label: telling for badge, telling in flags if badge.warns or telling}
    expected, answered = _answers(item["result"])
    if answered < ANSWERED * expected:
        found[f"{answered:,} of {expected:,} answered"] = True
    return found


def against(metric: Metric, found: Value, baseline: float | None) -> str:
    """How far a value is from the trivial answer's; no side is taken where the interval holds both."""
    if found.value is None or baseline is None or metric.better is None:
        return ""
    if found.low is not None and found.high is not None and found.low <= baseline <= found.high:
        return "no clear difference"
    better = (found.value < baseline) == (metric.better == "lower")
    return f"{show(metric, abs(found.value - baseline))} {'better' if better else 'worse'}"
