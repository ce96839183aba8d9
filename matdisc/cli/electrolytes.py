"""`matdisc electrolytes`: from finished runs of `matdisc md` to properties, and to predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matdisc.cli.common import print_table
from matdisc.errors import RunError

if TYPE_CHECKING:
    from matdisc.run.md.liquids import Liquid

app = typer.Typer(help="Properties of liquid electrolytes from finished runs.", no_args_is_help=True)


@app.callback()
def electrolytes() -> None:
    """Properties of liquid electrolytes from finished runs."""


@app.command()
def analyse(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="SYSTEM=DIR...", help="Folders of `matdisc md`, each with the liquid's id: EC=runs/ec."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Predictions file to write: .csv or .csv.gz.")],
    aligned: Annotated[
        str, typer.Option("--aligned", help="Liquids whose density the model was fitted to, as in EC,DMC.")
    ] = "",
) -> None:
    """Work out density, viscosity, diffusion and conduction with their errors, and write them as predictions.

    A liquid has one folder at constant pressure (npt) for its density, one at constant volume (nose-hoover or nve) for
    motion, or both, with three replicas or more. What cannot be told is printed with its reason, and left out of the
    file.

    Example: matdisc electrolytes analyse EC=runs/ec-npt EC=runs/ec-nvt --out electrolytes.csv
    """
    from matdisc.predictions import write
    from matdisc.run.md.liquids import analyse as analysed
    from matdisc.schema import Prediction
    from matdisc.tasks.electrolytes.columns import answer_columns, as_columns

    if not out.name.endswith((".csv", ".csv.gz")):
        raise RunError(f"{out}: a predictions file is written as .csv or .csv.gz; change the name")
    folders = _folders(runs)
    fitted = set(aligned.replace(",", " ").split())
    if unknown := fitted - folders.keys():
        raise RunError(f"option '--aligned' names {', '.join(sorted(unknown))}; the liquids are {', '.join(folders)}")
    predictions = []
    for name, places in folders.items():
        liquid = analysed(places)
        _print(name, liquid)
        values = {"simulated_ps": liquid.simulated_ps, "completed": float(not liquid.stops)}
        values |= {"aligned": 1.0} if name in fitted else {}
        predictions.append(Prediction(name, values | as_columns(liquid.found)))
    digest = write(out, predictions, [column.name for column in answer_columns()])
    typer.echo(f"{out}: {len(predictions)} liquids, sha256 {digest}")


def _folders(runs: list[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for run in runs:
        name, equals, folder = run.partition("=")
        if not (name and equals and folder):
            raise RunError(f"argument {run!r}: give the liquid's id and a folder, as in EC=runs/ec-npt")
        found.setdefault(name, []).append(Path(folder))
    return found


def _print(name: str, liquid: Liquid) -> None:
    from matdisc.tasks.electrolytes.columns import unit_of

    typer.echo(f"{name}: {liquid.simulated_ps:.1f} ps count for each replica")
    for stop in liquid.stops:
        typer.echo(f"  ended early, no properties: {stop}")
    rows = [
        (key, *((f"{one.value:.4g}", f"{one.error:.2g}") if one.defined else ("", "")), unit_of(key), one.reason)
        for key, one in liquid.found.items()
    ]
    if rows:
        print_table(["property", "value", "error", "unit", "why not"], rows)
