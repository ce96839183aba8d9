"""The option `--tracker`: results go to experiment trackers, and a tracker that fails costs a warning."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer

from matdisc.board import Board

TrackerOption = Annotated[
    list[str] | None,
    typer.Option("--tracker", help="Also log results to mlflow, wandb, or a tracker of another package; repeatable."),
]


def known_trackers(names: Sequence[str] | None) -> list[str]:
    """Return the names of trackers, each once, or raise UnknownName: before a run, not after it."""
    from matdisc.trackers import point_of

    return [point_of(name).name for name in dict.fromkeys(names or ())]


def track(content: Mapping[str, Any], predictions: Path, trackers: list[str]) -> None:
    """Give a result to trackers and say where it went; one that fails is named with the remedy and left out after."""
    from matdisc.errors import MatdiscError
    from matdisc.trackers import TrackedResult, send

    result = TrackedResult(content, predictions)
    for name in tuple(trackers):
        try:
            with redirect_stdout(sys.stderr):  # standard output is for the result
                said = send(result, name)
        except MatdiscError as err:
            typer.echo(f"warning: {err}; the result is kept", err=True)
            trackers.remove(name)
        else:
            typer.echo(f"{name}: {said}", err=True)


def track_row(board: Board, task: str, dataset: str, entry: str, predictions: Path, trackers: list[str]) -> None:
    """Give the result of a row of the board to trackers."""
    if trackers:
        path = board.results_dir / task / dataset / f"{entry}.json"
        track(json.loads(path.read_text(encoding="utf-8")), predictions, trackers)
