"""`matdisc reproduce`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from matdisc.board import open_board
from matdisc.canonical import canonical_json
from matdisc.cli.common import HERE, TASK_HELP, BoardOption, JsonOption, print_table
from matdisc.cli.runs import (
    AddressOption,
    EnvOption,
    MemoryOption,
    TimeoutOption,
    WorkersOption,
    known_env,
    news,
    progress_line,
)

if TYPE_CHECKING:
    from matdisc.run.reproduce import Reproduction

LISTED = 10
"""Materials and differing conditions that are printed; all are in the file."""
SENTENCES = {
    "float noise": "the same: every answer agrees within float noise",
    "within the interval": "the same row: answers moved, and the metrics stay within the row's 95 % intervals",
    "beyond the interval": "NOT the same: a metric leaves the row's 95 % interval",
    "undefined": "answers moved, and a metric or its interval is undefined: nothing can be said of it",
}


def reproduce(
    row: Annotated[str, typer.Argument(help="Row on the board, as tables name it: MODEL or MODEL+PROTOCOL.")],
    task: Annotated[str | None, typer.Option("--task", "-t", help=TASK_HELP)] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Default: the only one of the row.")] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", "-n", min=1, help="About so many materials, at random; default: all.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the draw.")] = 0,
    board: BoardOption = HERE,
    workers: WorkersOption = None,
    address: AddressOption = None,
    timeout: TimeoutOption = 600.0,
    memory: MemoryOption = None,
    env: EnvOption = "inherit",
    restart: Annotated[bool, typer.Option("--restart", help="Set an earlier rerun aside and begin anew.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a row of the board again and say whether the difference is float noise, within the interval, or neither.

    With `--env isolated` the model gets the package versions that the row's record names. Answers lie under
    runs/reproduced/; the board stays as it is. Exit codes: 0 the same, 1 beyond the interval or undefined, 2 an error
    to mend.

    Example: matdisc reproduce chgnet-0.3.0 -t relaxation -d elements --sample 20
    """
    from matdisc.run.engine.resumable import RunOptions
    from matdisc.run.reproduce import reproduce as run_again
    from matdisc.run.reproduce import table_of

    root = open_board(board)
    of_task, of_dataset = table_of(root, row, task, dataset)
    options = RunOptions(workers, address, timeout, memory, known_env(env), restart)
    with progress_line(f"{row} {of_task} {of_dataset} again") as progress:
        found = run_again(
            root, row, of_task, of_dataset, sample=sample, seed=seed, options=options, progress=progress, say=news
        )
    if as_json:
        typer.echo(canonical_json(found.to_json()), nl=False)
    else:
        _print(found)
    if found.verdict not in ("float noise", "within the interval"):
        raise typer.Exit(1)


def _print(found: Reproduction) -> None:
    of_all = "all" if found.asked == found.materials else f"{found.asked:,} of"
    typer.echo(f"{found.row} on {found.dataset} ({found.task}): {of_all} {found.materials:,} materials again")
    rows = [
        [m.key, _text(m.row), _text(m.rerun), _text(m.difference, "+.2e"),
         f"{_text(m.low, '+.3g')} to {_text(m.high, '+.3g')}", m.verdict]
        for m in found.metrics
    ]  # fmt: skip
    print_table(["metric", "row", "rerun", "difference", "its interval allows", ""], rows)
    typer.echo(f"moved beyond float noise: {len(found.moved):,} of {found.asked:,} materials")
    if found.moved:
        listed = [
            [m.material_id, m.what, _text(m.row), _text(m.rerun), _text(m.apart, ".2e")] for m in found.moved[:LISTED]
        ]
        print_table(["material", "answer", "row", "rerun", "apart"], listed)
    other = [c for c in found.conditions if not c.same]
    typer.echo(f"conditions: {len(found.conditions) - len(other)} the same, {len(other)} not")
    if other:
        cells = [[c.name, c.row or "not on record", c.here or "not here"] for c in other[:LISTED]]
        print_table(["condition", "row", "here"], [[cell[:40] for cell in line] for line in cells])
    typer.echo(f"written: {found.path}")
    typer.echo(f"verdict: {SENTENCES[found.verdict]}")


def _text(value: float | str, form: str = ".6g") -> str:
    if isinstance(value, str):
        return value or "–"
    return "–" if math.isnan(value) else format(value, form)
