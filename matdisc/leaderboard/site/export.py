"""The files for programs: `data/leaderboard.json`, `data/leaderboard.csv` and `build.json`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from matdisc.canonical import canonical_json
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.tables.board import Row, Table
from matdisc.leaderboard.site.tables.format import METRICS
from matdisc.version import __version__

SCHEMA = "matdisc.leaderboard/1"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet read a text cell as a formula."""


def leaderboard_json(content: Content, tables: Sequence[Table], created: str) -> str:
    """Return all cards and rows as JSON; undefined is null, never NaN."""
    parts = {
        "schema": SCHEMA,
        "build": {"matdisc": __version__, "created": created},
        "metrics": [asdict(metric) for metric in METRICS.values()],
        "models": {key: card.model_dump(mode="json") for key, card in content.models.items()},
        "datasets": {key: card.model_dump(mode="json") for key, card in content.datasets.items()},
        "results": [_row(row) for table in tables for row in table.rows],
    }
    return "{" + ",\n".join(f'"{key}": {_lines(part)}' for key, part in sorted(parts.items())) + "}\n"


def build_json(content: Content, created: str) -> str:
    """Return what this site was built from."""
    datasets = {key: card.sha256 for key, card in content.datasets.items()}
    found = {"/".join((r.task, r.dataset, r.entry)): r.provenance.predictions_sha256 for r in content.results}
    return canonical_json(
        {
            "schema": "matdisc.site/1",
            "matdisc": __version__,
            "created": created,
            "datasets": datasets,
            "predictions": found,
        }
    )


def leaderboard_csv(tables: Sequence[Table]) -> str:
    """Return all rows as a flat table; text that a spreadsheet would run is prefixed with `'`."""
    keys = list(METRICS)
    head = [
        "task", "dataset", "entry", "model", "name", "version", "kind", "protocol", "origin", "reference",
        "rank_best", "rank_worst", "n", "n_labelled", "n_groups", "n_positive", "threshold_ev_per_atom", "prevalence",
        "daf_max",
    ]  # fmt: skip
    numbers = [name for key in keys for name in (key, f"{key}_low", f"{key}_high")]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*head, *numbers, "flags"])
    for table in tables:
        for row in table.rows:
            writer.writerow([_guarded(cell) for cell in _csv_cells(row, keys)])
    return out.getvalue()


def _csv_cells(row: Row, keys: Sequence[str]) -> list[object]:
    r, card, rank = row.result, row.card, row.rank
    cells: list[object] = [
        r.task, r.dataset, r.entry, r.model, card.name, card.version, card.kind,
        r.protocol.key if r.protocol else None, r.origin, str(row.reference).lower(),
        rank.best if rank else None, rank.worst if rank else None,
        r.n, r.n_labelled, r.n_groups, r.n_positive, r.threshold, r.prevalence, r.daf_max,
    ]  # fmt: skip
    for key in keys:
        value = r.value(key)
        cells += [value.value, value.low, value.high] if value else [None, None, None]
    return [*cells, " | ".join(badge.text for badge in row.badges)]


def _guarded(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return "'" + cell
    return cell


def _lines(part: Any) -> str:
    """JSON with a line for each item, keys sorted: an indented one of many rows takes ten times as long to write."""
    if isinstance(part, list):
        return "[\n" + ",\n".join(map(_line, part)) + "\n]" if part else "[]"
    if isinstance(part, dict):
        return "{\n" + ",\n".join(f"{_line(key)}: {_line(item)}" for key, item in sorted(part.items())) + "\n}"
    return _line(part)


def _line(item: Any) -> str:
    return json.dumps(item, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _row(row: Row) -> dict[str, Any]:
    rank = row.rank and {"best": row.rank.best, "worst": row.rank.worst}
    flags = [badge.text for badge in row.badges]
    return {
        **row.result.model_dump(mode="json"),
        "rank": rank,
        "tie_group": row.tie_group,
        "reference": row.reference,
        "flags": flags,
    }
