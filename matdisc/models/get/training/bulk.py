"""Frames without labels, such as those of a simulation, and what several models say of them: mean and spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc import formats
from matdisc.arrays import Floats
from matdisc.errors import DataError
from matdisc.models.get import frames as fr
from matdisc.models.get.reference.potential import GET
from matdisc.models.get.training.accuracy import Predictions
from matdisc.models.get.training.evaluation import predict
from matdisc.models.get.training.samples import samples_of

if TYPE_CHECKING:
    from ase import Atoms


def read_structures(files: Sequence[Path]) -> list[Atoms]:
    """Return the structures of frames (.npz) or of trajectories that ASE reads; labels in them are left out.

    Raises:
        DataError: If a file cannot be read or holds no structure.
    """
    found: list[Atoms] = []
    for path in files:
        if path.suffix == ".npz":
            frames = fr.read_frames(path)
            found += [fr.to_atoms(frames, f) for f in range(len(frames))]
            continue
        if not path.is_file():
            raise DataError(f"{path}: no such file; give a trajectory, such as one of `matdisc md`")
        notes = formats.Notes()
        structures = formats.read_structures(path, note=notes)
        found += [formats.checked(atoms, f"{path}: frame {i}", note=notes) for i, atoms in enumerate(structures)]
        notes.tell(str(path), formats.to_stderr)
    if not found:
        raise DataError(f"{', '.join(map(str, files))}: no structures in it; simulate some with `matdisc md`")
    return found


@dataclass(frozen=True, slots=True)
class TeacherLabels:
    """What several models say of the same F frames of A atoms.

    Attributes:
        frames: The structures with the models' mean energy, forces and virial as labels.
        energy_spread: Standard deviation over the models, less each model's mean over frames, eV, shape (F,).
        forces_spread: The same of force components, eV/Å, shape (A, 3).
        virial_spread: eV, shape (F, 3, 3).
        each: What each model says.
    """

    frames: fr.Frames
    energy_spread: Floats
    forces_spread: Floats
    virial_spread: Floats
    each: tuple[Predictions, ...]

    @property
    def force_spread(self) -> float:
        """Root mean square over atoms of the models' standard deviation of the force vector, eV/Å."""
        return float(np.sqrt((self.forces_spread**2).sum(axis=1).mean()))

    def of_frames(self) -> Floats:
        """The same of each frame, shape (F,), eV/Å."""
        squares = (self.forces_spread**2).sum(axis=1)
        return np.sqrt(np.add.reduceat(squares, self.frames.frame_ptr[:-1]) / self.frames.n_atoms)


def teacher_labels(models: Sequence[GET], structures: Sequence[Atoms], *, device: str = "cpu") -> TeacherLabels:
    """Ask every model about every structure.

    The standard deviation divides by the number of models less one. Offsets of energies, which training leaves open,
    are no spread.

    Raises:
        DataError: If a structure holds an element that a model has not learned.
    """
    unlabelled = _unlabelled(structures)
    for model in models:
        unknown = sorted({int(z) for z in unlabelled.numbers} - set(model.settings.elements or range(1, 87)))
        if unknown:
            raise DataError(
                f"the frames hold atomic number {unknown[0]}, which a model has not learned; leave them out"
            )
    each = []
    for model in models:
        samples = samples_of(unlabelled, model.settings, {}, dtype=model.dtype, device=device)
        each.append(predict(model, samples))
    energy = np.stack([said.energy for said in each])
    forces = np.stack([said.forces for said in each])
    virial = np.stack([said.virial for said in each])
    centred = energy - energy.mean(axis=1, keepdims=True)
    return TeacherLabels(
        frames=relabelled(unlabelled, energy.mean(axis=0), forces.mean(axis=0), virial.mean(axis=0)),
        energy_spread=centred.std(axis=0, ddof=1) if len(models) > 1 else np.zeros(len(unlabelled)),
        forces_spread=forces.std(axis=0, ddof=1) if len(models) > 1 else np.zeros_like(forces[0]),
        virial_spread=virial.std(axis=0, ddof=1) if len(models) > 1 else np.zeros_like(virial[0]),
        each=tuple(each),
    )


def relabelled(frames: fr.Frames, energy: Floats, forces: Floats, virial: Floats) -> fr.Frames:
    """Return the frames with other energies, forces and virials."""
    arrays = {name: getattr(frames, name) for name in frames.__dataclass_fields__}
    return fr.Frames(**arrays | {"energy": energy, "forces": forces, "virial": virial})


def _unlabelled(structures: Sequence[Atoms]) -> fr.Frames:
    blank = []
    for atoms in structures:
        copy = atoms.copy()
        copy.calc = None
        copy.info = {"energy": 0.0, "charge": formats.total_charge(atoms, "structure"), "system": _system(atoms)}
        copy.set_array("forces", np.zeros((len(copy), 3)))
        blank.append(copy)
    return fr.from_atoms(blank, "structures")


def _system(atoms: Atoms) -> str:
    return str(atoms.info.get("system", atoms.get_chemical_formula()))


def write_teacher_labels(path: Path, found: TeacherLabels) -> None:
    """Write mean and spread: frames to `path` (.npz), spreads beside it as `<name>-spread.npz`."""
    import io

    from matdisc.atomic import write_atomic

    fr.write_frames(path, found.frames)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        energy_spread=found.energy_spread,
        forces_spread=found.forces_spread,
        virial_spread=found.virial_spread,
    )
    write_atomic(path.with_name(f"{path.stem}-spread.npz"), buffer.getvalue())
