"""What stands in one cell of a table, and the flags beside an entry's name."""

from __future__ import annotations

from dataclasses import dataclass

from matdisc.cards import DatasetCard
from matdisc.leaderboard.agreement import PUBLISHED
from matdisc.leaderboard.schema.result import Result
from matdisc.scoring.metric import Metric, show, show_interval
from matdisc.scoring.record import Value
from matdisc.tasks import get_task

VARIANTS = {PUBLISHED: "the predictions that its authors or Matbench Discovery published"}
"""What the part after `+` in an entry's id means, where that needs words."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A flag: a short label, the whole sentence, and whether it questions the comparison."""

    label: str
    text: str
    warns: bool


@dataclass(frozen=True, slots=True)
class Published:
    """A value that was published for the whole population, and its `side`: inside, above or below the interval.

    `side` is empty where there is no interval.
    """

    text: str
    side: str = ""

    @property
    def mark(self) -> str:
        """A triangle that points to where the value lies, empty unless it is outside."""
        return {"above": "▲", "below": "▼"}.get(self.side, "")

    @property
    def words(self) -> str:
        if not self.side:
            return f"published: {self.text}"
        return f"{self.text}, published for the whole population, lies {self.side} the interval"


@dataclass(frozen=True, slots=True)
class Cell:
    """`text` and `interval` are printed, `sort` is the exact number for sorting, `heat` 0 to 10."""

    text: str
    interval: str = ""
    sort: str | None = None
    title: str | None = None
    heat: int | None = None
    published: Published | None = None


def cell(metric: Metric, value: Value | None, heat: int | None = None, published: float | None = None) -> Cell:
    """Return the printed form of a value; missing and undefined ones say which they are."""
    known = published_value(metric, value, published)
    if value is None:
        return Cell("–", title="not reported", published=known)
    if value.value is None:
        return Cell("–", title="undefined", published=known)
    interval = show_interval(metric, value.low, value.high)
    about = [f"95 % interval {interval.replace('–', ' to ')}" if interval else "", known.words if known else ""]
    return Cell(
        show(metric, value.value), interval, repr(value.value), "; ".join(filter(None, about)) or None, heat, known
    )


def published_value(metric: Metric, value: Value | None, published: float | None) -> Published | None:
    """Return the printed form of what was published for the whole population, with where it lies; None if nothing was.

    The ends belong to the interval.
    """
    if published is None:
        return None
    text = show(metric, published)
    if value is None or value.low is None or value.high is None:
        return Published(text)
    return Published(text, "below" if published < value.low else "above" if published > value.high else "inside")


def badges(result: Result, dataset: DatasetCard) -> tuple[Badge, ...]:
    """Return the flags of a result, and one more if it was computed on another version of the dataset."""
    flags = list(result.flags)
    told = result.provenance.dataset_sha256
    if told and told != get_task(result.task).scoring.truth_hash(dataset, result.task):
        flags.insert(0, f"stale: computed on another version of this dataset ({told[:12]}…); score it anew")
    return tuple(Badge(_short(flag), flag, _warns(flag)) for flag in flags)


def variant(result: Result) -> str | None:
    """What tells this entry from others of its model: the part after `+` in its id."""
    _, plus, rest = result.entry.partition("+")
    return rest if plus else None


def _short(flag: str) -> str:
    head = flag.partition(":")[0].strip()
    return head if 0 < len(head) <= 34 else flag[:32].rstrip() + "…"


def _warns(flag: str) -> bool:
    return flag.lower().startswith(("training overlap", "level of theory", "used in construction", "stale"))
