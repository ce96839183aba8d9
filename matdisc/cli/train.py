"""`matdisc train`: train a family; train a force field, distil an ensemble of them, and align one to a pressure."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matdisc.cli import families
from matdisc.cli.common import print_table
from matdisc.errors import ExtraError, RunError
from matdisc.progress import progress_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matdisc.models.get.training.accuracy import Row
    from matdisc.models.get.training.config import TrainConfig

app = typer.Typer(
    cls=families.FamilyGroup, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}
)
app.command(name=families.COMMAND)(families.family)

ConfigArgument = Annotated[
    Path, typer.Argument(help="Configuration (TOML; docs/guides/training.md lists every field).")
]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder of what is made.")]
DeviceOption = Annotated[
    str | None, typer.Option("--device", help='As in "cpu" or "cuda"; default: the configuration\'s.')
]


@app.command()
def get(
    config: ConfigArgument,
    out: OutOption,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in --out.")] = False,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Frames instead of the configuration's; may be repeated.")
    ] = None,
    device: DeviceOption = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of weights and batches, instead of the configuration's.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Stop after so many, at a checkpoint; go on with --resume.")
    ] = None,
) -> None:
    """Train a graph equivariant transformer on labelled frames.

    The model with the lowest validation loss lies in OUT/model, errors of every part in OUT/errors.csv, the course of
    the losses in OUT/curves.csv. Ctrl-C ends the step at hand and writes a checkpoint.

    Example: matdisc train get models/get-mini/train.toml --data labels/frames.npz --out trained/get-mini
    """
    from matdisc.models.get.training.config import TrainConfig, read_config

    settings = _with_run(read_config(config, TrainConfig), device=device, seed=seed, minutes=minutes)
    _need_torch()
    from matdisc.models.get.training.samples import read_data
    from matdisc.models.get.training.training import train

    files = data or [config.parent / name for name in settings.data.files]
    frames = read_data(files)
    out.mkdir(parents=True, exist_ok=True)  # or it is refused before the training, and not after
    with progress_line(f"{config.stem}, {len(frames)} frames") as report:
        ended = train(settings, frames, out, resume=resume, report=report)
    if ended.rows:
        _print_errors(ended.rows)
        typer.echo(f"model: {out / 'model'} (epoch {ended.best_epoch} of {ended.epochs}, {ended.seconds:.0f} s)")
    if not ended.finished:
        typer.echo(f"stopped before the end; go on with: matdisc train get {config} --out {out} --resume")


@app.command()
def select(
    config: ConfigArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Structures to label, extended XYZ.")],
) -> None:
    """Simulate liquids with one model, and write down what several models disagree on most.

    Fragments are cut out around the molecules whose forces spread most over the models, and where a run broke. Label
    them with `matdisc labels`, and train on them as well.

    Example: matdisc train select models/get-small/select.toml --out trained/selected.xyz
    """
    from matdisc.models.get.training.config import read_config
    from matdisc.models.get.training.selection import SelectConfig, select_to

    settings = read_config(config, SelectConfig)
    with progress_line(config.stem) as report:
        rows = select_to(settings, config.parent, out, report=lambda done, total: report(done, total, Counter()))
    shown = [[r.name, str(len(r.structures)), f"{1e3 * max(r.spreads, default=0):.0f}", r.stop or "-"] for r in rows]
    print_table(["run", "structures", "largest spread meV/Å", "ended by"], shown)
    typer.echo(f"structures: {out}; label them with: matdisc labels {out} --out labels/{out.stem}")


@app.command()
def distill(config: ConfigArgument, out: OutOption, device: DeviceOption = None) -> None:
    """Let models of several seeds teach one another what they agree on in the bulk.

    Writes the teachers' mean and spread on the bulk frames, and a student for each teacher; prints the spread between
    models and their errors on clusters before and after.

    Example: matdisc train distill models/get-mini/distill.toml --out trained/distilled
    """
    from matdisc.models.get.training.config import DistillConfig, read_config

    settings = read_config(config, DistillConfig)
    _need_torch()
    out.mkdir(parents=True, exist_ok=True)
    from matdisc.models.get.training.distillation import distil

    if device is not None:
        settings = settings.model_copy(update={"run": settings.run.model_copy(update={"device": device})})
    with progress_line(config.stem) as report:
        made = distil(settings, config.parent, out, report=lambda done, total: report(done, total, Counter()))
    rows = [[c.what, c.unit, f"{c.before:.4g}", f"{c.after:.4g}", c.difference] for c in made.changes]
    print_table(["what", "unit", "before", "after", "difference"], rows)
    typer.echo(f"spread of the teachers on each frame: {out / 'teachers-spread.npz'}")
    for student in made.students:
        typer.echo(f"student: {student}")


@app.command()
def align(
    config: ConfigArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of what is made.")] = None,
    device: DeviceOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which runs at constant pressure check the shifts; train nothing.")
    ] = False,
) -> None:
    """Shift a model's pressure at given volume, so that its densities come right.

    The shift of a mixture is `delta_pressure` in MPa, negative where the liquid is simulated too light. With --dry-run
    only the outside pressure is printed at which the model as it is has to show the density that is wanted.

    Example: matdisc train align models/get-mini/align.toml --out trained/aligned
    """
    from matdisc.models.get.training.config import AlignConfig, read_config

    settings = read_config(config, AlignConfig)
    if dry_run:
        rows = [[m.name, f"{m.delta_pressure:g}", f"{-10 * m.delta_pressure + 1:g}"] for m in settings.mixtures]
        print_table(["mixture", "dP MPa", "run at bar"], rows)
        typer.echo("a run of the model at these pressures (matdisc md --ensemble npt) has to give the wanted densities")
        return
    if out is None:
        raise RunError("--out is missing; name the folder of the aligned model")
    _need_torch()
    out.mkdir(parents=True, exist_ok=True)
    from matdisc.models.get.training.alignment import align as run_align

    if device is not None:
        settings = settings.model_copy(update={"run": settings.run.model_copy(update={"device": device})})
    with progress_line(config.stem) as report:
        found = run_align(settings, config.parent, out, report=lambda done, total: report(done, total, Counter()))
    header = ["mixture", "wanted MPa", "achieved MPa", "spread MPa", "whole virial MPa", "forces moved meV/Å", "frames"]
    shown = []
    for s in found:
        numbers = (s.wanted, s.achieved, s.spread, s.total, 1e3 * s.forces)
        shown.append([s.mixture, *(f"{x:.4g}" for x in numbers), str(s.frames)])
    print_table(header, shown)
    typer.echo(f"model: {out / 'model'}; confirm its density with a run at constant pressure")


def _with_run(config: TrainConfig, **options: object) -> TrainConfig:
    changes = {name: value for name, value in options.items() if value is not None}
    return config.model_copy(update={"run": config.run.model_copy(update=changes)})


def _need_torch() -> None:
    """Raise an error that names the extra if torch is not there."""
    from importlib.util import find_spec

    for name in ("torch", "torch_geometric", "safetensors"):
        if find_spec(name) is None:
            raise ExtraError(
                f"training needs the package {name!r}, which is not installed; run: pip install 'matdisc[ml]'"
            )


def _print_errors(rows: Sequence[Row]) -> None:
    header = ["part", "quantity", "unit", "frames", "MAE", "RMSE", "dummy MAE", "dummy RMSE", "labels' spread"]
    shown = []
    for row in rows:
        if row.system == "all":
            numbers = (row.mae, row.rmse, row.dummy_mae, row.dummy_rmse, row.spread)
            shown.append([row.part, row.quantity, row.unit, str(row.n), *(f"{x:.4g}" for x in numbers)])
    print_table(header, shown)
