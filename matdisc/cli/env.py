"""`matdisc env`: the isolated environments in the cache."""

from __future__ import annotations

from typing import Annotated

import typer

from matdisc.cli.common import print_table

env = typer.Typer(no_args_is_help=True)


@env.command(name="list")
def list_environments() -> None:
    """List the isolated environments, what they were made for and how large they are."""
    from matdisc.run.environments.layers import environments_dir, stored

    rows = [
        [e.name, ", ".join(e.requirements) if e.complete else "(incomplete)", f"{e.n_bytes / 1e6:.0f}"]
        for e in stored()
    ]
    print_table(["environment", "requirements", "MB"], rows)
    typer.echo(f"in {environments_dir()}")


@env.command()
def clear(
    names: Annotated[list[str] | None, typer.Argument(help="Names as in the list; default: all.")] = None,
) -> None:
    """Delete isolated environments; those in use are left. The next run builds what it needs again.

    Example: matdisc env clear sevenn-aba0b233d3d3
    """
    from matdisc.errors import RunError
    from matdisc.run.environments import layers

    known = {e.name: e.n_bytes for e in layers.stored()}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise RunError(f"environment {unknown[0]!r} does not exist; `matdisc env list` lists them")
    wanted = names or list(known)
    busy = layers.clear(wanted)
    gone = [name for name in wanted if name not in busy]
    typer.echo(f"deleted {len(gone)} environments, {sum(known[name] for name in gone) / 1e6:.0f} MB")
    if busy:
        typer.echo(f"in use and left: {', '.join(busy)}")
