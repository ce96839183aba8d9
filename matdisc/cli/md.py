"""`matdisc md`: molecular dynamics with any potential."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from matdisc.cli.common import HERE, BoardOption, print_table
from matdisc.cli.runs import AddressOption, EnvOption, WorkersOption, known_env
from matdisc.errors import RunError
from matdisc.progress import news

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.cards import ModelCard
    from matdisc.physics.md import Conditions, Watchdog
    from matdisc.run.md.files import Summary

Number = TypeVar("Number", int, float)
MemoryOption = Annotated[
    float | None,
    typer.Option(
        "--memory", min=0.1,
        help="GiB that a worker, or with -w 0 this process, may hold; default: a fair share of this machine.",
    ),
]  # fmt: skip
MOST_ATOMS = 10_000_000
"""A kilobyte each for positions, velocities, forces and their text; potentials take far more."""
MOST_BARS = 12
"""With more replicas there is one bar for all."""


def md(
    model: Annotated[str, typer.Argument(help="Key of a potential on the board, or a folder of `matdisc train get`.")],
    structure: Annotated[
        str,
        typer.Argument(help="A file (extxyz, cif, POSCAR ...; last image), or a box: box:EC=8,DMC=4,Li+=1,PF6-=1."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the results; one folder in it per replica.")],
    ensemble: Annotated[str, typer.Option("--ensemble", "-e", help="nve, langevin, nose-hoover or npt.")] = "langevin",
    temperatures: Annotated[str, typer.Option("--temperatures", "-T", help="K, as in 300,350.")] = "300",
    replicas: Annotated[int, typer.Option("--replicas", "-n", min=1, help="Trajectories at each temperature.")] = 1,
    steps: Annotated[int, typer.Option("--steps", "-s", min=1, help="Steps of each trajectory.")] = 1000,
    timestep: Annotated[float, typer.Option("--timestep", help="fs.")] = 1.0,
    friction: Annotated[float, typer.Option("--friction", help="Of langevin, 1/fs.")] = 0.01,
    thermostat: Annotated[float, typer.Option("--thermostat", help="Time scale of the thermostat, fs.")] = 100.0,
    pressure: Annotated[float, typer.Option("--pressure", help="Of npt, bar.")] = 1.0,
    barostat: Annotated[float, typer.Option("--barostat", help="Time scale of the cell, fs.")] = 1000.0,
    every: Annotated[int, typer.Option("--every", min=1, help="Steps between two frames of the trajectory.")] = 100,
    thermo_every: Annotated[
        int, typer.Option("--thermo-every", min=1, help="Steps between two lines of thermo.csv; 1 for Green-Kubo.")
    ] = 10,
    checkpoint_every: Annotated[
        int, typer.Option("--checkpoint-every", min=1, help="Steps between two checkpoints: what a crash can cost.")
    ] = 200,
    velocities: Annotated[bool, typer.Option("--velocities", help="Write momenta into the trajectory.")] = False,
    keep_velocities: Annotated[
        bool, typer.Option("--keep-velocities", help="Start with the velocities of the file, in all replicas.")
    ] = False,
    relax: Annotated[int, typer.Option("--relax", min=0, help="First relax the start by so many steps of FIRE.")] = 0,
    supercell: Annotated[str, typer.Option("--supercell", help="Repeat the structure, as in 2,2,2.")] = "1,1,1",
    density: Annotated[float | None, typer.Option("--density", help="Of a box, g/cm^3; default 1.2.")] = None,
    bonds: Annotated[
        bool | None,
        typer.Option("--bonds/--no-bonds", help="Whether the watchdog watches bonds; default: for molecules."),
    ] = None,
    watchdog: Annotated[bool, typer.Option("--watchdog/--no-watchdog", help="Stop what has broken.")] = True,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of velocities, noise and packing.")] = 0,
    board: BoardOption = HERE,
    workers: WorkersOption = None,
    address: AddressOption = None,
    memory: MemoryOption = None,
    env: EnvOption = "inherit",
    together: Annotated[
        int | None,
        typer.Option("--together", min=1, help="Replicas in one worker at most; default: as many as idle no worker."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on only; without anything to go on with, stop.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Set aside what is in --out and begin anew.")] = False,
) -> None:
    """Simulate how atoms move: replicas and temperatures side by side.

    Each trajectory is a folder with trajectory.extxyz, thermo.csv and a checkpoint. The same command goes on after a
    stop, to the same bytes; with more --steps, --replicas or --temperatures it adds to what is there.
    docs/guides/md.md tells the files, the ensembles and when the watchdog ends a trajectory.

    Exit codes: 0 all replicas done, 1 one or more ended early, 2 an error in what was asked, 130 stopped.

    \b
    Examples:
      matdisc md emt cu.extxyz --supercell 3,3,3 --ensemble nve --steps 2000 --out cu
      matdisc md chgnet-0.3.0 nacl.cif -e npt -T 300,600 --replicas 3 --out nacl
      matdisc md get-mini box:EC=8,DMC=4,Li+=1,PF6-=1 --timestep 0.5 --relax 200 --steps 40000 --out box
    """
    from matdisc.interrupts import stopping_at_once
    from matdisc.physics.md import Conditions
    from matdisc.run.md.driver import MDOptions, refuse_unknown_elements, run_md
    from matdisc.run.md.inputs import model_of
    from matdisc.run.md.job import Dynamics

    _refuse_pairs(
        ("--resume", resume, "--restart", restart), ("--relax", relax, "--keep-velocities", keep_velocities),
        ("--bonds", bonds, "--no-watchdog", not watchdog), ("--address", address, "--workers 0", workers == 0),
    )  # fmt: skip
    wanted = _numbers("--temperatures", temperatures, float)
    conditions = Conditions(
        ensemble=ensemble, timestep=timestep, temperature=wanted[0], friction=friction, thermostat_fs=thermostat,  # type: ignore[arg-type]
        pressure_bar=pressure, barostat_fs=barostat,
    )  # fmt: skip
    for one in wanted:
        replace(conditions, temperature=one).refuse_slips()
    repeat = _numbers("--supercell", supercell, int)
    if len(repeat) != 3:
        raise RunError(f"option '--supercell' is {supercell!r}; give three numbers, as in 2,2,2")
    with stopping_at_once():
        card = model_of(model, board)
        atoms = _start(structure, repeat, density=density, seed=seed, keep_velocities=keep_velocities, model=card)
        symbols = atoms.get_chemical_symbols()
        refuse_unknown_elements(card, symbols)
        remarks = [r for one in wanted for r in replace(conditions, temperature=one).remarks(symbols, steps)]
        for remark in dict.fromkeys(remarks):
            news(f"warning: {remark}")
        job = Dynamics(
            card, conditions, steps, every, thermo_every, checkpoint_every, _watchdog(atoms, watchdog, bonds), relax,
            velocities,
        )  # fmt: skip
        options = MDOptions(workers, address, memory, known_env(env), resume, restart, together)
        with _bars(steps) as progress:
            found = run_md(job, atoms, wanted, replicas, out, seed=seed, options=options, progress=progress, say=news)
    _print(found, conditions, len(atoms), out)
    if early := [one for one in found if one.ended != "done"]:
        news(f"{len(early)} of {len(found)} replicas ended early: {', '.join(one.name for one in early)}")
        raise typer.Exit(1)


def _refuse_pairs(*pairs: tuple[str, object, str, object]) -> None:
    for first, one, second, other in pairs:
        if one and other:
            raise RunError(f"options '{first}' and '{second}' exclude each other; give one of them")


def _start(structure: str, repeat: Sequence[int], *, model: ModelCard, **options: Any) -> Atoms:
    """Return the start of all trajectories, and say so if it does not fit into the memory of this machine."""
    from matdisc.run.engine.limits import lift_memory_limit, limit_memory
    from matdisc.run.engine.memory import machine_memory_gib
    from matdisc.run.md.inputs import BOX, structure_of

    machine, supercell = machine_memory_gib(), ",".join(map(str, repeat))
    limit_memory(machine and 0.9 * machine, "no model", in_worker=False)
    try:
        if math.prod(repeat) > 1 and not structure.startswith(BOX):
            n = len(structure_of(structure))
            if n * math.prod(repeat) > MOST_ATOMS:
                raise RunError(
                    f"option '--supercell' is {supercell}, which makes {n * math.prod(repeat):,} of {n:,} atoms; "
                    f"at most {MOST_ATOMS:,} can be simulated"
                )
        return structure_of(structure, supercell=repeat, model=model, say=news, **options)
    except MemoryError as err:
        raise RunError(
            f"structure {structure!r} with --supercell {supercell} does not fit into this machine's memory ({err}); "
            "take fewer atoms"
        ) from err
    finally:
        lift_memory_limit()


def _numbers(option: str, text: str, kind: Callable[[str], Number]) -> list[Number]:
    try:
        return [kind(item) for item in text.split(",")]
    except ValueError:
        raise RunError(f"option '{option}' is {text!r}; give numbers with commas between them") from None


def _watchdog(atoms: Atoms, wanted: bool, bonds: bool | None) -> Watchdog | None:
    from matdisc.physics.md import Watchdog

    if not wanted:
        return None
    return Watchdog(bonds=(atoms.has("molecule") or not atoms.pbc.any()) if bonds is None else bonds)


@contextmanager
def _bars(steps: int) -> Iterator[Callable[[str, int, int, str], None]]:
    """Show how far each replica is; without a terminal one line in ten seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    known: dict[str, tuple[int, str]] = {}
    last = [time.monotonic()]
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[ended]}", markup=False),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        total = bar.add_task("all replicas", total=None, ended="")
        lines: dict[str, TaskID] = {}

        def update(name: str, step: int, wanted: int, ended: str) -> None:
            known[name] = (max(step, known.get(name, (0, ""))[0]), ended or known.get(name, (0, ""))[1])
            step, ended = known[name]
            if len(known) <= MOST_BARS and name not in lines:
                lines[name] = bar.add_task(name, total=wanted, ended="")
            if name in lines:
                bar.update(lines[name], completed=step, ended=ended)
            done = sum(one for one, _ in known.values())
            bar.update(total, completed=done, total=wanted * len(known))
            if not console.is_terminal and time.monotonic() - last[0] > 10:
                last[0] = time.monotonic()
                print(f"{done} of {steps * len(known)} steps in {len(known)} replicas", file=sys.stderr, flush=True)

        yield update


def _print(found: Sequence[Summary], conditions: Conditions, n_atoms: int, out: Path) -> None:
    header = ["replica", "steps", "ps", "T K", "P bar", "g/cm^3", "drift meV/atom/ps", "steps/s", "ended"]
    rows = []
    for one in found:
        numbers = ((one.temperature, 1), (one.pressure, 0), (one.density, 4), (one.drift, 3), (one.steps_per_second, 1))
        cells = ["–" if number != number else f"{number:.{digits}f}" for number, digits in numbers]
        rows.append([one.name, str(one.steps), f"{one.time_ps:g}", *cells, f"{one.ended} {one.detail}".strip()])
    print_table(header, rows)
    typer.echo(f"{conditions.ensemble}, {n_atoms} atoms, {conditions.timestep:g} fs; results: {out}")
