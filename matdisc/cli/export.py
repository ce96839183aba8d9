"""`matdisc export`: cards and results in the formats of other catalogues."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matdisc.board import Board, open_board
from matdisc.cli.common import HERE, BoardOption

if TYPE_CHECKING:
    from matdisc.cards import DatasetCard

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("croissant")
def croissant_command(
    key: Annotated[str | None, typer.Argument(help="Key of a dataset; default: all of the board.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; for all datasets a folder, which gets KEY/croissant.json of each."),
    ] = None,
    files_at: Annotated[
        str,
        typer.Option(help="What comes before the names of files beside the card: a folder or an address with {key}."),
    ] = "",
    board: BoardOption = HERE,
) -> None:
    """Describe datasets as Croissant 1.1, for catalogues and loaders.

    Files that lie beside the card are sought beside the description, unless --files-at says where they are.

    Example: matdisc export croissant --out datasets
    """
    from matdisc.canonical import canonical_json
    from matdisc.errors import CardError

    opened = open_board(board)
    if key is None and out is None:
        raise CardError("of all datasets: name a folder with --out, or a dataset")
    if set(re.findall("{[^}]*}?", files_at)) - {"{key}"}:
        raise CardError(f"--files-at is {files_at!r}; its only placeholder is {{key}}, the key of a dataset")
    keys = [key] if key is not None else opened.dataset_keys()
    if not keys:
        raise CardError(f"the board at {opened.root} has no datasets; make one with `matdisc datasets new`")
    for one in keys:
        text = canonical_json(_described(opened, one, files_at + "/" * (files_at[-1:] not in ("", "/", "="))))
        _give(text, out / one / "croissant.json" if out is not None and key is None else out)


def _beside(board: Board, card: DatasetCard) -> list[Path]:
    """Return the files beside a card, once they are found to be what the card says."""
    from matdisc.datasets.fetch import obtain

    return [obtain(board, card.key, file)[0] for file in card.files if file.embedded]


def _described(board: Board, key: str, files_at: str) -> dict[str, Any]:
    from matdisc.leaderboard.export.croissant import Publication, croissant
    from matdisc.leaderboard.export.tables import tables_beside
    from matdisc.leaderboard.site.publish import build_time
    from matdisc.leaderboard.site.settings import read_settings

    card = board.dataset(key)
    _beside(board, card)
    settings = read_settings(board.root / "leaderboard" / "site.toml")
    day = build_time().strftime("%Y-%m-%d")
    about = Publication(settings.publisher or settings.title, day, settings.base_url, files_at)
    found = croissant(card, tables_beside(board.datasets_dir / key, card), about)
    if "url" not in found:
        typer.echo(f"note: {key} has no address, and Croissant asks for one; set 'base_url' in site.toml", err=True)
    return found


@app.command("hugging-face")
def hugging_face(
    out: Annotated[Path, typer.Option(help="Folder to write: what a repository of the Hub is to hold.")],
    model: Annotated[str | None, typer.Option(help="Key of a model: its card and its results.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Key of a dataset: its card, eval.yaml and its tables.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Account of the Hub that has the datasets, by key.")] = None,
    board: BoardOption = HERE,
) -> None:
    """Write the repository of a model or a dataset for the Hugging Face Hub; nothing is uploaded.

    Example: matdisc export hugging-face --model emt --namespace my-group --out hub/emt
    """
    from matdisc.errors import CardError
    from matdisc.leaderboard.export.hugging_face import WRITTEN, check_namespace, dataset_files, model_files

    opened = open_board(board)
    readme = out / "README.md"
    if readme.exists() and WRITTEN not in readme.read_text(encoding="utf-8", errors="replace"):
        raise CardError(f"{readme}: was written by somebody else; name another folder with --out")
    if (model is None) == (dataset is None):
        raise CardError("give --model KEY or --dataset KEY, one of them")
    files: dict[str, str | bytes] = {}
    if dataset is not None:
        card = opened.dataset(dataset)
        files |= dataset_files(card)
        beside = {path.name: path.read_bytes() for path in _beside(opened, card)}
        files |= beside
        if not any(name.endswith(".csv") for name in beside):
            typer.echo(
                f"note: no table lies beside the card of {dataset}; add what eval.yaml calls 'default'", err=True
            )
    elif model is not None:
        if namespace is None:
            raise CardError("results name their datasets: give --namespace, the account of the Hub that has them")
        files |= model_files(
            opened.model(model),
            _results_of(opened, model),
            {key: opened.dataset(key).title for key in opened.dataset_keys()},
            check_namespace(namespace),
        )
    _write(out, files)


def _results_of(board: Board, model: str) -> list[Any]:
    from matdisc.leaderboard.schema.read import read_files
    from matdisc.leaderboard.schema.result import Result

    return [result for result, _ in read_files(board.results_dir, Result) if result.model == model]


@app.command("schema")
def schema(
    name: Annotated[str | None, typer.Argument(help="Name of a schema; default: list them, or write all.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write NAME.json into.")] = None,
) -> None:
    """Print JSON Schema (2020-12) of cards, results, rankings, records of runs, and predictions files.

    Example: matdisc export schema model-card
    """
    from matdisc.canonical import canonical_json
    from matdisc.leaderboard.export.json_schema import json_schema, schema_names

    if name is None and out is None:
        typer.echo("\n".join(schema_names()))
        return
    texts = {one: canonical_json(json_schema(one)) for one in ([name] if name else schema_names())}
    if out is None:
        typer.echo("".join(texts.values()), nl=False)
    else:
        _write(out, {f"{one}.json": text for one, text in texts.items()})


def _give(text: str, path: Path | None) -> None:
    """Print a text, or write it if it has a place."""
    if path is None:
        typer.echo(text, nl=False)
    else:
        _write(path.parent, {path.name: text})


def _write(folder: Path, files: dict[str, Any]) -> None:
    from matdisc.atomic import write_atomic

    for name, content in files.items():
        write_atomic(folder / name, content.encode() if isinstance(content, str) else content)
        typer.echo(f"written: {folder / name}")
