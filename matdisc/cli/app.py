"""The `matdisc` command and how it ends: 0 done, 1 found problems, 2 an error of the user's, 130 stopped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import matdisc
from matdisc.cli import (
    alloys,
    cards,
    compare,
    electrolytes,
    elicit,
    env,
    files,
    history,
    labels,
    md,
    mix,
    runs,
    site,
    train,
)
from matdisc.errors import MatdiscError

app = typer.Typer(
    name="matdisc",
    help="The referee for models that promise to find new stable materials.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: matdisc init my-board && cd my-board && matdisc evaluate emt && matdisc site serve",
)
app.add_typer(cards.models, name="models", help="The models on a board.")
app.add_typer(cards.datasets, name="datasets", help="The datasets on a board: list, fetch, verify.")
app.command()(cards.init)
app.command()(runs.predict)
app.command()(runs.evaluate)
app.command()(mix.mix)
app.command()(md.md)
app.command()(labels.labels)
app.add_typer(train.app, name="train", help="Train the equivariant force field, distil an ensemble, align densities.")
app.add_typer(history.runs, name="runs", help="The runs on a board: list, show, go on with.")
app.add_typer(env.env, name="env", help="Isolated environments in the cache: list, clear.")
app.command()(files.check)
app.command()(files.score)
app.command(name="compare")(compare.compare)
app.command()(files.submit)
app.command()(files.accept)
app.command()(files.rescore)
app.command()(elicit.elicit)
app.add_typer(alloys.alloys, name="alloys", help="What evidence models know of alloys.")
app.add_typer(electrolytes.app, name="electrolytes", help="Properties of liquids from finished runs.")
app.add_typer(site.site, name="site", help="The static leaderboard.")


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """The referee for models that promise to find new stable materials."""
    if show:
        typer.echo(f"matdisc {matdisc.__version__} ({Path(__file__).parent.parent})")
        raise typer.Exit


def main() -> None:
    """Run the command line; errors that a user can act on are printed without a traceback."""
    try:
        app()
    except MatdiscError as err:
        print(f"error: {err}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as err:
        if isinstance(err, SystemExit) and err.code != 130:  # typer turns a KeyboardInterrupt into that code
            raise
        said = "what is done is kept, and the same command goes on from there (matdisc labels: with --resume)"
        print(f"\nstopped; {said}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
