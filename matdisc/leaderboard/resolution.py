"""What any table of per-material values can tell about the order of its models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from matdisc.arrays import Floats
from matdisc.atomic import write_atomic
from matdisc.canonical import canonical_json
from matdisc.cards.base import KEY_PATTERN, PATTERN_HELP
from matdisc.columns import some
from matdisc.errors import DataError
from matdisc.formats.value_table import ValueTable
from matdisc.leaderboard.schema.ranking import Ranked
from matdisc.leaderboard.schema.resolution import (
    About,
    LeverageColumns,
    Missing,
    MissingRule,
    NeighbourColumns,
    TableResolution,
)
from matdisc.leaderboard.schema.result import Bootstrap
from matdisc.metrics.resolution import Resolution, Statistic, resolve

Better = Literal["lower", "higher"]
OPTIONS = {"value": "label"}
REMEDY = {
    "key": PATTERN_HELP[KEY_PATTERN],
    "source": "give a whole address that begins with https://",
    **dict.fromkeys(("title", "value", "unit", "licence"), "give a text of at most 4,000 characters"),
}
"""What to do about a text that is refused."""


def without_gaps(
    table: ValueTable, path: Path, *, better: Better, rule: MissingRule | None = None, worst: float | None = None
) -> tuple[ValueTable, Missing]:
    """Return a table in which every cell is a number, and what its empty cells were taken for.

    `worst`: each counts as the number `worst`, by default the worst of the whole table. `common`: materials that some
    model lacks are left out. `drop`: models that lack a material are.

    Raises:
        DataError: If there are empty cells and no rule, or too little is left.
    """
    gaps = ~np.isfinite(table.values)
    if not gaps.any():
        return _large_enough(table, path), Missing()
    lacking = gaps.sum(axis=0)
    if rule is None:
        most = sorted(zip(-lacking, table.models, strict=True))[:3]
        named = some([f"{name} {-n}" for n, name in most if n])
        raise DataError(
            f"{path}: {int(lacking.sum()):,} of {gaps.size:,} cells are empty ({named}); say what that means: "
            "--missing worst (it counts as the worst value, or as --worst VALUE), common (only materials that all "
            "models have) or drop (leave these models out)"
        )
    values, found = table.values, Missing(cells=int(lacking.sum()), rule=rule)
    kept_rows, kept_columns = np.full(gaps.shape[0], True), np.full(gaps.shape[1], True)
    if rule == "worst":
        if worst is None and gaps.all():
            raise DataError(f"{path}: holds no number at all; nothing can be ranked")
        filled = worst if worst is not None else float(np.nanmax(values) if better == "lower" else np.nanmin(values))
        values, found = np.where(gaps, filled, values), found.model_copy(update={"worst": filled})
    elif rule == "common":
        kept_rows &= ~gaps.any(axis=1)
        found = found.model_copy(update={"materials_left_out": int((~kept_rows).sum())})
    else:
        kept_columns &= lacking == 0
        left_out = tuple(name for name, kept in zip(table.models, kept_columns, strict=True) if not kept)
        found = found.model_copy(update={"models_left_out": left_out})
    return _large_enough(_part(table, values, kept_rows, kept_columns), path), found


def resolution_of(
    table: ValueTable,
    missing: Missing,
    about: About,
    *,
    better: Better,
    statistic: Statistic = "mean",
    group: str | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> TableResolution:
    """Return what a table without gaps can tell, ready to be written.

    Args:
        table: The table, from `without_gaps`.
        missing: What its empty cells were taken for.
        about: What it is of.
        better: Which numbers are good.
        statistic: How a column becomes a score.
        group: Name of the column that the table's groups are of.
        replicates: Number of resamples.
        seed: Seed of the resamples.
    """
    found = resolve(
        table.values,
        table.groups,
        higher_is_better=better == "higher",
        statistic=statistic,
        replicates=replicates,
        seed=seed,
    )
    models = tuple(table.names.get(name, name) for name in table.models)
    if len(set(models)) < len(models):
        models = table.models
    return TableResolution(
        **about.model_dump(exclude_unset=True),
        better=better,
        statistic=statistic,
        missing=missing,
        notes=table.notes,
        n_materials=len(table.materials),
        n_groups=found.n_groups,
        group=group,
        bootstrap=Bootstrap(replicates=replicates, seed=seed, unit=group or "material"),
        models=models,
        low=found.low,
        high=found.high,
        ranked=_ranked(found),
        neighbours=_neighbours(found),
        leverage=LeverageColumns(
            material=tuple(table.materials[i] for i in found.leverage.material), change=found.leverage.change
        ),
        first_without={
            material: models[i]
            for material, i in zip(table.materials, found.leverage.first, strict=True)
            if i >= 0 and found.ranking.rank[i] > 1
        },
    )


def about(**told: object) -> About:
    """Return what a table is of; what is None is left out.

    Raises:
        DataError: If a text cannot stand on a board, with the option that it came from.
    """
    try:
        return About.model_validate({name: value for name, value in told.items() if value is not None})
    except ValidationError as err:
        problem = err.errors()[0]
        name = str(problem["loc"][0])
        said = f"is {str(problem['input'])[:80]!r}, which cannot stand there"
        raise DataError(f"--{OPTIONS.get(name, name)} {said}; {REMEDY.get(name, 'mend it')}") from None


def write_resolution(path: Path, found: TableResolution) -> None:
    """Write a resolution as JSON, whole or not at all."""
    write_atomic(path, canonical_json(found.to_json()).encode())


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def _part(table: ValueTable, values: Floats, rows: np.ndarray, columns: np.ndarray) -> ValueTable:
    def kept(names: tuple[str, ...], mask: np.ndarray) -> tuple[str, ...]:
        return tuple(name for name, keep in zip(names, mask, strict=True) if keep)

    groups = None if table.groups is None else kept(table.groups, rows)
    models, materials = kept(table.models, columns), kept(table.materials, rows)
    return replace(table, materials=materials, models=models, values=values[np.ix_(rows, columns)], groups=groups)


def _large_enough(table: ValueTable, path: Path) -> ValueTable:
    n, m = table.values.shape
    if m < 2:
        raise DataError(f"{path}: a ranking needs two models or more, and {_count(m, 'model')} can be read here")
    if n < 2:
        raise DataError(f"{path}: {_count(n, 'material')} can tell nothing; give two or more that all models have")
    if table.groups is not None and len(set(table.groups)) < 2:
        raise DataError(f"{path}: all materials are in one group, {table.groups[0]!r}; group by another column")
    return table


def _ranked(found: Resolution) -> Ranked:
    ranking = found.ranking
    steps = [d.detectable for d in found.neighbours.difference if np.isfinite(d.detectable) and d.detectable > 0]
    return Ranked(
        value=found.value,
        rank=ranking.rank,
        low=ranking.low,
        high=ranking.high,
        first=ranking.first,
        tie_group=ranking.tie_group,
        p_values=tuple(ranking.p_values),
        detectable=float(f"{np.median(steps):.6g}") if steps else None,
    )


def _neighbours(found: Resolution) -> NeighbourColumns:
    pairs = found.neighbours
    of = {name: np.array([getattr(d, name) for d in pairs.difference]) for name in ("value", "low", "high", "p_value")}
    return NeighbourColumns(
        better=pairs.better,
        worse=pairs.worse,
        difference=of["value"],
        low=of["low"],
        high=of["high"],
        p_value=of["p_value"],
        p_corrected=pairs.p_corrected,
        detectable=np.array([d.detectable for d in pairs.difference]),
        needed=pairs.needed,
    )
