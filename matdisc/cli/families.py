"""`matdisc train FAMILY`: train one of the families of the field on a dataset."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption, DatasetOption, print_table
from matdisc.cli.runs import AddressOption, EnvOption, WorkersOption, known_env
from matdisc.progress import news, progress_line

COMMAND = "family"


class FamilyGroup(TyperGroup):
    """A name that is no command is that of a family."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = [COMMAND, *args]
        return super().resolve_command(ctx, args)


def family(
    name: Annotated[str, typer.Argument(metavar="FAMILY", help="Key of a family on the board, e.g. cgcnn.")],
    dataset: DatasetOption,
    fold: Annotated[
        str,
        typer.Option("--fold", help="PROTOCOL/NAME (e.g. grouped-5/0), PROTOCOL for all its folds, held-out, or all."),
    ] = "all",
    members: Annotated[
        int | None, typer.Option("--members", min=1, max=100, help="Trainings of an ensemble; default: the card's.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of the first member; default: the card's.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder that predicts again; default: the cache, where evaluate finds it."),
    ] = None,
    board: BoardOption = HERE,
    workers: WorkersOption = None,
    address: AddressOption = None,
    env: EnvOption = "inherit",
) -> None:
    """Train a family on a fold, on all folds of a protocol, or on a whole dataset.

    Folds and members are trained side by side. After Ctrl-C or a crash the same command goes on from the checkpoints
    and ends with the same weights.

    Example: matdisc train cgcnn --dataset binaries-small --fold grouped-5/0 --members 3 --out trained/cgcnn
    """
    from matdisc.run.families import train

    with progress_line(f"{name} {dataset} {fold}") as progress:
        found = train(
            open_board(board), name, dataset, fold=fold, members=members, seed=seed, out=out, workers=workers,
            address=address, env=known_env(env), progress=progress, say=news,
        )  # fmt: skip
    rows = [
        [
            one.fold,
            str(one.n_learnt),
            f"{one.n_answered} of {one.n_tested}" if one.n_tested else "–",
            "–" if math.isnan(one.mae) else f"{one.mae:.4f}",
            f"{one.cpu_seconds:.1f}",
        ]
        for one in found
    ]
    print_table(["fold", "learnt from", "answered", "MAE eV/atom", "CPU s"], rows)
    for one in found:
        if one.folder is not None:
            typer.echo(f"model: {one.folder}")
