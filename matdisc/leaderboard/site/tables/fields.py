"""What a scatter plot can show of rows: the metrics of every table, what answers cost, and facts of the models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from matdisc.cards import ModelCard
from matdisc.leaderboard.names import display_name
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.tables.board import Row, Table, full_name
from matdisc.scoring.metric import Better, Metric
from matdisc.scoring.record import Value

CPU_TIME = Metric(
    "cpu_seconds", "CPU time", "s/material", "lower", 3, "number",
    "Processor time that a run of this package needed for a material, loading of the model included.",
    "CPU time / materials", "Unknown for submitted files.",
)  # fmt: skip
PEAK_MEMORY = Metric(
    "peak_mib", "Peak memory", "MiB", "lower", 0, "count", "Most memory that a worker of the run held.",
    "largest resident size of a worker", "Unknown for submitted files.",
)  # fmt: skip
COST_BETTER: dict[str, Better] = {
    "seconds": "lower", "steps": "lower", "crystals_per_cpu_hour": "higher", "hits_per_cpu_hour": "higher",
}  # fmt: skip
"""Which direction of a cost is good; tables do not shade costs, but a front needs to know."""
LOGARITHMIC = frozenset((*COST_BETTER, CPU_TIME.key, PEAK_MEMORY.key))
"""Metrics that span powers of ten, so that their axis is logarithmic at first."""
MODELS = "model"
"""Stands for a table's id in the keys of facts that belong to a model and not to its answers."""
NOTHING = Value()
"""No value; one for all of the many that have none."""


@dataclass(frozen=True, slots=True)
class Field:
    """A quantity that an axis can show; `values` go by entry of the `table`, or by model where there is none.

    Shares are in per cent, as they are printed. `log` says whether the axis is logarithmic at first.
    """

    key: str
    label: str
    unit: str | None
    better: Better | None
    decimals: int
    log: bool
    table: Table | None
    values: Mapping[str, Value]

    @property
    def name(self) -> str:
        return f"{self.label}, {self.unit}" if self.unit else self.label

    @property
    def axis(self) -> str:
        """Name with the table that it is of."""
        return f"{self.name} · {self.table.task}, {self.table.dataset.key}" if self.table else self.name

    def show(self, value: float) -> str:
        """Return a value as text: three digits where it spans powers of ten, else the metric's decimals."""
        if self.log and value:
            text = f"{float(f'{value:.3g}'):,.12f}".rstrip("0").rstrip(".")
        else:
            text = f"{value + 0.0:,.{self.decimals}f}"
        return text.replace("-", "−")


@dataclass(frozen=True, slots=True)
class Point:
    """A row, or where two tables meet a model, with both of its values; undefined ones are None."""

    model: str
    name: str
    reference: bool
    x: Value
    y: Value

    @property
    def at(self) -> tuple[float, float] | None:
        """Both values, None where one is undefined."""
        return None if self.x.value is None or self.y.value is None else (self.x.value, self.y.value)


def table_fields(table: Table) -> list[Field]:
    """Return the metrics of a table, and what its answers cost where a run measured it."""
    found = []
    for metric in (*table.columns, CPU_TIME, PEAK_MEMORY):
        values = {row.result.entry: _printed(metric, _value(row.result, metric)) for row in table.rows}
        if any(value.value is not None for value in values.values()):
            found.append(
                Field(
                    f"{table.id}.{metric.key}", metric.label, metric.unit, metric.better or COST_BETTER.get(metric.key),
                    0 if metric.form == "count" else metric.decimals, metric.key in LOGARITHMIC, table, values,
                )
            )  # fmt: skip
    return found


def model_fields(models: Iterable[ModelCard]) -> list[Field]:
    """Return the numbers that cards tell: parameters, training sets and elements, each where some card has it."""
    told: tuple[tuple[str, str, Better | None, dict[str, int]], ...] = (
        ("params", "Parameters", "lower", {card.key: card.n_params for card in models if card.n_params}),
        ("sets", "Training sets", None, {c.key: len(c.training_sets) for c in models if c.training_sets}),
        ("elements", "Elements", "higher", {card.key: len(card.elements) for card in models if card.elements}),
    )
    return [
        Field(f"{MODELS}.{key}", label, None, better, 0, key == "params", None,
              {model: Value(value=float(number)) for model, number in numbers.items()})
        for key, label, better, numbers in told
        if numbers
    ]  # fmt: skip


def own_rows(table: Table) -> dict[str, Row]:
    """Return each model's row: its own run where there is one, else its best variant."""
    found: dict[str, Row] = {}
    for row in table.rows:
        if row.card.key not in found or row.result.entry == row.card.key:
            found[row.card.key] = row
    return found


def points(x: Field, y: Field, models: Mapping[str, ModelCard]) -> list[Point]:
    """Return a point for every row of the table that both quantities are of; where they are of two tables, for every
    model with a row in both; where they are of none, for every model."""
    tables = [field.table for field in (x, y) if field.table is not None]
    if not tables:
        return [
            Point(key, display_name(card), card.reference_row, _of(x, key, None), _of(y, key, None))
            for key, card in models.items()
        ]
    if tables[0] is tables[-1]:
        return [_point(x, y, row, row) for row in tables[0].rows]
    first, second = own_rows(tables[0]), own_rows(tables[1])
    return [_point(x, y, row, second[key]) for key, row in first.items() if key in second]


def _point(x: Field, y: Field, on_x: Row, on_y: Row) -> Point:
    variants = dict.fromkeys(row.variant for row in (on_x, on_y) if row.variant)
    name = full_name(on_x) if on_x is on_y else on_x.name + (f" ({' | '.join(variants)})" if variants else "")
    key = on_x.card.key
    return Point(key, name, on_x.reference, _of(x, key, on_x), _of(y, key, on_y))


def _of(field: Field, model: str, row: Row | None) -> Value:
    key = model if field.table is None or row is None else row.result.entry
    return field.values.get(key) or NOTHING


def _value(result: Result, metric: Metric) -> Value:
    if metric is CPU_TIME:
        speed = result.cost and result.cost.crystals_per_cpu_hour
        return Value(value=3600 / speed) if speed else NOTHING
    if metric is PEAK_MEMORY:
        return Value(value=result.cost.peak_mib) if result.cost else NOTHING
    return result.value(metric.key) or NOTHING


def _printed(metric: Metric, value: Value) -> Value:
    if metric.form != "percent":
        return value
    ends = {"value": value.value, "low": value.low, "high": value.high}
    return Value(**{end: None if v is None else 100 * v for end, v in ends.items()})


def defined(found: Sequence[Point]) -> int:
    """Return how many points other than references can be drawn."""
    return sum(point.at is not None and not point.reference for point in found)
