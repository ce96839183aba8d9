"""`matdisc mix`: how metals mix by a potential, and a table of which replace each other."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption, print_table
from matdisc.cli.runs import (
    AddressOption,
    EnvOption,
    MemoryOption,
    ProtocolOption,
    TimeoutOption,
    WorkersOption,
    known_env,
    known_protocol,
)
from matdisc.progress import news, progress_line

if TYPE_CHECKING:
    from matdisc.run.mixing.driver import Mixing

MOST_ALIKE = 5


def mix(
    model: Annotated[str, typer.Argument(help="Key of a potential on the board.")],
    elements: Annotated[
        str | None, typer.Option("--elements", "-e", help="Symbols, as in Fe,Co,Ni; default: 25 metals.")
    ] = None,
    lattices: Annotated[str, typer.Option("--lattices", help="Lattices of the cells.")] = "BCC,FCC,HCP",
    board: BoardOption = HERE,
    workers: WorkersOption = None,
    address: AddressOption = None,
    timeout: TimeoutOption = 600.0,
    memory: MemoryOption = None,
    env: EnvOption = "inherit",
    protocol: ProtocolOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Table of substitutability; default: beside the record.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Set the record aside and begin anew.")] = False,
) -> None:
    """Compute how metals mix from small ordered cells, and write which of them replace each other.

    With MATDISC_MIRROR set, the enthalpies are compared with published ones. The protocol is relax-fast unless another
    is named. The same command goes on after a stop.

    Example: matdisc mix chgnet-0.3.0 --elements Fe,Co,Ni,Cr,Mn
    """
    from matdisc.run.engine.resumable import RunOptions
    from matdisc.run.mixing.driver import ALL_METALS, PROTOCOL
    from matdisc.run.mixing.driver import mix as run_mix
    from matdisc.run.mixing.table import write_table

    names = ALL_METALS if elements is None else elements.replace(",", " ").split()
    options = RunOptions(workers, address, timeout, memory, known_env(env), restart)
    with progress_line(f"{model} mixing") as progress:
        found = run_mix(
            open_board(board), model, names, lattices=lattices.upper().replace(",", " ").split(),
            protocol=known_protocol(protocol) or PROTOCOL, options=options, progress=progress, say=news,
        )  # fmt: skip
    ended = ", ".join(f"{n} {status}" for status, n in found.counts.most_common())
    typer.echo(f"{model}: {ended} ({found.reused} reused), {len(found.off_lattice)} cells left their lattice")
    typer.echo(f"record: {found.record}")
    _print_agreement(found)
    _print_most_alike(found)
    table = out or found.record.with_name("pairs.csv")
    digest = write_table(found, table)
    typer.echo(f"table: {table} (sha256 {digest}), origin: {table.with_suffix('.json')}")


def _print_agreement(found: Mixing) -> None:
    """Print how enthalpies agree with published ones, if a mirror holds them."""
    from matdisc.run.mixing.table import agreement
    from matdisc.units import KJ_PER_MOL

    mirror = os.environ.get("MATDISC_MIRROR")
    folder = Path(mirror).expanduser() / "alloys" if mirror else None
    if folder is None or not folder.is_dir():
        typer.echo("no comparison with published enthalpies: MATDISC_MIRROR names no folder that has them")
        return
    header = ["dH against Omega/4", "pairs", "MAE eV/atom", "MAE kJ/mol", "bias eV/atom", "Pearson", "Spearman"]
    rows = []
    for a in agreement(found, folder):
        errors = (f"{a.mae:.3f}", f"{KJ_PER_MOL * a.mae:.1f}", f"{a.bias:.3f}")
        rows.append([a.lattice, str(a.n), *errors, f"{a.pearson:.3f}", f"{a.spearman:.3f}"])
    print_table(header, rows)


def _print_most_alike(found: Mixing) -> None:
    import numpy as np

    pairs = [
        (float(found.similar[i, j]), found.elements[i], found.elements[j])
        for i, j in combinations(range(len(found.elements)), 2)
        if np.isfinite(found.similar[i, j])
    ]
    best = sorted(pairs, key=lambda pair: -pair[0])[:MOST_ALIKE]
    typer.echo("most alike: " + ", ".join(f"{a} {b} {s:.2f}" for s, a, b in best))
