"""`matdisc init`, `matdisc models ...` and `matdisc datasets ...`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from matdisc.board import init_board, open_board
from matdisc.cli.common import HERE, BoardOption, JsonOption, TaskOption, os_trouble, print_table
from matdisc.cli.new import new_dataset
from matdisc.errors import MatdiscError

models = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
datasets = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
datasets.command("new")(new_dataset)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it must not hold a board yet.")],
) -> None:
    """Make a board: the shipped cards and embedded data, ready for your own.

    Example: matdisc init my-board
    """
    board = init_board(folder)
    typer.echo(f"board at {board.root}: {len(board.model_keys())} models, {len(board.dataset_keys())} datasets")
    typer.echo(f"next: matdisc evaluate --board {board.root}")


@models.command("list")
def list_models(board: BoardOption = HERE, as_json: JsonOption = False) -> None:
    """List the models with kind, tasks and whether they can run here."""
    from matdisc.models import installed
    from matdisc.tasks.fit import tasks_of

    root = open_board(board)
    cards = [root.model(key) for key in root.model_keys()]
    if as_json:
        typer.echo(json.dumps([card.model_dump(mode="json") for card in cards], indent=1))
        return
    rows = []
    for card in cards:
        runs = "yes" if installed(card) else ("no: predictions only" if card.loader is None else "no: not installed")
        rows.append([card.key, card.name, card.kind, ", ".join(tasks_of(card)), runs])
    print_table(["key", "name", "kind", "tasks", "runs here"], rows)


@models.command("show")
def show_model(key: str, board: BoardOption = HERE) -> None:
    """Print a model's card as JSON.  Example: matdisc models show chgnet-0.3.0"""
    _print_card(open_board(board).model(key))


@models.command("check")
def check_models(keys: Annotated[list[str] | None, typer.Argument()] = None, board: BoardOption = HERE) -> None:
    """Check model cards (all, or those named) and say what is wrong."""
    root = open_board(board)
    from matdisc.tasks.fit import check_model

    _check(keys or root.model_keys(), lambda key: check_model(root, root.model(key)), "model")


@datasets.command("list")
def list_datasets(board: BoardOption = HERE, as_json: JsonOption = False) -> None:
    """List the datasets with size, tasks and licence."""
    root = open_board(board)
    cards = [root.dataset(key) for key in root.dataset_keys()]
    if as_json:
        typer.echo(json.dumps([card.model_dump(mode="json") for card in cards], indent=1))
        return
    rows = []
    for card in cards:
        data = "embedded" if all(f.embedded for f in card.files) else "public files (datasets pull)"
        rows.append([card.key, f"{card.n_samples:,}", ", ".join(card.tasks), card.licence, data])
    print_table(["key", "materials", "tasks", "licence", "data"], rows)


@datasets.command("show")
def show_dataset(
    key: str,
    board: BoardOption = HERE,
    ids: Annotated[bool, typer.Option("--ids", help="Print the ids of the scored materials instead.")] = False,
) -> None:
    """Print a dataset's card as JSON, or the ids to answer.  Example: matdisc datasets show elements --ids"""
    root = open_board(board)
    if not ids:
        _print_card(root.dataset(key))
        return
    from matdisc.datasets import load

    for sample in load(root, key).samples:
        typer.echo(sample.material_id)


@datasets.command("structures")
def write_structures(
    key: str,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="To write: .jsonl, .extxyz, .cif, .csv, .json, .db, or a folder.")
    ],
    task: TaskOption = "relaxation",
    board: BoardOption = HERE,
) -> None:
    """Write what a task asks: id and structure of every material, and no label, in the format that the name says.

    Formats: JSON lines, extended XYZ, CIF, a table of CIF texts, pymatgen's JSON, each also with .gz; ASE's database; a
    folder of POSCAR files. Only JSON lines, extended XYZ, pymatgen's JSON and databases hold what is to be done with a
    structure, where a task measures.

    Example: matdisc datasets structures mp-abc3-cubic --task relaxation --out starts.jsonl.gz
    """
    from matdisc.tasks.inputs import write_inputs

    typer.echo(f"{out}: {write_inputs(open_board(board), key, task, out):,} structures")


