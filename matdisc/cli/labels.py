"""`matdisc labels`: structures of molecules and clusters with energies, forces, charges and dipoles by xTB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matdisc.cli.common import print_table
from matdisc.cli.runs import AddressOption, WorkersOption
from matdisc.progress import progress_line

if TYPE_CHECKING:
    from matdisc.run.labels.driver import LabelResult


def labels(
    config: Annotated[
        Path,
        typer.Argument(help="Configuration (TOML; docs/guides/labels.md), or structures to label (.xyz, .extxyz)."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of what is made.")],
    workers: WorkersOption = None,
    address: AddressOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what lies in --out.")] = False,
) -> None:
    """Make labelled frames to train a force field on, by GFN2-xTB (package tblite).

    Writes OUT/frames.npz and OUT/labels.toml with its hash. Each trajectory is on disk when it ends; Ctrl-C loses those
    under way, and --resume goes on. What has no label is counted with its reason.

    Example: matdisc labels models/get-mini/labels.toml --out labels --workers 2
    """
    from matdisc.models.get.labels.config import read_label_config
    from matdisc.run.labels.card import reasons
    from matdisc.run.labels.driver import make_labels

    settings = read_label_config(config)
    source = config.read_text(encoding="utf-8") if config.suffix == ".toml" else ""
    out.mkdir(parents=True, exist_ok=True)  # or it is refused before the work, and not after
    with progress_line(f"{config.stem}, {settings.method}") as progress:
        made = make_labels(
            settings, config.parent, out,
            source=source, workers=workers, address=address, resume=resume, progress=progress,
        )  # fmt: skip
    _print_systems(made)
    for why, n in reasons(made.left_out).most_common():
        typer.echo(f"left out: {n} {why}")
    total = f"{len(made.frames)} frames, {int(made.frames.frame_ptr[-1])} atoms, {made.seconds:.0f} s of processor time"
    typer.echo(f"{total} ({made.reused} trajectories reused)")
    typer.echo(f"frames: {made.path} (sha256 {made.sha256})")


def _print_systems(made: LabelResult) -> None:
    import numpy as np

    frames, rows = made.frames, []
    for name in dict.fromkeys(frames.system.tolist()):
        part = frames.take(frames.system == name)
        sizes = np.linalg.norm(part.forces, axis=1)
        counts = (len(part), len(set(part.trajectory.tolist())))
        numbers = (f"{part.n_atoms.mean():.0f}", f"{sizes.mean():.2f}", f"{sizes.max():.1f}")
        rows.append([name, *(str(n) for n in counts), *numbers])
    print_table(["system", "frames", "trajectories", "atoms", "mean |F| eV/Å", "largest"], rows)
