"""What a model should learn from next: fragments of its own liquids where several models disagree, or a run broke.

Liquids are packed at several densities and simulated at several temperatures by the first model. Where the others
disagree most with it, and where the watchdog has ended a run, the molecule concerned is cut out with its neighbours:
a free cluster is labelled in a tenth of a second, a box in many.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from matdisc.arrays import Floats
from matdisc.cards import Strict
from matdisc.errors import RunError
from matdisc.models.get.training.config import Count, Positive, Seed, Text
from matdisc.physics.drivers import run_batched
from matdisc.physics.evaluation import Steps
from matdisc.physics.md import Conditions, Recorder, SimulationResult, Watchdog, simulate
from matdisc.physics.molecules.packing import liquid
from matdisc.physics.molecules.settling import centres, scaled_by_molecules, settled
from matdisc.physics.molecules.species import species

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

LOOSE = 0.85
"""Boxes are packed at this share of the density wanted and then scaled, so that a dense one is packed at all."""


class Liquid(Strict):
    """A liquid to explore, at each of its densities (g/cm^3) and temperatures (K)."""

    name: Text
    species: dict[Text, Count] = Field(min_length=1)
    densities: tuple[Positive, ...] = Field(min_length=1)
    temperatures: tuple[Positive, ...] = Field(min_length=1)


class SelectConfig(Strict):
    """What is simulated, and how much of it is taken.

    Attributes:
        models: Folders of trained models, relative to the configuration; the first one moves the atoms.
        steps, timestep: Of each run, and fs.
        every: Steps between two frames that are looked at.
        fragments: Taken from each run, each from a frame of its own; one more where a run broke.
        boxes: Whole boxes taken from each run.
        atoms: Of a fragment, at most (whole molecules).
        seed: Of packings and velocities.
    """

    models: tuple[Text, ...] = Field(min_length=2)
    liquid: tuple[Liquid, ...] = Field(min_length=1)
    steps: Count = 2000
    timestep: Positive = 1.0
    every: Count = 50
    fragments: Count = 8
    boxes: Annotated[int, Field(ge=0)] = 0
    atoms: Count = 60
    seed: Seed = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """What one run gave: its name, structures to label, why it ended early, if it did, and the spread (eV/Å) at the
    molecules that were cut out, the first that of the largest.
    """

    name: str
    structures: tuple[Atoms, ...]
    stop: str
    spreads: tuple[float, ...]


def select(config: SelectConfig, folder: Path) -> Iterator[Selection]:
    """Simulate all liquids, and yield what to label of each run as it ends.

    Raises:
        MatdiscError: If a model or species is unknown, or a liquid cannot be packed.
    """
    from matdisc.models.get.calculator import load

    for each in config.liquid:
        for one in each.species:
            species(one)  # an unknown one is named now, not after hours
    models = [load(folder=str(folder / name)) for name in config.models]
    runs = [
        (number, each, density, temperature)
        for number, (each, density, temperature) in enumerate(
            (each, density, temperature)
            for each in config.liquid
            for density, temperature in itertools.product(each.densities, each.temperatures)
        )
    ]
    works = ((run, _explored(config, *run)) for run in runs)
    for ended in run_batched(works, models[0]):
        number, each, density, temperature = ended.key
        name = f"{each.name} at {density:g} g/cm^3 and {temperature:g} K"
        if isinstance(ended.error, RunError) or ended.value is None:
            yield Selection(name, (), str(ended.error), ())
            continue
        atoms, seen, result = ended.value
        yield _selected(config, models, name, number, each, atoms, seen, result)


def select_to(
    config: SelectConfig, folder: Path, out: Path, *, report: Callable[[int, int], None] = lambda done, total: None
) -> list[Selection]:
    """Do `select` and write all structures to `out`, extended XYZ.

    Raises:
        RunError: If there is nothing to write.
    """
    from ase.io import write

    from matdisc.atomic import write_atomic

    total = sum(len(each.densities) * len(each.temperatures) for each in config.liquid)
    report(0, total)
    found: list[Selection] = []
    for one in select(config, folder):
        found.append(one)
        report(len(found), total)
    structures = [atoms for one in found for atoms in one.structures]
    if not structures:
        raise RunError(f"no run gave a structure; the first ended by: {found[0].stop}")
    text = io.StringIO()
    write(text, structures, format="extxyz")
    write_atomic(out, text.getvalue().encode())
    return found


def _explored(
    config: SelectConfig, number: int, each: Liquid, density: float, temperature: float
) -> Steps[tuple[Atoms, Floats, SimulationResult]]:
    """Simulate a box; return it, the positions that were looked at, shape (n_frames, n, 3), and how it ended."""
    packed = liquid(each.species, LOOSE * density, seed=config.seed + number)
    atoms = yield from settled(scaled_by_molecules(packed, LOOSE ** (1 / 3)))
    conditions = Conditions(ensemble="langevin", timestep=config.timestep, temperature=temperature, friction=0.02)
    seen = Recorder(config.every, ["positions"])
    watchdog = Watchdog(bonds=True, drift=None)
    ended = yield from simulate(
        atoms, conditions, config.steps, seed=config.seed + number, observers=[seen], watchdog=watchdog
    )
    return atoms, seen.array("positions"), ended


def _selected(
    config: SelectConfig, models: Sequence[Calculator], name: str, number: int, each: Liquid,
    atoms: Atoms, seen: Floats, ended: SimulationResult,
) -> Selection:  # fmt: skip
    """Cut out what the models disagree on most, one molecule a frame, and what a broken run ended with."""
    charges = [species(one).charge for one, n in each.species.items() for _ in range(n)]
    frames = [_at(atoms, positions) for positions in seen]
    spread = np.stack([molecule_spread(models, frame) for frame in frames])  # (n_frames, n_molecules)
    order = np.argsort(-spread.max(axis=1))[: config.fragments]
    taken = [fragment(frames[f], int(spread[f].argmax()), charges, config.atoms) for f in order]
    if ended.stop:
        last = _at(atoms, ended.state.positions)
        taken.append(fragment(last, int(molecule_spread(models, last).argmax()), charges, config.atoms))
    whole = [frames[f] for f in np.argsort(-spread.mean(axis=1))[: config.boxes]]
    for structures, what in ((taken, "fragment"), (whole, "box")):
        for one in structures:
            one.info |= {"system": f"{each.name}-{what}", "trajectory": number}
    stop = f"{ended.stop.reason} after {ended.stop.time_fs:g} fs" if ended.stop else ""
    return Selection(name, (*taken, *whole), stop, tuple(float(spread[f].max()) for f in order))


def _at(atoms: Atoms, positions: Floats) -> Atoms:
    found = atoms.copy()
    found.positions = positions
    found.arrays.pop("momenta", None)
    return found


def molecule_spread(models: Sequence[Calculator], atoms: Atoms) -> Floats:
    """Return the models' spread of forces at each molecule, eV/Å, shape (n_molecules,).

    It is the root mean square, over the molecule's atoms, of the standard deviation of the force vector over models.
    """
    from matdisc.physics.evaluation import evaluate

    forces = np.stack([evaluate(model, atoms).forces for model in models])
    squares = forces.var(axis=0).sum(axis=1)
    ids = np.asarray(atoms.arrays["molecule"], int)
    found: Floats = np.sqrt(np.bincount(ids, squares) / np.bincount(ids))
    return found


def fragment(atoms: Atoms, molecule: int, charges: Sequence[int], most: int) -> Atoms:
    """Return a molecule of a periodic box with its nearest neighbours as a free cluster of at most `most` atoms.

    Molecules stay whole; each is taken once, as the image that lies nearest. Nearness is that of the closest atoms.

    Args:
        atoms: A box with whole molecules, numbered in `arrays["molecule"]`.
        molecule: The one in the middle; it is kept whatever its size.
        charges: Formal charge of each molecule, e; their sum becomes `info["charge"]`.
        most: Atoms.
    """
    ids = np.asarray(atoms.arrays["molecule"], int)
    middles, cell = centres(atoms.positions, ids, np.ones(len(ids))), atoms.cell.array
    away = np.round((middles - middles[molecule]) @ np.linalg.inv(cell)) @ cell
    positions = atoms.positions - away[ids]
    middle = positions[ids == molecule]
    apart = np.linalg.norm(positions[:, None] - middle[None], axis=2).min(axis=1)
    nearest = np.full(len(middles), np.inf)
    np.minimum.at(nearest, ids, apart)
    kept: list[int] = []
    size = 0
    for one in np.argsort(nearest, kind="stable"):
        size += int((ids == one).sum())
        if kept and size > most:
            break
        kept.append(int(one))
    rows = np.isin(ids, kept)
    found = atoms[rows]
    found.positions = positions[rows] - middle.mean(axis=0)
    found.set_cell(None)
    found.pbc = False
    found.arrays["molecule"] = np.unique(ids[rows], return_inverse=True)[1]
    found.info = {"charge": int(sum(charges[one] for one in kept))}
    return found