@datasets.command("corrections")
def write_mp2020_corrections(
    key: str,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Table to write; default: corrections.csv beside the card.")
    ] = None,
    any_anion: Annotated[
        bool,
        typer.Option("--any-anion", help="Correct anions whatever their oxidation state, as in the labels of WBM."),
    ] = False,
    board: BoardOption = HERE,
) -> None:
    """Compute the MP2020 corrections of a dataset's crystals with pymatgen, once, for models of raw PBE energies.

    Freeze the table: name it on the card.  Example: matdisc datasets corrections my-set
    """
    from importlib.metadata import version

    from matdisc.datasets import load
    from matdisc.datasets.corrections import write_corrections

    root = open_board(board)
    dataset = load(root, key, verify=False)
    path = out or root.datasets_dir / key / "corrections.csv"
    n = write_corrections(path, (*dataset.samples, *dataset.train), "no_check" if any_anion else "require_bound")
    typer.echo(f"{path}: {n:,} of {len(dataset.samples) + len(dataset.train):,} crystals have a correction")
    typer.echo(
        f"made with pymatgen-core {version('pymatgen-core')}; compare some with your labels, then freeze the table"
    )
    typer.echo(
        f"next: name 'corrections.csv' among the files of the card, then `matdisc datasets describe {key} --write`"
    )


@datasets.command("check")
def check_datasets(keys: Annotated[list[str] | None, typer.Argument()] = None, board: BoardOption = HERE) -> None:
    """Check dataset cards (all, or those named) and say what is wrong."""
    root = open_board(board)
    from matdisc.tasks.fit import check_dataset

    _check(keys or root.dataset_keys(), lambda key: check_dataset(root, root.dataset(key)), "dataset")


@datasets.command("pull")
def pull_datasets(keys: Annotated[list[str] | None, typer.Argument()] = None, board: BoardOption = HERE) -> None:
    """Fetch the public files of datasets and check their sha256.

    MATDISC_MIRROR=DIR takes them from a local folder instead.  Example: matdisc datasets pull mp-abc3-cubic
    """
    from matdisc.datasets.fetch import pull

    root = open_board(board)
    for key in keys or root.dataset_keys():
        for name, path, source in pull(root, key):
            typer.echo(f"{key}: {name} {source}: {path}")


@datasets.command("verify")
def verify_datasets(keys: Annotated[list[str] | None, typer.Argument()] = None, board: BoardOption = HERE) -> None:
    """Recompute the hashes of files and samples and say whether anything drifted; exit code 1 if so."""
    from matdisc.datasets.verify import verify

    root = open_board(board)
    wrong = 0
    for key in keys or root.dataset_keys():
        for check in verify(root, key):
            typer.echo(
                f"{key}: {check.what}: {'fine' if check.ok else 'WRONG'}{', ' if check.detail else ''}{check.detail}"
            )
            wrong += not check.ok
    raise typer.Exit(1 if wrong else 0)


@datasets.command("describe")
def describe_dataset(
    key: str,
    write: Annotated[bool, typer.Option("--write", help="Write them into the card; its other lines stay.")] = False,
    board: BoardOption = HERE,
) -> None:
    """Print the lines of a card that follow from its data: counts, sizes, hashes.

    Example: matdisc datasets describe my-set --write
    """
    from matdisc.datasets.describe import describe, write_described

    root = open_board(board)
    if not write:
        typer.echo(describe(root, key))
        return
    n = write_described(root, key)
    typer.echo(f"{root.datasets_dir / key / 'dataset.toml'}: {n} fields written" if n else "the card is right already")


def _check(keys: list[str], read: Any, noun: str) -> None:
    problems = 0
    for key in keys:
        try:
            read(key)
        except (MatdiscError, OSError) as err:
            problems += 1
            trouble = os_trouble(err) if isinstance(err, OSError) else None
            typer.echo(f"error: {trouble or err}", err=True)
        else:
            typer.echo(f"{noun} {key}: fine")
    raise typer.Exit(2 if problems else 0)


def _print_card(card: Any) -> None:
    typer.echo(json.dumps(card.model_dump(mode="json", exclude_none=True), indent=1, ensure_ascii=False))
