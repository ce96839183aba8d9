"""`matdisc rank`."""

from __future__ import annotations

import math
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from matdisc.canonical import canonical_json
from matdisc.cli.common import JsonOption, print_parts


def rank(
    file: Annotated[
        Path,
        typer.Argument(help="One number for each material and model: .csv, .tsv, .jsonl, .json or .parquet."),
    ],
    better: Annotated[Literal["lower", "higher"], typer.Option(help="Which numbers are good.")] = "lower",
    statistic: Annotated[Literal["mean", "median"], typer.Option(help="How a column becomes a score.")] = "mean",
    value: Annotated[
        str | None, typer.Option(help="Column of the numbers, where each row is a material and a model.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Column of groups; each is resampled as a whole.")] = None,
    leave_out: Annotated[list[str] | None, typer.Option(help="Column of numbers that is no model; repeatable.")] = None,
    missing: Annotated[
        Literal["worst", "common", "drop"] | None, typer.Option(help="What an empty cell means.")
    ] = None,
    worst: Annotated[float | None, typer.Option(help="The number that --missing worst puts in its place.")] = None,
    replicates: Annotated[int, typer.Option(min=100, max=100_000, help="Number of resamples.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write everything to this .json file.")] = None,
    board: Annotated[
        Path | None, typer.Option("--board", "-b", help="Put it on this board's page of what a board can tell.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Name of its file on the board; default: after FILE.")] = None,
    title: Annotated[str | None, typer.Option(help="What the table is of.")] = None,
    label: Annotated[str | None, typer.Option(help="Name of the numbers, such as SRME.")] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of the numbers.")] = None,
    source: Annotated[str | None, typer.Option(help="Address the table is from, https://...")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the table.")] = None,
    published: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Date of the table, as 2026-07-16.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a table of per-material results can tell: ranks, ties, and how many materials would tell more.

    Example: matdisc rank errors.csv --group formula --missing worst
    """
    import hashlib

    from matdisc.board import open_board
    from matdisc.errors import DataError
    from matdisc.formats.value_table import read_value_table
    from matdisc.leaderboard.resolution import about, resolution_of, without_gaps, write_resolution
    from matdisc.leaderboard.resolution_text import resolution_parts

    if worst is not None and missing != "worst":
        raise DataError("--worst says what an empty cell counts as; give --missing worst with it")
    if worst is not None and not math.isfinite(worst):
        raise DataError(f"--worst is {worst!r}; give a finite number")
    root = open_board(board) if board else None
    table = read_value_table(file, value=value, group=group, leave_out=leave_out or ())
    full, gaps = without_gaps(table, file, better=better, rule=missing, worst=worst)
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    told = about(
        key=key or _key(file),
        title=title or file.name,
        value=label or table.value,
        unit=unit,
        source=source,
        licence=licence,
        published=published and published.date(),
        sha256=sha256,
    )
    found = resolution_of(
        full, gaps, told, better=better, statistic=statistic, group=group, replicates=replicates, seed=seed
    )
    for path in ([out] if out else []) + ([root.resolution_dir / f"{found.key}.json"] if root else []):
        write_resolution(path, found)
        typer.echo(f"written: {path}", err=True)
    if as_json:
        typer.echo(canonical_json(found.to_json()), nl=False)
        return
    if table.left_out:
        typer.echo(f"columns left out: {', '.join(table.left_out)}")
    print_parts(resolution_parts(found))


def _key(file: Path) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", file.name.lower().split(".")[0]).strip("-._")[:64] or "table"
