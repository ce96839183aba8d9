"""Structures of one trajectory with their labels: dynamics, rattled copies, close contacts; or a user's structures.

What has no label, or forces beyond a limit, is left out with its reason.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.errors import DataError, RunError
from matdisc.formats import Note, Notes, checked, number, silent
from matdisc.models.get.frames import Frames, join
from matdisc.models.get.labels.config import LabelConfig, System
from matdisc.models.get.labels.xtb import Label, NoLabel, Xtb, check_electrons, label_atoms
from matdisc.physics.evaluation import Evaluation
from matdisc.physics.md import Conditions, simulate
from matdisc.physics.molecules.packing import cluster, liquid
from matdisc.physics.molecules.perturb import rattled, squeezed, turned_at_random
from matdisc.physics.molecules.species import Species, species

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, slots=True)
class Work:
    """One trajectory of a system, or one portion of a user's structures.

    Attributes:
        key: Names it among all, and its files.
        system: What to make; None for a user's structures.
        trajectory: Its number within the system.
        structures: The user's structures, in portions.
    """

    key: str
    config: LabelConfig
    system: System | None
    trajectory: int
    own: Mapping[str, Species] = field(default_factory=dict)
    structures: Sequence[Atoms] = ()

    @property
    def cost(self) -> float:
        """What it will roughly take, in units of its own."""
        if self.system is None:
            return float(sum(len(atoms) ** 2 for atoms in self.structures))
        n = sum(count * len(species(name, self.own)) for name, count in self.system.species.items())
        one = self.system
        return float(n**2 * (one.frames * (one.stride / self.config.timestep + one.rattles) + one.contacts))


@dataclass(frozen=True, slots=True)
class Rejection:
    """A structure without a place among the frames: how it was made, its number among those, and why."""

    kind: str
    number: int
    why: str


@dataclass(slots=True)
class LabelledFrames:
    """What came of one piece of work: frames, or None if there is none, and what was left out."""

    frames: Frames | None
    left_out: list[Rejection]


def works(
    config: LabelConfig,
    own: Mapping[str, Species],
    structures: Mapping[str, Sequence[Atoms]],
    say: Callable[[str], None] = silent,
) -> list[Work]:
    """Return all work of a configuration, in the order in which frames are joined.

    Args:
        config: What is wanted.
        own: The user's own species.
        structures: The user's structures, by file name; they are labelled in portions of 10.
        say: Told once what of these is not read.

    Raises:
        DataError: If a system's or structure's charge does not fit its electrons, a species is unknown, or a structure
            is periodic in part, disordered, or has a field that is none of its kind.
    """
    found = []
    for one in config.system:
        bodies = [species(name, own) for name, n in one.species.items() for _ in range(n)]
        charge = sum(body.charge for body in bodies)
        check_electrons(np.concatenate([body.numbers for body in bodies]), charge, source=f"system {one.name!r}")
        if one.periodic and charge:
            raise DataError(f"system {one.name!r}: the charges add up to {charge:+d} e; a periodic box must be neutral")
        needed = {name: own[name] for name in one.species if name in own}
        found += [Work(f"{one.name}_{t:03d}", config, one, t, needed) for t in range(one.trajectories)]
    for name, read in structures.items():
        notes = Notes()
        mine = [_fit_to_label(atoms, f"{name}, frame {i}", notes) for i, atoms in enumerate(read)]
        notes.tell(name, say)
        for portion, first in enumerate(range(0, len(mine), 10)):
            some = tuple(mine[first : first + 10])
            found.append(Work(f"{name}_{portion:03d}", config, None, portion, structures=some))
    return found


def _fit_to_label(atoms: Atoms, where: str, note: Note) -> Atoms:
    found = checked(atoms, where, knows_spin=True, note=note)
    check_electrons(found.numbers, found.info.get("charge", 0), found.info.get("multiplicity", 1), where)
    number(found.info.get("trajectory", 0), where, "trajectory", whole=True)
    if found.pbc.any() and not found.pbc.all():
        raise DataError(f"{where}: periodic in some directions only; give pbc for all or none")
    return found


def label_work(work: Work) -> LabelledFrames:
    """Do one piece of work. What fails is left out with its reason; a broken configuration is raised."""
    if work.system is None:
        return _label_structures(work)
    try:
        trajectory = _Trajectory(work, work.system)
    except DataError as err:  # no packing is found
        return LabelledFrames(None, [Rejection("packing", 0, str(err))])
    return trajectory.labelled()


class _Trajectory:
    """One trajectory of a system on its way."""

    def __init__(self, work: Work, system: System) -> None:
        self.config, self.system, self.number = work.config, system, work.trajectory
        self.rng = np.random.default_rng([work.config.seed, zlib.crc32(system.name.encode()), work.trajectory])
        seed = int(self.rng.integers(2**31))
        if system.periodic:
            self.start = liquid(system.species, system.density, seed=seed, own=work.own)
        else:
            self.start = cluster(system.species, seed=seed, own=work.own, density=system.density)
        self.xtb = Xtb(
            self.start.numbers, charge=self.start.info["charge"], pbc=self.start.pbc, method=work.config.method
        )
        self.rows: list[Frames] = []
        self.left_out: list[Rejection] = []

    def labelled(self) -> LabelledFrames:
        bases = self._dynamics() if self.system.frames else [self.start.positions.copy()]
        for i, positions in enumerate(self._rattled(bases)):
            self._single("rattled", i, positions)
        for i, positions in enumerate(self._contacts(bases)):
            self._single("contact", i, positions)
        return LabelledFrames(join(self.rows) if self.rows else None, self.left_out)

    def _dynamics(self) -> list[Floats]:
        """Move the atoms, keep frames, and return their positions; ends early, with a reason, if it must."""
        kept: list[Floats] = []
        first = round(self.config.equilibrate / self.config.timestep)
        stride = max(1, round(self.system.stride / self.config.timestep))
        steps = self._simulation(first + stride * (self.system.frames - 1))
        radius = float(np.linalg.norm(self.start.positions, axis=1).max()) + 0.5
        constant = 0.0 if self.system.periodic else self.config.wall
        step = 0
        try:
            atoms = next(steps)
            while True:
                label = self.xtb.label(atoms.positions, atoms.cell.array)
                if step >= first and (step - first) % stride == 0:
                    kept.append(atoms.positions.copy())
                    self._keep("dynamics", len(kept) - 1, kept[-1], label)
                energy, forces = wall(atoms.positions, radius, constant)
                atoms = steps.send(Evaluation(label.energy + energy, label.forces + forces, None))
                step += 1
        except StopIteration as end:
            if end.value.stop:
                self.left_out.append(Rejection("dynamics", len(kept), f"ended at step {step}: {end.value.stop.detail}"))
        except (NoLabel, RunError) as err:
            self.left_out.append(Rejection("dynamics", len(kept), f"ended at step {step}: {err}"))
        return kept

    def _simulation(self, steps: int) -> Any:
        conditions = Conditions(
            ensemble="langevin",
            timestep=self.config.timestep,
            temperature=float(self.rng.uniform(*self.system.temperature)),
            friction=self.config.friction,
        )
        return simulate(self.start.copy(), conditions, steps, seed=int(self.rng.integers(2**31)))

    def _rattled(self, bases: Sequence[Floats]) -> Iterator[Floats]:
        for positions in bases:
            for _ in range(self.system.rattles):
                noise = self.system.noise * self.rng.uniform(0.2, 1)
                ids = self.start.arrays["molecule"]
                yield rattled(positions, ids, noise=noise, stretch=self.system.stretch, rng=self.rng)

    def _contacts(self, bases: Sequence[Floats]) -> Iterator[Floats]:
        for _ in range(self.system.contacts if bases else 0):
            turned = self.start.copy()
            base = bases[int(self.rng.integers(len(bases)))]
            turned.positions = turned_at_random(base, turned.arrays["molecule"], self.rng)
            yield squeezed(turned, float(self.rng.uniform(*self.system.closest))).positions

    def _single(self, kind: str, number: int, positions: Floats) -> None:
        try:
            label = self.xtb.label(positions, self.start.cell.array)
        except NoLabel as err:
            self.left_out.append(Rejection(kind, number, str(err)))
        else:
            self._keep(kind, number, positions, label)

    def _keep(self, kind: str, number: int, positions: Floats, label: Label) -> None:
        if why := too_strong(label, self.config.largest_force):
            self.left_out.append(Rejection(kind, number, why))
            return
        atoms = self.start.copy()
        atoms.positions = positions
        self.rows.append(frame(atoms, label, self.system.name, self.number))


def _label_structures(work: Work) -> LabelledFrames:
    """Label a user's structures as they are."""
    rows, left = [], []
    name = work.key.rpartition("_")[0]
    for i, atoms in enumerate(work.structures):
        number = 10 * work.trajectory + i
        try:
            label = label_atoms(atoms, method=work.config.method, source=f"{name}, frame {number}")
        except NoLabel as err:
            left.append(Rejection(name, number, str(err)))
            continue
        if why := too_strong(label, work.config.largest_force):
            left.append(Rejection(name, number, why))
            continue
        system = str(atoms.info.get("system", atoms.get_chemical_formula()))
        rows.append(frame(atoms, label, system, int(atoms.info.get("trajectory", 0))))
    return LabelledFrames(join(rows) if rows else None, left)


