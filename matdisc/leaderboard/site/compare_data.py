"""What the page that compares models has to know of a table, as a classic script that also loads from disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matdisc.leaderboard.materials import sample_of
from matdisc.leaderboard.schema.materials import Answered, Materials
from matdisc.leaderboard.schema.ranking import BoardRanking
from matdisc.leaderboard.site.facts import embedded
from matdisc.leaderboard.site.tables.board import Row, Table, full_name, headline_value
from matdisc.leaderboard.site.tables.ranking import headline

MOST_NUMBERS = 34_000
"""Numbers of rows times materials that one script holds; of more materials it has a sample."""
DIGITS = 4


def compared_rows(table: Table) -> list[Row]:
    """Return the rows that can be compared: no references, headline defined, best first."""
    return [row for row in table.ranked if headline_value(row.result).value is not None]


def compare_script(table: Table, materials: Materials | None, paths: Mapping[tuple[str, str], str]) -> str:
    """Return the script of a table: one assignment."""
    return f"window.matdiscCompare = {embedded(compare_data(table, materials, paths))};\n"


def compare_data(table: Table, materials: Materials | None, paths: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return a table's models with their headline values and paired p-values, and what each says of each material.

    Args:
        table: The table.
        materials: Its answers, material by material; None where there are none.
        paths: Dataset and id of a material, to the page that it has.
    """
    metric, rows = table.headline, compared_rows(table)
    return {
        "id": table.id,
        "metric": {"label": metric.label, "unit": metric.unit, "percent": metric.form == "percent",
                   "decimals": metric.decimals, "better": metric.better},
        "models": [_model(row) for row in rows],
        "p": _p_values(table.ranking, rows) if table.ranking else None,
        "detectable": table.detectable,
        "answers": _answers(materials, rows, paths) if materials else None,
    }  # fmt: skip


def _model(row: Row) -> dict[str, Any]:
    value = headline_value(row.result)
    return {
        "entry": row.result.entry,
        "model": row.card.key,
        "name": full_name(row),
        "value": value.value,
        "low": value.low,
        "high": value.high,
        "rank": row.rank.text if row.rank else None,
    }


def _p_values(ranking: BoardRanking, rows: list[Row]) -> list[list[float | None]]:
    """Return the corrected p-value of each row with each row before it."""
    found, index = headline(ranking), {entry: i for i, entry in enumerate(ranking.entries)}
    at = [index[row.result.entry] for row in rows]
    return [[found.p_values[i][j] for j in at[:place]] for place, i in enumerate(at)]


def _answers(found: Materials, rows: list[Row], paths: Mapping[tuple[str, str], str]) -> dict[str, Any] | None:
    said = {row.result.entry: one for row in rows if (one := found.entries.get(row.result.entry)) is not None}
    if len(said) < 2:
        return None
    most = MOST_NUMBERS // len(said)
    kept, fair = list(range(len(found.ids))), found.fair
    if len(kept) > most:
        kept = sample_of(found.ids[: found.fair], most).tolist()
        fair = len(kept)
    ids = [found.ids[i] for i in kept]
    formulas = found.formulas and [found.formulas[i] for i in kept]
    values = found.truth is not None and all(_derived(one, found) for one in said.values())
    return {
        "ids": ids,
        "formulas": formulas,
        "truth": _some(found.truth, kept),
        "what": found.what.model_dump() if found.what and values else None,
        "error": found.error.model_dump(),
        "signed": found.signed,
        "right": found.right,
        "fair": fair,
        "of": found.of,
        "rows": {entry: _row(one, kept, values) for entry, one in said.items()},
        "pages": [paths.get((found.dataset, name)) for name in ids] if (found.dataset, ids[0]) in paths else None,
    }


def _derived(one: Answered, found: Materials) -> bool:
    """Whether errors follow from the answers and the labels, so that the answers are enough."""
    if not found.signed or one.value is None or found.truth is None:
        return False
    return all(
        error is None or (value is not None and truth is not None)
        for error, value, truth in zip(one.error, one.value, found.truth, strict=True)
    )


def _row(one: Answered, kept: list[int], values: bool) -> dict[str, Any]:
    right = "".join(one.right[i] for i in kept) if one.right else None
    return {"value" if values else "error": _some(one.value if values else one.error, kept), "right": right}


def _some(numbers: Any, kept: list[int]) -> list[float | None] | None:
    if numbers is None:
        return None
    return [None if numbers[i] is None else _short(numbers[i]) for i in kept]


def _short(value: float) -> float:
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short == int(short) and abs(short) < 1e6 else short
