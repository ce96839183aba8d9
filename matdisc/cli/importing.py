"""`matdisc import`: rows that others have published, onto a page of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matdisc.cli.common import HERE, BoardOption

if TYPE_CHECKING:
    from matdisc.leaderboard.published.matbench_discovery import Imported

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Bring rows that others have published onto a board; nothing of them is scored or ranked here."""


@app.command("matbench-discovery")
def matbench_discovery(
    folder: Annotated[Path, typer.Argument(help="Folder of its model cards (*.yml).")],
    board: BoardOption = HERE,
    source: Annotated[str, typer.Option(help="Where the cards were taken from.")] = (
        "https://github.com/janosh/matbench-discovery"
    ),
    commit: Annotated[str | None, typer.Option(help="Version of the cards.")] = None,
    date: Annotated[str | None, typer.Option(help="Day of that version, as in 2026-07-16.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the cards.")] = "MIT",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
) -> None:
    """Read Matbench Discovery's model cards; its numbers become a page of published rows.

    Example: matdisc import matbench-discovery matbench-discovery/models --board my-board --date 2026-07-16
    """
    from matdisc.board import Board
    from matdisc.leaderboard.published.files import check_target, published_dir, write_published
    from matdisc.leaderboard.published.matbench_discovery import read_folder

    check_target(board)
    found = read_folder(folder, url=source, licence=licence, commit=commit, date=date)
    _report(found)
    if dry_run:
        typer.echo(f"nothing written; it would be {published_dir(Board(board)) / found.published.key}.json")
        return
    typer.echo(f"written: {write_published(board, found.published)}; see it with `matdisc site build --board {board}`")


def _report(found: Imported) -> None:
    from matdisc.leaderboard.published.contradictions import contradictions

    rows = found.published.rows
    old = sum(row.status != "active" for row in rows)
    typer.echo(f"read: {len(rows)} models, {len(rows) - old} active and {old} not")
    parts = {"discovery/full_test_set": "discovery", "geometry/1e-2": "geometry", "kappa-103": "kappa",
             "diatomics": "diatomics", "md": "molecular dynamics"}  # fmt: skip
    typer.echo("with " + ", ".join(f"{name} {found.count(part)}" for part, name in parts.items()))
    for name, reason in found.skipped.items():
        typer.echo(f"skipped {name}: {reason}")
    if found.passed_over:
        typer.echo(f"not read: {', '.join(found.passed_over)}")
    said = {row.key: contradictions(row, found.published.population) for row in rows}
    wrong = {key: sentences for key, sentences in said.items() if sentences}
    typer.echo(f"rows that contradict themselves: {len(wrong)} of {len(rows)}")
    for key, sentences in wrong.items():
        for sentence in sentences:
            typer.echo(f"  {key}: {sentence}")
    if not found.published.training_sets:
        typer.echo("note: no cards of training sets (_datasets.yml) beside the models; their sizes stay unknown")