def frame(atoms: Atoms, label: Label, system: str, trajectory: int) -> Frames:
    """Return one structure and its label as frames; a periodic structure has no dipole."""
    n, periodic = len(atoms), bool(atoms.pbc.any())
    molecule = atoms.arrays.get("molecule", np.zeros(n, int))
    return Frames(
        frame_ptr=np.array([0, n]),
        numbers=atoms.numbers.astype(np.int16),
        molecule=np.asarray(molecule, np.int32),
        positions=atoms.positions.copy(),
        forces=label.forces,
        charges=label.charges,
        energy=np.array([label.energy]),
        total_charge=np.array([float(atoms.info.get("charge", 0.0))]),
        dipole=np.full((1, 3), np.nan) if periodic else label.dipole[None],
        virial=label.virial[None],
        cell=atoms.cell.array[None].copy(),
        pbc=np.array(atoms.pbc)[None],
        system=np.array([system]),
        trajectory=np.array([trajectory]),
    )


def too_strong(label: Label, largest: float) -> str:
    """Return in words that a component of a force is beyond a limit, eV/Å; empty if none is."""
    found = float(np.abs(label.forces).max())
    return f"largest force {found:.1f} eV/Å, above {largest:g}" if found > largest else ""


def wall(positions: Floats, radius: float, constant: float) -> tuple[float, Floats]:
    """Return energy (eV) and forces (eV/Å) of a wall, harmonic beyond `radius` from the origin."""
    far = np.linalg.norm(positions, axis=1)
    out = np.maximum(far - radius, 0.0)
    forces = -(constant * out / np.maximum(far, 1e-9))[:, None] * positions
    return 0.5 * constant * float((out**2).sum()), forces
