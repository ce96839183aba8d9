"""Sentences about one protocol of one result: what a reader may conclude, and what not."""

from __future__ import annotations

from dataclasses import dataclass

from matdisc.leaderboard.schema.folds import Difference, FoldProtocol
from matdisc.scoring.metric import Metric, show, show_interval
from matdisc.scoring.record import Value
from matdisc.tasks import Task

WIDE = 0.9
"""Mean width from which an interval says next to nothing."""


@dataclass(frozen=True, slots=True)
class Text:
    """A number, its interval, and whether the interval leaves out 0 (differences only)."""

    value: str
    interval: str = ""
    certain: bool = False


NOTHING = Text("–")


def sentences(found: FoldProtocol, task: Task, null: str | None) -> list[str]:
    """Return what a reader may conclude from one protocol of one result, and what not."""
    answered = found.metrics.get("coverage", Value()).value
    told = []
    if answered is not None and answered < 1:
        told.append(_coverage_told(answered))
    if answered == 0:
        return told
    width = found.metrics.get("interval_width", Value()).value
    if width is not None and width > WIDE:
        told.append(
            f"Its intervals are {width:.2f} wide on average: nearly every outcome lies within, so hits are no merit."
        )
    if found.n_missing:
        told.append(f"{found.n_missing:,} of {found.n:,} answers are missing and count as abstentions.")
    if null and task.headline.key in found.against_null:
        told.append(_against_told(found.against_null[task.headline.key], task.headline, null))
    if found.small:
        told.append(
            f"On {found.n_alloys:,} alloys a share is uncertain by up to {found.coarse:.2f} (one standard error): "
            "take smaller differences for noise, unless a paired interval leaves out 0."
        )
    return told


def signed(metric: Metric, found: Value) -> Text:
    """Return a difference with its sign and interval; certain if the interval leaves out 0."""
    if found.value is None:
        return NOTHING
    text = show(metric, found.value)
    interval = show_interval(metric, found.low, found.high).replace("–", " to ")
    certain = found.low is not None and found.high is not None and (found.low > 0 or found.high < 0)
    positive = any(digit in text for digit in "123456789") and not text.startswith("−")
    return Text(f"+{text}" if positive else text, interval, certain)


def _coverage_told(answered: float) -> str:
    if answered == 0:
        return (
            "It abstains on every alloy. Its calls are the majority class of the training part and its probabilities "
            "0.5, so no score here is knowledge of the model."
        )
    return (
        f"It abstains on {100 * (1 - answered):.1f} % of the alloys. An abstention is scored as the majority class of "
        "the training part and as the probability 0.5. That is no accuracy: read every score beside the coverage."
    )


def _against_told(found: Difference, metric: Metric, null: str) -> str:
    told = signed(metric, found)
    if not told.interval:
        return f"The difference to {null} in {metric.label} has no interval, so none is claimed."
    numbers = f"({told.value}; {told.interval})"
    if not told.certain:
        least = f"; less than {show(metric, found.detectable)} would escape this test" if found.detectable else ""
        return f"In {metric.label} it cannot be told apart from the null row, {null} {numbers}{least}."
    better = ((found.value or 0.0) < 0) == (metric.better == "lower")
    return f"In {metric.label} it is {'better' if better else 'worse'} than the null row, {null} {numbers}."
