"""`matdisc alloys`: what evidence models know, folds for other programs, and all scores in one text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption

alloys = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
ModelArgument = Annotated[str, typer.Argument(help="Key of an evidence model on the board.")]
DatasetArgument = Annotated[str, typer.Argument(help="Key of a dataset of alloys.")]


@alloys.callback()
def _group() -> None:
    """What evidence models know of alloys, and how all models score."""


@alloys.command(name="map")
def draw(
    model: ModelArgument,
    dataset: DatasetArgument,
    board: BoardOption = HERE,
    limit: Annotated[int, typer.Option("--limit", min=0, max=20, help="Alloys to explain.")] = 4,
) -> None:
    """Write which elements replace each other in the eyes of a model, and why it says what of a few alloys.

    The site draws it on the page of the row's result.  Example: matdisc alloys map evidence-data synthetic-miedema
    """
    from matdisc.run.evidence_map import write_evidence_map

    path = write_evidence_map(open_board(board), model, dataset, limit=limit)
    typer.echo(f"written: {path}")
    typer.echo("next: matdisc site build")


@alloys.command()
def explain(
    model: ModelArgument,
    dataset: DatasetArgument,
    alloy: Annotated[str, typer.Argument(help="Its elements, as in Co|Cr|Fe|Ni or Co-Cr-Fe-Ni.")],
    board: BoardOption = HERE,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="Pieces of evidence to tell.")] = 8,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the graph to this .json file too.")] = None,
) -> None:
    """Say what a model believes of any alloy and why; it learns from all alloys of a dataset but this one.

    Example: matdisc alloys explain evidence-fused synthetic-miedema 'Co|Cr|Fe|Ni'
    """
    from matdisc.run.evidence_map import explain_alloy

    found = explain_alloy(open_board(board), model, dataset, alloy.replace("-", "|"), limit=limit)
    typer.echo(found.text())
    if out is not None:
        import json

        from matdisc.atomic import write_atomic

        write_atomic(out, (json.dumps(found.graph(), indent=1, allow_nan=False) + "\n").encode())
        typer.echo(f"graph: {out}")


@alloys.command()
def folds(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")],
    board: BoardOption = HERE,
) -> None:
    """Write the folds of every protocol of a dataset, one file each, for programs other than this.

    Example: matdisc alloys folds synthetic-miedema --out folds
    """
    from matdisc.datasets import load
    from matdisc.datasets.splits import checked_folds, write_folds
    from matdisc.errors import CardError

    root = open_board(board)
    card, found = root.dataset(dataset), load(root, dataset)
    if not card.splits:
        raise CardError(f"datasets/{dataset}/dataset.toml: has no table [splits]; name a dataset of alloys")
    for protocol, sha256 in card.splits.items():
        n_folds = len(checked_folds(found, protocol, sha256))
        path = out / f"{dataset}-{protocol}.json.gz"
        write_folds(path, found, protocol)
        typer.echo(f"{path}: {n_folds} folds, sha256 {sha256}")


@alloys.command()
def table(
    datasets: Annotated[list[str] | None, typer.Argument(help="Default: all with results.")] = None,
    board: BoardOption = HERE,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Markdown file; default: print.")] = None,
) -> None:
    """Put every row on every dataset and protocol into one Markdown text, with intervals and differences to the null.

    Example: matdisc alloys table --out alloys.md
    """
    from matdisc.atomic import write_atomic
    from matdisc.leaderboard.markdown import alloy_tables

    text = alloy_tables(open_board(board), datasets or ())
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_atomic(out, text.encode())
        typer.echo(f"written: {out}")
